"""Figures of genes that were never seen: the real topology beside permuted ones, none, and other models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.train.figures import OURS, Answers
from metarisk.train.graph_worth import GRAPH_COLUMNS, Fitted, graph_figures, graph_verdicts
from metarisk.train.outer import OuterSplit
from metarisk.train.unseen import BOTH, LEARNED

Judged = tuple[Cohort, OuterSplit, EvaluationSection]
_KEY = ["endpoint", "horizon_days", "stratum"]
_GAIN = {"difference": "gain", "diff_lower": "gain_lower", "diff_upper": "gain_upper"}
UNSEEN_COLUMNS = (
    *("hidden", "scored_on"),
    *("model" if column == "topology" else column for column in GRAPH_COLUMNS if column != "share"),
    *_GAIN.values(),
)


def unseen_figures(
    answers: Mapping[str, Mapping[str, Mapping[Fitted, Answers]]],
    cohort: Cohort,
    split: OuterSplit,
    section: EvaluationSection,
) -> pd.DataFrame:
    """AUROC of each model with genes that it never saw, and what the real topology adds.

    Parameters
    ----------
    answers
        What was hidden -> what samples are asked with -> fit -> question -> probability of each sample of
        the cohort, NaN where it was not asked, shape (N,).
    cohort, split, section
        As in `metarisk.train.graph_worth.graph_figures`.

    Returns
    -------
    DataFrame
        Columns `UNSEEN_COLUMNS`. ``difference`` is the real topology minus this model; ``gain`` is this model
        asked with all genes minus asked with those it learned from, on the rows of ``both``.
    """
    judged = (cohort, split, section)
    tables = []
    for hidden, ways in answers.items():
        gains = pd.concat(_gains(ways, judged), ignore_index=True)
        for scored_on, fitted in ways.items():
            table = graph_figures(fitted, *judged).drop(columns="share")
            table = table.rename(columns={"topology": "model"}).assign(hidden=hidden, scored_on=scored_on)
            if scored_on == BOTH:
                table = table.merge(gains, on=[*_KEY, "model"], how="left")
            tables.append(table)
    return pd.concat(tables, ignore_index=True).reindex(columns=list(UNSEEN_COLUMNS))


def unseen_verdicts(figures: pd.DataFrame) -> pd.DataFrame:
    """Wins, ties and losses of the real topology by what was hidden and asked with, and its own figure."""
    told = []
    for (hidden, scored_on), group in figures.groupby(["hidden", "scored_on"], sort=False):
        graph = group.rename(columns={"model": "topology"}).assign(share=1.0)
        ours = group[group["model"] == OURS].groupby("stratum")["auroc"].mean()
        rows = graph_verdicts(graph).drop(columns="share")
        rows.insert(0, "hidden", str(hidden))
        rows.insert(1, "scored on", str(scored_on))
        rows.insert(4, "auroc", [f"{ours[stratum]:.3f}" for stratum in rows["stratum"]])
        told.append(rows)
    return pd.concat(told, ignore_index=True)


def _gains(ways: Mapping[str, Mapping[Fitted, Answers]], judged: Judged) -> Iterator[pd.DataFrame]:
    """What each model gains from genes that it never saw: being asked with all in the place of `OURS`."""
    for model in dict.fromkeys(fit.topology for fit in ways[BOTH]):
        compared = {
            fit._replace(topology=OURS if way == BOTH else LEARNED): known
            for way in (BOTH, LEARNED)
            for fit, known in ways[way].items()
            if fit.topology == model
        }
        table = graph_figures(compared, *judged)
        table = table[table["topology"] == LEARNED].rename(columns=_GAIN)
        yield table[[*_KEY, *_GAIN.values()]].assign(model=model)
