"""How conformal sets did on held-out patients: how often right, how often decided, how often wrongly so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.evaluation import EvaluationSection
from metarisk.metrics.intervals import bootstrap, reweighted, weighted_mean
from metarisk.models.answers import Probability
from metarisk.train.figures import EVER, FIGURE_COLUMNS, OURS, Judged, Question, judged_by

COVERAGE, DECIDED, DECIDED_ERROR = "set_coverage", "set_decided", "decided_error"
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
    ``decided_error`` the share of those for whom that answer is wrong (lower is better). They are given over
    all patients and in each type with enough events and non-events; the coverage also by the true answer.

    Parameters
    ----------
    answers
        Of each test sample; later causes compete and are not judged.
    test, training, groups, section
        As for `metarisk.train.figures.held_out_figures`.
    """
    rows: list[dict[str, Any]] = []
    for question, kept in sets_of(answers).items():
        judged = judged_by(test, question, training)
        if min((judged.label == 1).sum(), (judged.label == 0).sum()) < 2:
            continue
        horizon = np.nan if question.horizon_days == EVER else question.horizon_days
        asked = {"model": OURS, "endpoint": question.endpoint, "horizon_days": horizon}
        rows += [{**asked, **row} for row in _figures_of(kept, judged, groups, section)]
    return pd.DataFrame(rows, columns=list(FIGURE_COLUMNS))


def sets_of(answers: Sequence[Probability]) -> dict[Question, Mask]:
    """First cause's sets of each question that has limits: "no" and "yes" kept or not, shape (N, 2)."""
    sets: dict[Question, Mask] = {}
    for answer in answers:
        if answer.kept is not None:
            sets.setdefault(Question(answer.endpoint, answer.asked.horizon_days), answer.kept)
    return sets


def _figures_of(
    kept: Mask, judged: Judged, groups: pd.DataFrame, section: EvaluationSection
) -> Iterator[dict[str, Any]]:
    mine = kept[judged.rows]
    right = mine[np.arange(len(mine)), judged.label.astype(np.intp)]
    decided = mine.sum(axis=1) == 1
    patients = groups["patient_id"].to_numpy()[judged.rows]

    def figure(metric: str, stratum: str, hit: Mask, rows: Mask) -> Iterator[dict[str, Any]]:
        if rows.any():
            mean = reweighted(partial(weighted_mean, hit[rows].astype(np.float64)), judged.weight[rows])
            events = int(judged.label[rows].sum())
            interval = bootstrap(mean, patients[rows], events=events, resamples=section.bootstrap)
            yield {"metric": metric, "stratum": stratum, **interval._asdict()}

    for stratum, rows in _strata(judged, groups, section):
        yield from figure(COVERAGE, stratum, right, rows)
        yield from figure(DECIDED, stratum, decided, rows)
        yield from figure(DECIDED_ERROR, stratum, ~right, rows & decided)
    yield from figure(COVERAGE, "with the event", right, judged.label == 1)
    yield from figure(COVERAGE, "without the event", right, judged.label == 0)


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
