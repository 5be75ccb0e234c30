"""What is known by a horizon where patients leave early, and the figures that allow for it.

The inverse probability of censoring weights (IPCW) come from the training patients' censoring curve G. Of
equal times events come first, so a row that counts at time t was uncensored with probability G(t-).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarisk.errors import InputError
from metarisk.metrics.inputs import Codes, Floats, Weights, check_follow_up, check_rows
from metarisk.metrics.survival import Curve


class HorizonStatus(NamedTuple):
    """What is known of each row by a horizon.

    Attributes
    ----------
    label
        1.0 where the cause's event came by the horizon, else 0.0, shape (N,).
    weight
        1 / G of the time at which the status was known; 0 where it never was, shape (N,).
    """

    label: Weights
    weight: Weights


def censoring_curve(time: Floats, event_code: Codes) -> Curve:
    """Kaplan-Meier estimate of still being followed, P(censoring after t).

    Parameters
    ----------
    time
        Days to the event or to last contact, shape (N,).
    event_code
        0 censored, above 0 any event, shape (N,); of equal times events come first.

    Raises
    ------
    InputError
        If lengths differ, or a value is NaN or negative.
    """
    check_follow_up(time, event_code)
    times, position = np.unique(np.asarray(time, dtype=np.float64), return_inverse=True)
    events = np.bincount(position[event_code > 0], minlength=len(times))
    censored = np.bincount(position[event_code == 0], minlength=len(times))
    at_risk = (events + censored)[::-1].cumsum()[::-1] - events
    staying = np.asarray(1.0 - censored / np.maximum(at_risk, 1), dtype=np.float64)
    return Curve(times, staying.cumprod(), 1.0)


def inverse_weights(time: Floats, counts: Codes, censoring: Curve) -> Weights:
    """1 / G(time-) where a row counts, else 0, shape (N,).

    Parameters
    ----------
    time
        Days at which the row's status was known, shape (N,).
    counts
        True where the row counts, shape (N,).
    censoring
        G, from `censoring_curve`.

    Raises
    ------
    InputError
        If a row counts at a time to which no training patient was followed.
    """
    followed = censoring.before(time)
    beyond = counts & (followed <= 0)
    if beyond.any():
        many, first = int(beyond.sum()), float(time[beyond].min())
        raise InputError(
            f"{many} rows count at {first:g} days or later, past the training patients' follow-up",
            expected="a horizon inside the training follow-up",
            do="Choose an earlier horizon.",
        )
    return np.where(counts, 1.0 / np.where(counts, followed, 1.0), 0.0)


def status_at_horizon(
    time: Floats, event_code: Codes, horizon: float, censoring: Curve, cause: int = 1
) -> HorizonStatus:
    """Label and weight of each row at a horizon; a competing event before it makes a known "no".

    Parameters
    ----------
    time, event_code
        As in `censoring_curve`, shape (N,).
    horizon
        Days. An event at exactly this time is by the horizon; a row censored at it was followed to it.
    censoring
        G of the training patients.
    cause
        Code of the event asked about.

    Raises
    ------
    InputError
        If the arrays cannot be, or no training patient is followed to the horizon.
    """
    check_follow_up(time, event_code)
    had_event = (event_code > 0) & (time <= horizon)
    known = had_event | (time >= horizon)
    weight = inverse_weights(np.minimum(time, horizon), known, censoring)
    return HorizonStatus((had_event & (event_code == cause)).astype(np.float64), weight)


def brier_at_horizon(probability: Floats, status: HorizonStatus) -> float:
    """IPCW Brier score of the probability of the event by a horizon, competing events allowed for.

    Mean of w (p - label)^2 over all rows (Graf et al. 1999; Schoop et al. 2011). For an interval pass
    `brier_terms` to `metarisk.metrics.intervals.weighted_mean`.

    Parameters
    ----------
    probability
        P(event of the cause by the horizon), shape (N,).
    status
        From `status_at_horizon`.

    Returns
    -------
    float
        From 0, lower is better.

    Raises
    ------
    InputError
        If lengths differ or a probability is NaN.
    """
    return float(brier_terms(probability, status).mean())


def brier_terms(probability: Floats, status: HorizonStatus) -> Weights:
    """What each row adds to `brier_at_horizon`, shape (N,)."""
    check_rows(probability=probability, label=status.label)
    terms: Weights = status.weight * np.square(np.asarray(probability, dtype=np.float64) - status.label)
    return terms


def integrated_brier(
    probability: Floats, time: Floats, event_code: Codes, horizons: Floats, censoring: Curve
) -> float:
    """IPCW Brier score averaged over time, by the trapezoid rule between the first and last horizon.

    Parameters
    ----------
    probability
        P(event of cause 1 by each horizon), shape (N, H).
    time, event_code
        As in `censoring_curve`, shape (N,).
    horizons
        Days, ascending, shape (H,), at least two.
    censoring
        G of the training patients.

    Returns
    -------
    float
        From 0, lower is better.

    Raises
    ------
    InputError
        If there are fewer than two horizons, they do not ascend, or as `brier_at_horizon`.
    """
    if len(horizons) < 2 or (np.diff(horizons) <= 0).any() or probability.shape != (len(time), len(horizons)):
        raise InputError(
            f"{len(horizons)} horizons and probabilities of shape {probability.shape} for {len(time)} rows",
            expected="two or more ascending horizons, one column of probabilities each",
            do="Pass one column a horizon.",
        )
    statuses = [status_at_horizon(time, event_code, float(horizon), censoring) for horizon in horizons]
    scores = [
        brier_at_horizon(column, status) for column, status in zip(probability.T, statuses, strict=True)
    ]
    return float(np.trapezoid(scores, horizons) / (horizons[-1] - horizons[0]))
