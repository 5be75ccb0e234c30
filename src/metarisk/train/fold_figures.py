"""Figures of cross-validated models with intervals; ours compared with each control, patient by patient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.metrics.calibration import weighted_calibration_error
from metarisk.metrics.delong import stratified_delong
from metarisk.metrics.discrimination import weighted_average_precision
from metarisk.metrics.intervals import (
    Resampled,
    Statistic,
    holm,
    resampled_together,
    reweighted,
    weighted_mean,
)
from metarisk.metrics.recalibration import recalibration_slope
from metarisk.metrics.within import Strata, choose_strata, finer_strata, within_strata
from metarisk.train.figures import EVER, OURS, Answers, Judged, Question, judged_by
from metarisk.train.outer import OuterSplit

OnProgress = Callable[[str, int, int], None]
DoubleArray = NDArray[np.float64]
POOLED, WITHIN = "pooled", "within"
AUROC = "auroc"
FOLD_COLUMNS = (
    *("model", "endpoint", "horizon_days", "stratum", "metric", "value", "lower", "upper", "n", "events"),
    *("versus", "difference", "diff_lower", "diff_upper", "test", "p", "p_holm"),
)
# Metrics of which a difference means that one model is better than the other.
COMPARED = (AUROC, "average_precision", "brier")
FAMILY_WISE = 0.05
STAGE = "resampling patients"


class Figure(NamedTuple):
    """What a figure is of."""

    model: str
    metric: str
    stratum: str


class Asked(NamedTuple):
    """A question, the patients it is judged on, and each model's answers for them.

    Attributes
    ----------
    question
        Endpoint and horizon.
    judged
        Rows of the cohort that know the answer, n of them.
    scores
        Model -> probability, shape (n,).
    patients
        Patient of each row, shape (n,).
    strata
        ``pooled``: the parts that were held out; ``within``: each stratum that counts, cut by these parts.
        Patients are ranked against others of their part only: models of two parts answer on scales of their
        own, and one that knows nothing would look worse than chance across them.
    """

    question: Question
    judged: Judged
    scores: Mapping[str, DoubleArray]
    patients: NDArray[np.str_]
    strata: Mapping[str, Strata]

    @property
    def independent(self) -> bool:
        """True where each row is another patient and counts once, as DeLong's test asks."""
        return len(np.unique(self.patients)) == len(self.patients) and bool((self.judged.weight == 1).all())


def fold_figures(
    models: Mapping[str, Answers],
    cohort: Cohort,
    split: OuterSplit,
    section: EvaluationSection,
    on_progress: OnProgress = lambda what, done, of: None,
) -> pd.DataFrame:
    """Figures of each model over all held-out parts, and the differences of ours from the others.

    Parameters
    ----------
    models
        Model -> question -> probability of each sample of the cohort by the fit that held it out, NaN where
        it was not asked, shape (N,); `OURS` among them.
    cohort
        All samples.
    split
        The parts; a sample's censoring weight comes from the patients that its models learned from.
    section
        Resamples, stratum and its least events.
    on_progress
        Told how many questions are done.

    Returns
    -------
    DataFrame
        Columns `FOLD_COLUMNS`. A row of ours stands once for each control that it is compared with
        (``versus``); ``difference`` is ours minus the control; ``p_holm`` is adjusted over all questions and
        both strata of the control and metric. AUROC is of pairs of patients held out together, averaged
        over the parts by their cases; the other metrics are over all rows.
    """
    rows: list[dict[str, Any]] = []
    for done, question in enumerate(models[OURS]):
        on_progress(STAGE, done, len(models[OURS]))
        asked = ask(question, models, cohort, split, section)
        if asked.strata[POOLED].rows:
            rows += _rows_of(asked, section)
    on_progress(STAGE, len(models[OURS]), len(models[OURS]))
    table = pd.DataFrame(rows, columns=list(FOLD_COLUMNS[:-1]))
    for _, family in table[table["versus"] != ""].groupby(["versus", "metric"], sort=False):
        table.loc[family.index, "p_holm"] = holm(family["p"].tolist())
    return table.reindex(columns=list(FOLD_COLUMNS))


def ask(
    question: Question,
    models: Mapping[str, Answers],
    cohort: Cohort,
    split: OuterSplit,
    section: EvaluationSection,
) -> Asked:
    """Patients whom every model answered and whose answer is known."""
    answers = {name: known[question] for name, known in models.items() if question in known}
    answered = np.isfinite(sum(answers.values(), np.zeros(len(cohort))))
    judged = _judged_over(cohort.endpoints, split, question, answered)
    stratum = cohort.clinical.reindex(columns=[section.within])[section.within].fillna("(unknown)")
    types = stratum.to_numpy(dtype=str)[judged.rows]
    part, label = split.part_of[judged.rows], judged.label
    large = choose_strata(label, types, section.within_min_events)
    return Asked(
        question,
        judged,
        {name: answer[judged.rows] for name, answer in answers.items()},
        cohort.patient_ids[judged.rows],
        {POOLED: choose_strata(label, part, 2), WITHIN: finer_strata(large, label, part)},
    )


def verdicts(figures: pd.DataFrame) -> pd.DataFrame:
    """Wins, ties and losses of ours against each control by AUROC, one row a control and stratum.

    A win or loss has a 95 % interval of the difference that leaves zero out; beside it stands how many do so
    after Holm's adjustment. ``mean`` is of the differences.
    """
    compared = figures[(figures["metric"] == AUROC) & (figures["versus"] != "")]
    rows = [
        {"versus": f"{OURS} - {versus}", "stratum": stratum, **_count(group)}
        for (versus, stratum), group in compared.groupby(["versus", "stratum"], sort=False)
    ]
    return pd.DataFrame(rows)


def _count(group: pd.DataFrame) -> dict[str, str]:
    sure = group["p_holm"] < FAMILY_WISE
    wins, losses = group["diff_lower"] > 0, group["diff_upper"] < 0
    ahead, behind = (sure & (group["difference"] > 0)).sum(), (sure & (group["difference"] < 0)).sum()
    return {
        "questions": str(len(group)),
        "wins": f"{wins.sum()} ({ahead} after Holm)",
        "ties": str((~wins & ~losses).sum()),
        "losses": f"{losses.sum()} ({behind} after Holm)",
        "mean": f"{group['difference'].mean():+.4f}",
        "least": f"{group['difference'].min():+.4f}",
    }


def _judged_over(
    endpoints: pd.DataFrame, split: OuterSplit, question: Question, answered: NDArray[np.bool_]
) -> Judged:
    found = []
    for number in range(len(split.parts)):
        sides = split.split(number)
        test, training = endpoints.iloc[sides.test_rows], endpoints.iloc[sides.train_rows]
        part = judged_by(test, question, training)
        found.append(Judged(sides.test_rows[part.rows], part.label, part.weight))
    rows = np.concatenate([part.rows for part in found])
    order = np.argsort(rows, kind="stable")
    order = order[answered[rows[order]]]
    label, weight = (np.concatenate([getattr(part, name) for part in found]) for name in ("label", "weight"))
    return Judged(rows[order], label[order], weight[order])


def _rows_of(asked: Asked, section: EvaluationSection) -> Iterator[dict[str, Any]]:
    statistics = dict(_statistics(asked))
    drawn = resampled_together(statistics, asked.patients, resamples=section.bootstrap)
    sizes = _sizes(asked)
    horizon = np.nan if asked.question.horizon_days == EVER else asked.question.horizon_days
    for figure, found in drawn.items():
        lower, upper = found.bounds()
        row = {
            **figure._asdict(),
            **{"endpoint": asked.question.endpoint, "horizon_days": horizon},
            **{"value": found.value, "lower": lower, "upper": upper, "versus": ""},
            **sizes[figure.stratum],
        }
        controls = [name for name in asked.scores if name != OURS] if figure.metric in COMPARED else []
        if figure.model != OURS or not controls:
            yield row
            continue
        for control in controls:
            yield {**row, **_difference(asked, figure, control, drawn)}


def _difference(
    asked: Asked, figure: Figure, control: str, drawn: Mapping[Figure, Resampled]
) -> dict[str, Any]:
    """Ours minus a control: interval of the paired bootstrap, and a p value."""
    gap = drawn[figure].minus(drawn[figure._replace(model=control)], len(asked.patients))
    test, p = "bootstrap", gap.p
    if figure.metric == AUROC and asked.independent:
        test, p = "delong", _delong_p(asked, figure.stratum, control)
    return {
        **{"versus": control, "difference": gap.value, "diff_lower": gap.lower, "diff_upper": gap.upper},
        **{"test": test, "p": p},
    }


def _delong_p(asked: Asked, stratum: str, control: str) -> float:
    return stratified_delong(
        asked.scores[OURS], asked.scores[control], asked.judged.label, asked.strata[stratum]
    ).p


def _statistics(asked: Asked) -> Iterator[tuple[Figure, Statistic]]:
    """Every figure of every model, in which each row has its censoring weight."""
    label, weight = asked.judged.label, asked.judged.weight
    even = bool((weight == 1).all())
    for model, score in asked.scores.items():
        ranked: dict[tuple[str, str], Statistic] = {
            (AUROC, name): within_strata(score, label, strata)
            for name, strata in asked.strata.items()
            if strata.rows
        }
        ranked["average_precision", POOLED] = partial(weighted_average_precision, score, label)
        ranked["brier", POOLED] = partial(weighted_mean, (score - label) ** 2)
        for (metric, stratum), statistic in ranked.items():
            yield Figure(model, metric, stratum), statistic if even else reweighted(statistic, weight)
        yield Figure(model, "calibration_slope", POOLED), recalibration_slope(score, label, weight)
        yield Figure(model, "calibration_error", POOLED), weighted_calibration_error(score, label, weight)


def _sizes(asked: Asked) -> dict[str, dict[str, int]]:
    label, counted = asked.judged.label, asked.strata[WITHIN].counted
    return {
        POOLED: {"n": len(label), "events": int(label.sum())},
        WITHIN: {"n": int(counted.sum()), "events": int(label[counted].sum())},
    }
