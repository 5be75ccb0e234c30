"""Limits of the conformal sets from held-out folds: one sample a patient, dated endpoints weighted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.experiment import Experiment
from metarisk.features.batch import Batch
from metarisk.features.transform import FeatureTransform
from metarisk.metrics.censoring import HorizonStatus, censoring_curve, status_at_horizon
from metarisk.models.calibration import Calibration
from metarisk.models.conformal import EVER, Asked, ConformalSets, DoubleArray, Known, fit_limits
from metarisk.models.ensemble import Ensemble
from metarisk.models.risk import risks
from metarisk.models.time_bound import Followed, fit_free_limits
from metarisk.nn.heads import TaskLayout
from metarisk.schema.endpoints import event_column, time_column


@dataclass(frozen=True)
class HeldOutSamples:
    """Samples with the answers of members that did not train on them.

    Attributes
    ----------
    outputs
        Before calibration, shape (N, O).
    batch
        Features.
    endpoints
        Table of endpoints, one row a sample.
    patient_ids
        Shape (N,).
    """

    outputs: NDArray[np.float32]
    batch: Batch
    endpoints: pd.DataFrame
    patient_ids: NDArray[np.str_]


def fit_sets(
    ensemble: Ensemble,
    calibration: Calibration,
    transform: FeatureTransform,
    held_out: HeldOutSamples,
    experiment: Experiment,
) -> ConformalSets:
    """Limits of every question in every group.

    A patient counts once, with the first sample whose answer is known: samples of one patient are not
    exchangeable with those of others (Dunn, Wasserman and Ramdas, Distribution-free prediction sets for
    two-layer hierarchical models, 2023). The fold that members did not train on also chose when they stopped,
    which favours it a little: the coverage on patients of no fold, among the held-out figures, is the judge.

    Parameters
    ----------
    ensemble, calibration, transform
        The fitted model; its limits rest on the risks of `metarisk.models.risk.risks`.
    held_out
        Training samples as members saw them that did not train on them.
    experiment
        Level, groups and horizons.
    """
    section, horizons = experiment.calibration, experiment.tasks.horizons_days
    sets = ConformalSets(section.level, group_columns(transform, section.within), {})
    group = sets.group_of(held_out.batch)
    risk = risks(ensemble, calibration, held_out.outputs[None], horizons)
    layout, rule = ensemble.plan.layout, (sets.groups, section.level, section.min_group)
    limits = {
        asked: fit_limits(_known(asked, values[0], group, held_out, layout), *rule)
        for asked, values in risk.asked.items()
    }
    free = {
        asked: fit_free_limits(
            _followed(asked, risk.over_time[asked.endpoint][0], group, held_out, layout), *rule
        )
        for asked in risk.asked
        if asked.horizon_days == horizons[-1]
    }
    return ConformalSets(section.level, sets.columns, limits, free)


def group_columns(transform: FeatureTransform, within: str) -> dict[str, int]:
    """Level of a clinical category -> its flat column; empty where the model does not read the category."""
    return {
        column.name.removeprefix(f"{within}="): at
        for at, column in enumerate(transform.columns)
        if column.group == within and column.kind == "category"
    }


def sets_in_words(sets: ConformalSets, within: str) -> Iterator[str]:
    """Which groups have no limit of their own, and which answers can never be ruled out, a sentence each."""
    shared: list[str] = []
    never: list[str] = []
    for asked, by_group in sets.limits.items():
        name = (
            asked.endpoint if asked.horizon_days == EVER else f"{asked.cause} by {asked.horizon_days:g} days"
        )
        own = [sum(pair[answer].source == "own" for pair in by_group.values()) for answer in (0, 1)]
        shared += [f"{name} {own[0]} / {own[1]}"] if min(own) < len(by_group) else []
        never += [
            f"'{answer}' to {name}"
            for at, answer in enumerate(("no", "yes"))
            if any(pair[at].source == "none" for pair in by_group.values())
        ]
    if shared and sets.columns:
        yield (
            f"Conformal limits of no / yes rest on a group's own patients in so many of the "
            f"{len(sets.groups)} groups of {within}, the others share one: {', '.join(shared)}."
        )
    if never:
        yield f"Too few held-out patients had these answers for a set to rule them out: {', '.join(never)}."


def _known(
    asked: Asked, risk: DoubleArray, group: NDArray[np.intp], held_out: HeldOutSamples, layout: TaskLayout
) -> Known:
    if asked.horizon_days == EVER:
        label = held_out.endpoints[asked.endpoint].to_numpy(np.float64)
        rows = _first_of_each(held_out.patient_ids, ~np.isnan(label))
        return Known(risk[rows], label[rows], np.ones(len(rows)), 1.0, group[rows])
    seen = _dated(asked, held_out, layout)
    counted = seen.status.weight > 0
    rows = seen.rows[counted]
    return Known(
        risk[rows], seen.status.label[counted], seen.status.weight[counted], seen.new_weight, group[rows]
    )


def _followed(
    asked: Asked,
    over_time: DoubleArray,
    group: NDArray[np.intp],
    held_out: HeldOutSamples,
    layout: TaskLayout,
) -> Followed:
    """Risk by the end of the interval of the event, for those who had it by the horizon."""
    seen = _dated(asked, held_out, layout)
    edges = layout.bin_edges_days[asked.endpoint]
    interval = np.minimum(np.searchsorted(edges, seen.time), len(edges) - 1)
    cause = layout.timed[asked.endpoint].index(asked.cause)
    weight = np.where(seen.status.label == 1, seen.status.weight, 0.0)
    return Followed(over_time[seen.rows, interval, cause], weight, seen.new_weight, group[seen.rows])


class _Dated(NamedTuple):
    """Rows whose follow-up is known, days of it, what is known by the horizon, and the largest weight."""

    rows: NDArray[np.intp]
    time: DoubleArray
    status: HorizonStatus
    new_weight: float


def _dated(asked: Asked, held_out: HeldOutSamples, layout: TaskLayout) -> _Dated:
    time = held_out.endpoints[time_column(asked.endpoint)].to_numpy(np.float64)
    event = held_out.endpoints[event_column(asked.endpoint)].to_numpy(np.float64)
    rows = _first_of_each(held_out.patient_ids, ~np.isnan(time) & ~np.isnan(event))
    time, event = time[rows], event[rows]
    followed = censoring_curve(time, event)
    code = 1 + layout.timed[asked.endpoint].index(asked.cause)
    status = status_at_horizon(time, event, asked.horizon_days, followed, code)
    return _Dated(rows, time, status, 1.0 / max(float(followed.before(asked.horizon_days)), 1e-12))


def _first_of_each(patients: NDArray[np.str_], known: NDArray[np.bool_]) -> NDArray[np.intp]:
    """First known row of each patient, ascending."""
    rows = np.flatnonzero(known)
    first = np.unique(patients[rows], return_index=True)[1]
    return np.asarray(rows[np.sort(first)], dtype=np.intp)
