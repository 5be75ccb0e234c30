"""The model card: what the model is, what it was trained on, how it did, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from metarisk.config.experiment import Experiment
from metarisk.train.subgroups import worst_in_words


def model_card(
    experiment: Experiment,
    provenance: Mapping[str, object],
    figures: pd.DataFrame,
    notes: Sequence[str],
    subgroups: pd.DataFrame,
) -> str:
    """Card of one training run, Markdown."""
    auroc = figures[figures["metric"] == "auroc"]
    parts = [
        f"# {experiment.tracking.model_name}: {experiment.name}",
        experiment.description.strip(),
        "**Research use only.** Not a medical device; no decision about a patient may rest on it.",
        "## Data",
        "\n".join(f"- {key.replace('_', ' ')}: {value}" for key, value in provenance.items()),
        "## Held-out figures (AUROC, patient bootstrap 95 % interval)",
        _table(auroc),
        "## Conformal sets, held out",
        _sets_table(figures),
        "## Subgroups, held out",
        "\n".join([_SUBGROUPS, *(f"- {line}" for line in worst_in_words(subgroups))]),
        "## What to know",
        "\n".join(f"- {note}" for note in (*notes, *_LIMITS)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


_SUBGROUPS = (
    "The group with the lowest AUROC on each question, of those that are large enough (samples / events): "
    "the lowest of many is low by chance too. All groups stand in `subgroups.tsv`.\n"
)
_LIMITS = (
    "Probabilities are calibrated on the training study; another population shifts them.",
    "The interval covers refitting on other patients of the same population and missing assays, not a shift.",
    "The conformal set says what can be said of one patient; a narrow interval does not decide a patient.",
    "Associations are not causes.",
)


def _table(auroc: pd.DataFrame) -> str:
    lines = [
        "| model | endpoint | horizon (days) | stratum | AUROC | n | events |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in auroc.to_dict("records"):
        horizon = "" if np.isnan(row["horizon_days"]) else f"{row['horizon_days']:g}"
        figure = f"{row['value']:.3f} [{row['lower']:.3f}-{row['upper']:.3f}]"
        cells = (row["model"], row["endpoint"], horizon, row["stratum"], figure, row["n"], row["events"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _sets_table(figures: pd.DataFrame) -> str:
    """Coverage, share decided and errors among the decided of each question, over all patients."""
    lines = [
        "| endpoint | horizon (days) | coverage | decided | wrong of the decided |",
        "|---|---|---|---|---|",
    ]
    everybody = figures[figures["stratum"] == "all"]
    metrics = ("set_coverage", "set_decided", "decided_error")
    for _, part in everybody.groupby(["endpoint", "horizon_days"], sort=False, dropna=False):
        found = part[part["metric"].isin(metrics)].set_index("metric")["value"]
        if len(found):
            endpoint, horizon = part["endpoint"].iloc[0], float(part["horizon_days"].iloc[0])
            by = "" if np.isnan(horizon) else f"{horizon:g}"
            cells = [f"{found[name]:.3f}" if name in found else "-" for name in metrics]
            lines.append(f"| {' | '.join((endpoint, by, *cells))} |")
    return "\n".join(lines)
