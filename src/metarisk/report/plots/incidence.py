"""Dated endpoints on the held-out patients: predicted against observed cumulative incidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.metrics.survival import aalen_johansen
from metarisk.report.plots.ink import FAINT, OURS_COLOUR, Drawn, panels, save, sheet
from metarisk.report.tables import question_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUPS, LEAST = 5, 20
RESAMPLES = 300

DoubleArray = NDArray[np.float64]


class Incidence(NamedTuple):
    """A dated endpoint's follow-up and what was predicted of its first cause.

    Attributes
    ----------
    endpoint
        Name.
    time_days, event
        Follow-up of n samples that have it: 0 censored, 1 the event, 2 .. competing, shape (n,).
    predicted
        Horizon in days -> probability of the event by then, shape (n,).
    """

    endpoint: str
    time_days: DoubleArray
    event: DoubleArray
    predicted: dict[float, DoubleArray]


class Group(NamedTuple):
    """A fifth of the patients: mean predicted, observed with its 95 % interval."""

    predicted: float
    observed: float
    lower: float
    upper: float


def draw_incidence(incidence: Incidence, folder: Path) -> Drawn | None:
    """A panel a horizon, a mark a group of patients; None where fewer than two groups can be made.

    Parameters
    ----------
    incidence
        Follow-up and predictions.
    folder
        Where ``incidence_<endpoint>.png`` goes.
    """
    groups = {horizon: incidence_groups(incidence, horizon) for horizon in incidence.predicted}
    shown = {horizon: found for horizon, found in groups.items() if len(found) > 1}
    if not shown:
        return None
    name = incidence.endpoint
    with sheet(max(3.4 * len(shown), 4.0), 3.8) as figure:
        for axes, (horizon, found) in zip(panels(figure, 1, len(shown)), shown.items(), strict=True):
            _draw_groups(axes, found)
            axes.set(title=question_text(name, horizon, "all"), xlabel="predicted")
        figure.axes[0].set_ylabel("observed cumulative incidence")
        worst = {
            horizon: max(abs(group.predicted - group.observed) for group in found)
            for horizon, found in shown.items()
        }
        gaps = "; ".join(f"{horizon:g} days {gap:.2f}" for horizon, gap in worst.items())
        caption = (
            f"{name}, {len(incidence.time_days)} held-out samples with follow-up, in up to {GROUPS} groups "
            "of equal size by predicted probability: mean predicted against observed cumulative incidence "
            "(Aalen-Johansen, other causes competing) with bootstrap 95 % intervals; the diagonal is "
            f"perfect. Largest gap: {gaps}."
        )
        return save(figure, folder, f"incidence_{name}", caption)


def incidence_groups(incidence: Incidence, horizon: float) -> list[Group]:
    """Groups of equal size by predicted probability; one not followed to the horizon is left out."""
    predicted = incidence.predicted[horizon]
    order = np.argsort(predicted, kind="stable")
    number = min(GROUPS, len(order) // LEAST)
    parts = np.array_split(order, number) if number else []
    draws = np.random.default_rng(0)
    return [
        _group(incidence, rows, horizon, draws)
        for rows in parts
        if incidence.time_days[rows].max() >= horizon
    ]


def _group(incidence: Incidence, rows: NDArray[np.intp], horizon: float, draws: np.random.Generator) -> Group:
    observed = _observed(incidence, rows, horizon)
    resampled: Sequence[float] = [
        _observed(incidence, draws.choice(rows, len(rows)), horizon) for _ in range(RESAMPLES)
    ]
    lower, upper = np.percentile(resampled, [2.5, 97.5])
    mean = float(incidence.predicted[horizon][rows].mean())
    return Group(mean, observed, float(lower), float(upper))


def _observed(incidence: Incidence, rows: NDArray[np.intp], horizon: float) -> float:
    event = incidence.event[rows].astype(np.int64)
    curves = aalen_johansen(incidence.time_days[rows], event, max(int(event.max()), 1))
    return float(curves[0].at(horizon))


def _draw_groups(axes: Axes, groups: Sequence[Group]) -> None:
    table = np.array(groups)
    predicted, observed, lower, upper = table.T
    most = min(1.0, 1.1 * max(upper.max(), predicted.max()))
    axes.plot([0, most], [0, most], color=FAINT, lw=0.8)
    errors = np.stack([observed - lower, upper - observed]).clip(min=0.0)
    axes.errorbar(predicted, observed, errors, fmt="o", color=OURS_COLOUR, ms=5, lw=1.2, capsize=2)
    axes.set(xlim=(0, most), ylim=(0, most), aspect="equal")
