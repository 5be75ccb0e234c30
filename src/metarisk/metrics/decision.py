"""Decision curve: what acting on a probability gains over acting on everybody or nobody."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarisk.errors import InputError
from metarisk.metrics.inputs import Codes, Floats, Weights, check_labels, check_rows, one_weighting


class DecisionCurve(NamedTuple):
    """Net benefit at each threshold, in true positives a row, shape (T,) each; higher is better.

    Attributes
    ----------
    thresholds
        Probability from which one acts.
    model
        Acting on the model.
    everybody
        Acting on everybody; on nobody it is 0.
    """

    thresholds: Weights
    model: Weights
    everybody: Weights


def decision_curve(
    probability: Floats, label: Codes, thresholds: Floats, weight: Floats | None = None
) -> DecisionCurve:
    """Net benefit TP/N - FP/N * t / (1 - t) at each threshold t (Vickers and Elkin 2006).

    Parameters
    ----------
    probability
        P(event), shape (N,).
    label
        1 the event, 0 none, shape (N,).
    thresholds
        Strictly between 0 and 1, shape (T,).
    weight
        Weight of each row, shape (N,); all equal when absent.

    Raises
    ------
    InputError
        If lengths differ, a value is NaN, there are no rows, or a threshold is outside 0 .. 1.
    """
    check_rows(probability=probability, label=label)
    check_labels(label)
    steps = np.asarray(thresholds, dtype=np.float64)
    if not len(probability) or (steps <= 0).any() or (steps >= 1).any():
        raise InputError(
            f"{len(probability)} rows and thresholds {steps.min():g} .. {steps.max():g}",
            expected="at least one row and thresholds strictly between 0 and 1",
            do="Choose other thresholds.",
        )
    (w,) = one_weighting(weight, len(probability))
    acted = probability[None, :] >= steps[:, None]
    true, false = (acted @ (w * (label == value)) / w.sum() for value in (1, 0))
    odds = steps / (1.0 - steps)
    prevalence = (w * (label == 1)).sum() / w.sum()
    return DecisionCurve(steps, true - false * odds, prevalence - (1.0 - prevalence) * odds)
