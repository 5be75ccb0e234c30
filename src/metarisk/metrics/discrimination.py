"""How well a score tells those who have the event from those who do not.

Each figure stands twice: for one weighting of the rows (a number), and, prefixed ``weighted_``, for B
weightings at once (shape (B,)), which is what the bootstrap asks for. Higher scores mean the event is
likelier; 1 is perfect, 0.5 is chance for the AUROC, the prevalence is chance for average precision.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metarisk.metrics.censoring import status_at_horizon
from metarisk.metrics.inputs import Codes, Floats, Weights, check_labels, check_rows, one_weighting, ratio
from metarisk.metrics.survival import Curve


def auroc(score: Floats, label: Codes, weight: Floats | None = None) -> float:
    """Chance that a row with the event scores higher than one without; a tie counts one half.

    Parameters
    ----------
    score
        Higher = the event is likelier, shape (N,).
    label
        1 the event, 0 none, shape (N,); rows with an unknown label are left out by the caller.
    weight
        Weight of each row, shape (N,); all equal when absent.

    Returns
    -------
    float
        0 .. 1, higher is better; NaN where one of the two classes is absent.

    Raises
    ------
    InputError
        If lengths differ, a value is NaN, or a label is neither 0 nor 1.
    """
    check_rows(score=score, label=label)
    check_labels(label)
    return float(weighted_auroc(score, label, one_weighting(weight, len(score)))[0])


def weighted_auroc(score: Floats, label: Codes, weights: Weights) -> Weights:
    """AUROC under each of B weightings of the rows, from one sort; unchecked, see `auroc`.

    Parameters
    ----------
    score, label
        As in `auroc`, shape (N,).
    weights
        Weight of each row in each weighting, shape (B, N).

    Returns
    -------
    Weights
        Shape (B,); NaN where a class has no weight.
    """
    case = np.flatnonzero(label == 1)
    control = np.flatnonzero(label != 1)
    control = control[np.argsort(score[control], kind="stable")]
    below = np.searchsorted(score[control], score[case], side="left")
    up_to = np.searchsorted(score[control], score[case], side="right")
    passed = np.zeros((len(weights), len(control) + 1))
    np.cumsum(weights[:, control], axis=1, out=passed[:, 1:])
    case_weights = weights[:, case]
    won = np.einsum("bi,bi->b", case_weights, passed[:, below] + passed[:, up_to]) / 2
    return ratio(won, case_weights.sum(axis=1) * passed[:, -1])


def average_precision(score: Floats, label: Codes, weight: Floats | None = None) -> float:
    """Precision averaged over the events, sum of (R_k - R_k-1) P_k over distinct thresholds.

    Arguments and refusals are those of `auroc`; NaN where there is no event. Chance is the prevalence.
    """
    check_rows(score=score, label=label)
    check_labels(label)
    return float(weighted_average_precision(score, label, one_weighting(weight, len(score)))[0])


def weighted_average_precision(score: Floats, label: Codes, weights: Weights) -> Weights:
    """Average precision under each of B weightings, shape (B, N) -> (B,); unchecked, see `average_precision`.

    Equal scores are one threshold, as in scikit-learn: no order among them is credited. Only the thresholds
    of cases count, so only there is the precision worked out.
    """
    falling = -np.asarray(score, dtype=np.float64)
    case, control = (rows[np.argsort(falling[rows], kind="stable")] for rows in _classes(label))
    found = _weight_up_to(falling[case], weights[:, case], falling[case])
    called = found + _weight_up_to(falling[control], weights[:, control], falling[case])
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    case_weights = weights[:, case]
    return ratio(np.einsum("bi,bi->b", case_weights, precision), case_weights.sum(axis=1))


def _classes(label: Codes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows with the event, and rows without."""
    return np.flatnonzero(label == 1), np.flatnonzero(label != 1)


def _weight_up_to(ordered: Floats, weights: Weights, values: Floats) -> Weights:
    """Weight of the rows that are not above each value, (B, N) to (B, values); ``ordered`` ascends."""
    passed = np.zeros((len(weights), len(ordered) + 1))
    np.cumsum(weights, axis=1, out=passed[:, 1:])
    return passed[:, np.searchsorted(ordered, values, side="right")]


def time_dependent_auroc(
    risk: Floats, time: Floats, event_code: Codes, horizon: float, censoring: Curve
) -> float:
    """Cumulative/dynamic AUROC at a horizon, weighted by the inverse probability of censoring.

    Cases had the event of cause 1 by the horizon; controls were free of every event then, or had a competing
    event before it (Blanche, Dartigues and Jacqmin-Gadda 2013, second definition). Those censored earlier
    have no weight. For intervals pass `weighted_auroc` the status and weights of `status_at_horizon`.

    Parameters
    ----------
    risk
        Higher = worse, shape (N,).
    time
        Days to the event or to last contact, shape (N,).
    event_code
        0 censored, 1 the cause, 2 .. competing causes, shape (N,).
    horizon
        Days.
    censoring
        P(not censored) of the training patients, from `censoring_curve`.

    Returns
    -------
    float
        0 .. 1, higher is better; NaN where there is no case or no control.

    Raises
    ------
    InputError
        If the arrays cannot be (see `auroc`), or no training patient is followed as long as needed.
    """
    check_rows(risk=risk, time=time, event_code=event_code)
    status = status_at_horizon(time, event_code, horizon, censoring)
    return float(weighted_auroc(risk, status.label, status.weight[None, :])[0])
