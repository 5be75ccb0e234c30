"""How conformal sets did on held-out patients: how often right, how often decided, how often wrongly so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.evaluation import EvaluationSection
from metarisk.metrics.intervals import bootstrap, reweighted, weighted_mean
from metarisk.models.answers import Probability
from metarisk.schema.endpoints import time_column
from metarisk.train.figures import EVER, FIGURE_COLUMNS, OURS, Judged, Question, judged_by

COVERAGE, DECIDED, DECIDED_ERROR = "set_coverage", "set_decided", "decided_error"
FREE = "free_coverage"
Mask = NDArray[np.bool_]


def coverage_figures(
    answers: Sequence[Probability],
    test: pd.DataFrame,
    training: pd.DataFrame,
    groups: pd.DataFrame,
    section: EvaluationSection,
) -> pd.DataFrame:
    """Figures of the sets, in the columns of `metarisk.train.figures.held_out_figures`.

    ``set_coverage`` is the share of patients whose set holds the true answer (it should be near the level, in
    each group and for each true answer), ``set_decided`` the share with exactly one answer in it, and
    ``decided_error`` the share of those for whom that answer is wrong (lower is better). ``free_coverage`` is
    the share of patients who were free of a dated event as long as they were told (it should be the level or
    more). They are given over all patients and in each type with enough events and non-events; the coverage
    of sets also by the true answer.

    Parameters
    ----------
    answers
        Of each test sample; later causes compete and are not judged.
    test, training, groups, section
        As for `metarisk.train.figures.held_out_figures`.
    """
    rows: list[dict[str, Any]] = []
    first = first_causes(answers)
    last = {question.endpoint: question.horizon_days for question in first}
    for question, answer in first.items():
        judged = judged_by(test, question, training)
        if min((judged.label == 1).sum(), (judged.label == 0).sum()) < 2:
            continue
        horizon = np.nan if question.horizon_days == EVER else question.horizon_days
        asked = {"model": OURS, "endpoint": question.endpoint, "horizon_days": horizon}
        hits = _hits(answer, judged)
        if answer.free_until_days is not None and question.horizon_days == last[question.endpoint]:
            days = test[time_column(question.endpoint)].to_numpy(np.float64)
            early = days[judged.rows] <= answer.free_until_days[judged.rows]
            hits[FREE] = ~((judged.label == 1) & early)
        rows += [{**asked, **row} for row in _figures_of(hits, judged, groups, section)]
    return pd.DataFrame(rows, columns=list(FIGURE_COLUMNS))


def first_causes(answers: Sequence[Probability]) -> dict[Question, Probability]:
    """First cause's answer to each question that has a conformal set."""
    first: dict[Question, Probability] = {}
    for answer in answers:
        if answer.kept is not None:
            first.setdefault(Question(answer.endpoint, answer.asked.horizon_days), answer)
    return first


def _hits(answer: Probability, judged: Judged) -> dict[str, Mask]:
    """Whether the set holds the true answer, holds one answer only, and lacks the true one, (n,) each."""
    assert answer.kept is not None
    kept = answer.kept[judged.rows]
    right = kept[np.arange(len(kept)), judged.label.astype(np.intp)]
    return {COVERAGE: right, DECIDED: kept.sum(axis=1) == 1, DECIDED_ERROR: ~right}


def _figures_of(
    hits: Mapping[str, Mask], judged: Judged, groups: pd.DataFrame, section: EvaluationSection
) -> Iterator[dict[str, Any]]:
    patients = groups["patient_id"].to_numpy()[judged.rows]

    def figure(metric: str, stratum: str, rows: Mask) -> Iterator[dict[str, Any]]:
        rows = rows & hits[DECIDED] if metric == DECIDED_ERROR else rows
        if rows.any():
            hit = hits[metric][rows].astype(np.float64)
            mean = reweighted(partial(weighted_mean, hit), judged.weight[rows])
            events = int(judged.label[rows].sum())
            interval = bootstrap(mean, patients[rows], events=events, resamples=section.bootstrap)
            yield {"metric": metric, "stratum": stratum, **interval._asdict()}

    for stratum, rows in _strata(judged, groups, section):
        for metric in hits:
            yield from figure(metric, stratum, rows)
    yield from figure(COVERAGE, "with the event", judged.label == 1)
    yield from figure(COVERAGE, "without the event", judged.label == 0)


def _strata(judged: Judged, groups: pd.DataFrame, section: EvaluationSection) -> Iterator[tuple[str, Mask]]:
    """Everybody, then each group with enough events and non-events, the largest first."""
    yield "all", np.ones(len(judged.rows), dtype=np.bool_)
    if section.within not in groups:
        return
    name = groups[section.within].fillna("(unknown)").to_numpy(dtype=str)[judged.rows]
    counts = pd.crosstab(name, judged.label)
    enough = counts[(counts >= section.within_min_events).all(axis=1)]
    for group in enough.sum(axis=1).sort_values(ascending=False, kind="stable").index:
        yield f"{section.within}: {group}", name == group
