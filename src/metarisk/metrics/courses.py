"""Figures of a whole course: probabilities at several horizons judged as one curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metarisk.errors import InputError
from metarisk.metrics.calibration import d_calibration
from metarisk.metrics.censoring import HorizonStatus, brier_terms
from metarisk.metrics.inputs import Codes, Floats, Weights

# Fewer points are no curve: between them the survival of most patients would be the interpolation's.
LEAST_HORIZONS = 5
_LEAST = 1e-12  # a survival of 0 has no logarithm


def integrated_brier_terms(
    probability: Floats, statuses: Sequence[HorizonStatus], horizons: Floats
) -> Weights:
    """What each row adds to `metarisk.metrics.censoring.integrated_brier`, shape (N,): it is their mean.

    Parameters
    ----------
    probability
        P(event by each horizon), shape (N, H).
    statuses
        From `metarisk.metrics.censoring.status_at_horizon`, one a horizon.
    horizons
        Days, ascending, shape (H,), at least two.
    """
    gaps = np.diff(horizons)
    share = (np.append(gaps, 0.0) + np.insert(gaps, 0, 0.0)) / (2.0 * gaps.sum())
    terms = [brier_terms(column, status) for column, status in zip(probability.T, statuses, strict=True)]
    integrated: Weights = np.column_stack(terms) @ share
    return integrated


def course_d_calibration(
    probability: Floats, time: Floats, event: Codes, horizons: Floats, *, bins: int = 10
) -> float:
    """P value of D-calibration of a course of one cause; NaN with fewer than `LEAST_HORIZONS` horizons.

    Between two horizons the hazard is taken as constant; a row followed past the last one is censored there.

    Parameters
    ----------
    probability
        P(event by each horizon), not falling along a row, shape (N, H).
    time
        Days to the event or to last contact, shape (N,).
    event
        True where the event was seen, shape (N,).
    horizons
        Days above 0, ascending, shape (H,).
    bins
        As in `metarisk.metrics.calibration.d_calibration`.

    Raises
    ------
    InputError
        If a code names a competing event: then the probabilities are not uniform even for a perfect model.
    """
    if len(event) and np.max(event) > 1:
        raise InputError(
            f"event codes up to {int(np.max(event))}",
            expected="0 (censored) and 1: D-calibration is of one cause",
            do="Leave it out where events compete.",
        )
    if len(horizons) < LEAST_HORIZONS:
        return float("nan")
    until = np.minimum(time, horizons[-1])
    seen = (np.asarray(event) > 0) & (time <= horizons[-1])
    return d_calibration(survival_at(probability, horizons, until), seen, bins=bins)


def survival_at(probability: Floats, horizons: Floats, time: Floats) -> Weights:
    """Survival at each row's own time by a hazard constant between horizons, shape (N,).

    Parameters
    ----------
    probability
        P(event by each horizon), shape (N, H).
    horizons
        Days above 0, ascending, shape (H,).
    time
        Days, at most the last horizon, shape (N,).
    """
    days = np.concatenate([[0.0], horizons])
    logarithm = np.log(np.maximum(1.0 - np.asarray(probability, dtype=np.float64), _LEAST))
    logarithm = np.column_stack([np.zeros(len(time)), logarithm])
    after = np.clip(np.searchsorted(days, time, side="left"), 1, len(horizons))
    rows = np.arange(len(time))
    way = (time - days[after - 1]) / (days[after] - days[after - 1])
    survival: Weights = np.exp((1.0 - way) * logarithm[rows, after - 1] + way * logarithm[rows, after])
    return survival
