"""Held-out figures of several models on the same patients, with intervals and paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.evaluation import EvaluationSection
from metarisk.metrics.calibration import expected_calibration_error
from metarisk.metrics.censoring import censoring_curve, status_at_horizon
from metarisk.metrics.discrimination import weighted_auroc
from metarisk.metrics.intervals import Statistic, bootstrap, paired_difference, reweighted
from metarisk.metrics.survival import Curve
from metarisk.metrics.within import choose_strata, within_strata
from metarisk.models.answers import Probability
from metarisk.schema.endpoints import event_column, time_column

OURS = "metarisk"
EVER = 0.0  # a horizon that is none: NaN would be no key
FIGURE_COLUMNS = (
    *("model", "endpoint", "horizon_days", "metric", "stratum"),
    *("value", "lower", "upper", "n", "events", "p"),
)
DoubleArray = NDArray[np.float64]


class Question(NamedTuple):
    """An endpoint, and by when for dated ones (`EVER` for yes / no)."""

    endpoint: str
    horizon_days: float


Answers = Mapping[Question, DoubleArray]


@dataclass(frozen=True)
class Judged:
    """Patients that a question is judged on.

    Attributes
    ----------
    rows
        Rows of the test cohort where the answer is known, shape (n,).
    label
        1 the event, 0 none, shape (n,).
    weight
        Inverse probability of being known, shape (n,); 1 for yes / no endpoints.
    """

    rows: NDArray[np.intp]
    label: DoubleArray
    weight: DoubleArray


def answers_of(probabilities: Sequence[Probability]) -> dict[Question, DoubleArray]:
    """First cause of each question's answers, shape (N,) each; later causes compete and are not judged."""
    answers: dict[Question, DoubleArray] = {}
    for answer in probabilities:
        horizon = EVER if np.isnan(answer.horizon_days) else answer.horizon_days
        answers.setdefault(Question(answer.endpoint, horizon), answer.value)
    return answers


def judged_by(endpoints: pd.DataFrame, question: Question, training: pd.DataFrame) -> Judged:
    """Patients that know the answer to a question; censoring weights come from the training patients."""
    if question.horizon_days == EVER:
        labels = endpoints.reindex(columns=[question.endpoint]).to_numpy(np.float64)[:, 0]
        rows = np.flatnonzero(~np.isnan(labels))
        return Judged(rows, labels[rows], np.ones(len(rows)))
    time, event = followed(endpoints, question.endpoint)
    rows = np.flatnonzero(~np.isnan(time) & ~np.isnan(event))
    if not len(rows):
        return Judged(rows, np.empty(0), np.empty(0))
    status = status_at_horizon(
        time[rows], event[rows], question.horizon_days, training_censoring(training, question.endpoint)
    )
    counted = status.weight > 0
    return Judged(rows[counted], status.label[counted], status.weight[counted])


def training_censoring(training: pd.DataFrame, endpoint: str) -> Curve:
    """Chance of still being followed among the training patients."""
    time, event = followed(training, endpoint)
    known = ~np.isnan(time) & ~np.isnan(event)
    return censoring_curve(time[known], event[known])


def held_out_figures(
    models: Mapping[str, Answers],
    test: pd.DataFrame,
    training: pd.DataFrame,
    groups: pd.DataFrame,
    section: EvaluationSection,
) -> pd.DataFrame:
    """Figures of each model and its paired difference from ours.

    Parameters
    ----------
    models
        Model -> question -> probability of each test sample, shape (N,); `OURS` among them.
    test, training
        Endpoints of the test and the training samples.
    groups
        ``patient_id`` and the clinical column to look within, one row a test sample.
    section
        Resamples, stratum and its least events.

    Returns
    -------
    DataFrame
        ``model, endpoint, horizon_days, metric, stratum, value, lower, upper, n, events, p``; a difference
        stands as model ``metarisk - <control>``.
    """
    rows: list[dict[str, Any]] = []
    for question in models[OURS]:
        judged = judged_by(test, question, training)
        if min((judged.label == 1).sum(), (judged.label == 0).sum()) < 2:
            continue
        answers = {name: known[question] for name, known in models.items() if question in known}
        horizon = np.nan if question.horizon_days == EVER else question.horizon_days
        asked = {"endpoint": question.endpoint, "horizon_days": horizon}
        rows += [{**asked, **row} for row in _figures_of(answers, judged, groups, section)]
    return pd.DataFrame(rows, columns=list(FIGURE_COLUMNS))


def joined(*tables: pd.DataFrame) -> pd.DataFrame:
    """Tables of figures one under the other; empty ones add nothing."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def _figures_of(
    answers: Mapping[str, DoubleArray], judged: Judged, groups: pd.DataFrame, section: EvaluationSection
) -> Iterator[dict[str, Any]]:
    patients = groups["patient_id"].to_numpy()[judged.rows]
    for stratum, statistics, events in _statistics(answers, judged, groups, section):
        for name, statistic in statistics.items():
            interval = bootstrap(statistic, patients, events=events, resamples=section.bootstrap)
            yield {"model": name, "metric": "auroc", "stratum": stratum, **interval._asdict()}
        for name in statistics:
            if name == OURS:
                continue
            gap = paired_difference(statistics[OURS], statistics[name], patients, resamples=section.bootstrap)
            row = {**gap._asdict(), "events": events, "stratum": stratum}
            yield {"model": f"{OURS} - {name}", "metric": "auroc_difference", **row}
    for name, answer in answers.items():
        error = expected_calibration_error(answer[judged.rows], judged.label, judged.weight)
        size = {"n": len(judged.rows), "events": int(judged.label.sum())}
        yield {"model": name, "metric": "calibration_error", "stratum": "all", "value": error, **size}


def _statistics(
    answers: Mapping[str, DoubleArray], judged: Judged, groups: pd.DataFrame, section: EvaluationSection
) -> Iterator[tuple[str, dict[str, Statistic], int]]:
    """AUROC over all patients, then inside the strata that are large enough."""
    scores = {name: answer[judged.rows] for name, answer in answers.items()}
    everybody = {
        name: reweighted(partial(weighted_auroc, score, judged.label), judged.weight)
        for name, score in scores.items()
    }
    yield "all", everybody, int(judged.label.sum())
    if section.within not in groups:
        return
    stratum = groups[section.within].fillna("(unknown)").to_numpy(dtype=str)[judged.rows]
    strata = choose_strata(judged.label, stratum, section.within_min_events)
    if strata.rows:
        inside = {
            name: reweighted(within_strata(score, judged.label, strata), judged.weight)
            for name, score in scores.items()
        }
        yield f"within {section.within}", inside, int(judged.label[strata.counted].sum())


def followed(endpoints: pd.DataFrame, name: str) -> tuple[DoubleArray, DoubleArray]:
    """Days and event code of a dated endpoint, NaN where unknown, shape (N,) each."""
    table = endpoints.reindex(columns=[time_column(name), event_column(name)]).to_numpy(np.float64)
    return table[:, 0], table[:, 1]
