"""Our model against others on the same samples: paired differences, each with a p value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.metrics.delong import stratified_delong
from metarisk.metrics.discrimination import weighted_average_precision
from metarisk.metrics.intervals import Statistic, holm, paired_difference, reweighted, weighted_mean
from metarisk.metrics.within import Strata, choose_strata, within_strata
from metarisk.train.figures import OURS, Answers, DoubleArray, Judged
from metarisk.train.held_out import Asked, HeldOut, fewer

AUROC = "auroc"
VERSUS_COLUMNS = (
    *("model", "versus", "endpoint", "horizon_days", "metric", "stratum", "value", "other"),
    *("difference", "lower", "upper", "test", "p", "p_holm", "n", "events"),
)


class Pair(NamedTuple):
    """What two models answer for the samples that both answer.

    Attributes
    ----------
    first, second
        Ours, and the other's, shape (n,).
    judged
        The n samples.
    patients
        Patient of each, shape (n,).
    """

    first: DoubleArray
    second: DoubleArray
    judged: Judged
    patients: NDArray[np.str_]

    @property
    def independent(self) -> bool:
        """True where each row is another patient and counts once, as DeLong's test asks."""
        return len(np.unique(self.patients)) == len(self.patients) and bool((self.judged.weight == 1).all())


def paired_figures(models: Mapping[str, Answers], held_out: HeldOut) -> pd.DataFrame:
    """Ours minus each other model, on the samples that both answer.

    Parameters
    ----------
    models
        Model -> question -> answer of each sample, higher = likelier, NaN where it has none, shape (N,);
        `OURS` among them.
    held_out
        The samples.

    Returns
    -------
    DataFrame
        Columns `VERSUS_COLUMNS`, a row a model, question, metric and stratum. ``difference`` is ours minus
        the other; its interval is a paired bootstrap of patients. ``p`` is DeLong's for the AUROC of
        independent rows, else the bootstrap's; ``p_holm`` is adjusted over the questions and strata of one
        model and metric. The Brier score is left out where an answer is no probability.
    """
    rows: list[dict[str, Any]] = []
    for asked in held_out.asked(models):
        for other in asked.scores:
            if other != OURS:
                pair = _pair(asked, other, held_out.patients)
                if fewer(pair.judged.label) >= 2:
                    compared = _compare(pair, _strata(pair, held_out), held_out.section.bootstrap)
                    rows += [{"model": OURS, "versus": other, **asked.names, **row} for row in compared]
    table = pd.DataFrame(rows, columns=[name for name in VERSUS_COLUMNS if name != "p_holm"])
    for _, family in table.groupby(["versus", "metric"], sort=False):
        table.loc[family.index, "p_holm"] = holm(family["p"].tolist())
    return table.reindex(columns=list(VERSUS_COLUMNS))


def _pair(asked: Asked, other: str, patients: NDArray[np.str_]) -> Pair:
    first, second = asked.scores[OURS], asked.scores[other]
    both = np.isfinite(first) & np.isfinite(second)
    known = asked.judged
    judged = Judged(known.rows[both], known.label[both], known.weight[both])
    return Pair(first[both], second[both], judged, patients[judged.rows])


def _strata(pair: Pair, held_out: HeldOut) -> dict[str, Strata]:
    """All samples, and the strata that are large enough where there are any."""
    label, within = pair.judged.label, held_out.section.within
    found = {"all": choose_strata(label, np.zeros(len(label)), 2)}
    if within in held_out.clinical:
        names = held_out.clinical[within].astype(object).fillna("(unknown)").to_numpy(dtype=str)
        found[f"within {within}"] = choose_strata(
            label, names[pair.judged.rows], held_out.section.within_min_events
        )
    return {name: strata for name, strata in found.items() if strata.rows}


def _compare(pair: Pair, strata: Mapping[str, Strata], resamples: int) -> Iterator[dict[str, Any]]:
    label = pair.judged.label
    for stratum, chosen in strata.items():
        first, second = (within_strata(score, label, chosen) for score in (pair.first, pair.second))
        row = _difference(pair, first, second, resamples)
        if pair.independent:
            row |= {"test": "delong", "p": stratified_delong(pair.first, pair.second, label, chosen).p}
        counted = chosen.counted
        size = {"n": int(counted.sum()), "events": int(label[counted].sum())}
        yield {"metric": AUROC, "stratum": stratum, **row, **size}
    size = {"n": len(label), "events": int(label.sum())}
    for metric, statistics in _pooled(pair).items():
        yield {"metric": metric, "stratum": "all", **_difference(pair, *statistics, resamples), **size}


def _pooled(pair: Pair) -> dict[str, tuple[Statistic, Statistic]]:
    scores, label = (pair.first, pair.second), pair.judged.label
    first, second = (partial(weighted_average_precision, score, label) for score in scores)
    found: dict[str, tuple[Statistic, Statistic]] = {"average_precision": (first, second)}
    if all(((score >= 0) & (score <= 1)).all() for score in scores):
        one, other = (partial(weighted_mean, (score - label) ** 2) for score in scores)
        found["brier"] = (one, other)
    return found


def _difference(pair: Pair, first: Statistic, second: Statistic, resamples: int) -> dict[str, Any]:
    """Both figures, and the paired bootstrap of their difference."""
    mine, theirs = (reweighted(statistic, pair.judged.weight) for statistic in (first, second))
    whole = np.ones((1, len(pair.patients)))
    gap = paired_difference(mine, theirs, pair.patients, resamples=resamples)
    return {
        **{"value": float(mine(whole)[0]), "other": float(theirs(whole)[0]), "difference": gap.value},
        **{"lower": gap.lower, "upper": gap.upper, "test": "bootstrap", "p": gap.p},
    }
