"""Calibration slope and intercept: a logistic regression of the outcome on the predicted log odds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarisk.metrics.calibration import checked_probabilities
from metarisk.metrics.inputs import Codes, Floats, Weights, ratio
from metarisk.metrics.intervals import Statistics

_CLIP = 1e-6  # a probability of 0 or 1 has no log odds
_STEPS = 50
_CLOSE = 1e-9


class Recalibration(NamedTuple):
    """Cox's calibration line, logit P(event) = intercept + slope * logit(predicted).

    Attributes
    ----------
    slope
        1 is right; below 1 the predictions are too extreme, above 1 too timid.
    intercept
        Of the same line; 0 is right.
    in_the_large
        Intercept where the slope is held at 1: above 0 the risk is predicted too low on the whole.
    """

    slope: float
    intercept: float
    in_the_large: float


def recalibrate(probability: Floats, label: Codes, weight: Floats | None = None) -> Recalibration:
    """Calibration slope and intercepts by Newton's method.

    Parameters
    ----------
    probability
        P(event), shape (N,); clipped to 1e-6 .. 1 - 1e-6.
    label
        1 the event, 0 none, shape (N,).
    weight
        Weight of each row, shape (N,); all equal when absent.

    Returns
    -------
    Recalibration
        NaN where a figure does not exist: one class only, a constant prediction, or perfect separation.

    Raises
    ------
    InputError
        If lengths differ, a value is NaN, a label is neither 0 nor 1, or a probability is outside 0 .. 1.
    """
    p, y, w = checked_probabilities(probability, label, weight)
    clipped = np.clip(p, _CLIP, 1.0 - _CLIP)
    logit = np.log(clipped / (1.0 - clipped))
    ones = np.ones((len(y), 1))
    (large,) = _newton(ones, logit, y, w)
    intercept, slope = _newton(np.column_stack([ones, logit]), np.zeros_like(logit), y, w)
    return Recalibration(float(slope), float(intercept), float(large))


def recalibrated(probability: Floats, label: Codes, weight: Floats) -> Statistics:
    """Statistics: slope, intercept and intercept in the large of `recalibrate`, (B, N) -> (3, B).

    Each is one step of Newton's method from the line of all rows, which differs from the whole way by terms
    of the order 1 / N: resampled patients move the line little. Unchecked; other arguments as `recalibrate`.

    Parameters
    ----------
    weight
        A weight of each row's own that the B weightings are multiplied by, shape (N,).
    """
    whole = recalibrate(probability, label, weight)
    clipped = np.clip(np.asarray(probability, dtype=np.float64), _CLIP, 1.0 - _CLIP)
    logit = np.log(clipped / (1.0 - clipped))
    mean, shifted = _expit(whole.intercept + whole.slope * logit), _expit(whole.in_the_large + logit)
    missed, curved = weight * (label - mean), weight * mean * (1.0 - mean)
    large = weight[:, None] * np.column_stack([label - shifted, shifted * (1.0 - shifted)])
    terms = np.column_stack([missed, missed * logit, curved, curved * logit, curved * logit**2, large])

    def statistics(weights: Weights) -> Weights:
        level, tilt, one, linear, square, shift, curve = (weights @ terms).T
        size = one * square - linear**2
        slope = whole.slope + ratio(one * tilt - linear * level, size)
        intercept = whole.intercept + ratio(square * level - linear * tilt, size)
        return np.stack([slope, intercept, whole.in_the_large + ratio(shift, curve)])

    return statistics


def _newton(design: Weights, offset: Weights, label: Weights, weight: Weights) -> Weights:
    """Coefficients of a logistic regression with an offset, shape (columns,); NaN without a maximum."""
    coefficients = np.zeros(design.shape[1])
    lost = np.full(design.shape[1], np.nan)
    for _ in range(_STEPS):
        mean = _expit(design @ coefficients + offset)
        gradient = design.T @ (weight * (label - mean))
        information = (design * (weight * mean * (1.0 - mean))[:, None]).T @ design
        if not np.linalg.cond(information) < 1e12:
            return lost
        step = np.linalg.solve(information, gradient)
        # A long step overshoots where the start is far: five log odds at most.
        coefficients += step * min(1.0, 5.0 / max(float(np.abs(step).max()), _CLOSE))
        if np.abs(step).max() < _CLOSE:
            return coefficients
    return lost


def _expit(log_odds: Weights) -> Weights:
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -700.0, 700.0)))
