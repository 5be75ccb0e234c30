"""Does the graph earn its place: the same network over the real topology, permuted ones, and none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.metrics.inputs import Weights
from metarisk.metrics.intervals import Resampled, Statistic, holm, resampled_together, reweighted
from metarisk.metrics.strata_names import POOLED, WITHIN
from metarisk.metrics.within import within_strata
from metarisk.train.figures import EVER, OURS, Answers, Question
from metarisk.train.fold_questions import HeldOut, Tested, ask
from metarisk.train.outer import OuterSplit

GRAPH_COLUMNS = (
    *("share", "endpoint", "horizon_days", "stratum", "topology", "auroc", "lower", "upper"),
    *("sd_seeds", "seeds", "n", "events", "difference", "diff_lower", "diff_upper", "p", "p_holm"),
)
FAMILY_WISE = 0.05


class Fitted(NamedTuple):
    """Which fit a set of answers is of.

    Attributes
    ----------
    share
        Share of the training patients that it learned from.
    topology
        `OURS` for the real one, else the control or the other topology.
    seed
        Of the fit, and of the permutation.
    """

    share: float
    topology: str
    seed: int


def graph_figures(
    fitted: Mapping[Fitted, Answers], cohort: Cohort, split: OuterSplit, section: EvaluationSection
) -> pd.DataFrame:
    """AUROC of each topology at each share of the patients, and what the real one adds to the others.

    Parameters
    ----------
    fitted
        Fit -> question -> probability of each sample of the cohort by the fit that held it out, NaN where
        it was not asked, shape (N,). Each topology has the same seeds.
    cohort
        All samples.
    split
        The parts; patients are ranked against others of their part.
    section
        Resamples, stratum and its least events.

    Returns
    -------
    DataFrame
        Columns `GRAPH_COLUMNS`. ``auroc`` is the mean over the seeds of each seed's figure, ``sd_seeds``
        their standard deviation; ``difference`` is the real topology minus this one, with the interval over
        patients, who are resampled for all seeds together; ``p_holm`` is over questions and strata of one
        topology and share.
    """
    rows: list[dict[str, Any]] = []
    for share in dict.fromkeys(fit.share for fit in fitted):
        answers = {fit: known for fit, known in fitted.items() if fit.share == share}
        asked_of_all = set.intersection(*(set(known) for known in answers.values()))
        for question in [question for question in next(iter(answers.values())) if question in asked_of_all]:
            rows += _rows_of(share, question, answers, (cohort, split, section))
    table = pd.DataFrame(rows, columns=list(GRAPH_COLUMNS[:-1]))
    for _, family in table[table["topology"] != OURS].groupby(["share", "topology"], sort=False):
        table.loc[family.index, "p_holm"] = holm(family["p"].tolist())
    return table.reindex(columns=list(GRAPH_COLUMNS))


def graph_verdicts(figures: pd.DataFrame) -> pd.DataFrame:
    """Wins, ties and losses of the real topology, one row a share, other topology and stratum.

    A win or loss has a 95 % interval of the difference that leaves zero out; in brackets, how many do so
    after Holm's adjustment.
    """
    others = figures[figures["topology"] != OURS]
    rows = []
    for (share, topology, stratum), group in others.groupby(["share", "topology", "stratum"], sort=False):
        sure = group["p_holm"] < FAMILY_WISE
        wins, losses = group["diff_lower"] > 0, group["diff_upper"] < 0
        rows.append(
            {
                "share": f"{share:g}",
                "versus": f"{OURS} - {topology}",
                "stratum": stratum,
                "questions": str(len(group)),
                "wins": f"{wins.sum()} ({(sure & (group['difference'] > 0)).sum()})",
                "ties": str((~wins & ~losses).sum()),
                "losses": f"{losses.sum()} ({(sure & (group['difference'] < 0)).sum()})",
                "mean": f"{group['difference'].mean():+.4f}",
            }
        )
    return pd.DataFrame(rows)


def _rows_of(
    share: float,
    question: Question,
    fitted: Mapping[Fitted, Answers],
    judged_on: tuple[Cohort, OuterSplit, EvaluationSection],
) -> Iterator[dict[str, Any]]:
    cohort, split, section = judged_on
    named = {_name(fit): answers for fit, answers in fitted.items()}
    asked = ask(question, named, HeldOut(cohort, split, section)).known
    topologies = _by_topology(fitted)
    statistics = {
        (topology, stratum): _mean_over_seeds(asked, stratum, [_name(fit) for fit in fits])
        for topology, fits in topologies.items()
        for stratum in (POOLED, WITHIN)
        if asked.strata[stratum].rows
    }
    drawn = resampled_together(statistics, asked.patients, resamples=section.bootstrap)
    horizon = np.nan if question.horizon_days == EVER else question.horizon_days
    for (topology, stratum), found in drawn.items():
        lower, upper = found.bounds()
        counted = asked.strata[stratum].counted
        yield {
            **{"share": share, "endpoint": question.endpoint, "horizon_days": horizon, "stratum": stratum},
            **{"topology": topology, "auroc": found.value, "lower": lower, "upper": upper},
            **_over_seeds(asked, stratum, topologies[topology]),
            **{"n": int(counted.sum()), "events": int(asked.label[counted].sum())},
            **({} if topology == OURS else _gap(drawn[OURS, stratum], found, len(asked.patients))),
        }


def _over_seeds(asked: Tested, stratum: str, fits: Sequence[Fitted]) -> dict[str, float]:
    whole = np.ones((1, len(asked.patients)))
    each = [float(_statistic(asked, stratum, _name(fit))(whole)[0]) for fit in fits]
    return {"sd_seeds": float(np.std(each, ddof=1)) if len(each) > 1 else np.nan, "seeds": len(each)}


def _gap(real: Resampled, other: Resampled, n: int) -> dict[str, float]:
    gap = real.minus(other, n)
    return {"difference": gap.value, "diff_lower": gap.lower, "diff_upper": gap.upper, "p": gap.p}


def _by_topology(fitted: Mapping[Fitted, Answers]) -> dict[str, list[Fitted]]:
    return {
        topology: [fit for fit in fitted if fit.topology == topology]
        for topology in dict.fromkeys(fit.topology for fit in fitted)
    }


def _mean_over_seeds(asked: Tested, stratum: str, names: Sequence[str]) -> Statistic:
    statistics = [_statistic(asked, stratum, name) for name in names]

    def mean(weights: Weights) -> Weights:
        return np.asarray(np.mean([statistic(weights) for statistic in statistics], axis=0))

    return mean


def _statistic(asked: Tested, stratum: str, name: str) -> Statistic:
    """AUROC inside the strata, each row with its censoring weight."""
    ranked = within_strata(asked.scores[name], asked.label, asked.strata[stratum])
    return reweighted(ranked, asked.weight)


def _name(fit: Fitted) -> str:
    return f"{fit.topology} {fit.seed}"
