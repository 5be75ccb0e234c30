"""Whether a probability of 0.3 happens three times in ten.

Every figure takes an optional weight for each row, so that the status at a horizon and its censoring
weights (`metarisk.metrics.censoring.status_at_horizon`) are judged like any yes / no label.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError
from metarisk.metrics.inputs import (
    Codes,
    Floats,
    Weights,
    check_labels,
    check_rows,
    one_weighting,
    ratio,
)
from metarisk.metrics.intervals import Statistic

Z = 1.959964  # of a 95 % interval


class Reliability(NamedTuple):
    """Points of a reliability curve, one a bin, shape (B,) each.

    Attributes
    ----------
    predicted
        Mean probability of the bin.
    observed
        Share of events in the bin.
    n
        Rows in the bin.
    """

    predicted: Weights
    observed: Weights
    n: NDArray[np.intp]


def brier(probability: Floats, label: Codes, weight: Floats | None = None) -> float:
    """Mean squared distance of the probability from what happened; from 0, lower is better.

    Parameters
    ----------
    probability
        P(event), 0 .. 1, shape (N,).
    label
        1 the event, 0 none, shape (N,).
    weight
        Weight of each row, shape (N,); all equal when absent.

    Returns
    -------
    float
        NaN where there are no rows, or none with weight.

    Raises
    ------
    InputError
        If lengths differ, a value is NaN, a label is neither 0 nor 1, or a probability is outside 0 .. 1.
    """
    p, y, w = checked_probabilities(probability, label, weight)
    return float((w * (p - y) ** 2).sum() / w.sum()) if w.sum() > 0 else float("nan")


def reliability(
    probability: Floats, label: Codes, weight: Floats | None = None, *, bins: int = 10
) -> Reliability:
    """Predicted against observed in bins of equal count.

    Equal probabilities stay in one bin, so that row order plays no part; a constant prediction has one bin.
    Arguments and refusals are those of `brier`; ``bins`` is the most bins there can be.
    """
    p, y, w = checked_probabilities(probability, label, weight)
    bin_of = _equal_count_bins(p[w > 0], bins)
    p, y, w = p[w > 0], y[w > 0], w[w > 0]
    total = np.bincount(bin_of, weights=w)
    return Reliability(
        np.bincount(bin_of, weights=w * p) / total,
        np.bincount(bin_of, weights=w * y) / total,
        np.bincount(bin_of),
    )


def expected_calibration_error(
    probability: Floats, label: Codes, weight: Floats | None = None, *, bins: int = 10
) -> float:
    """Mean over equal-count bins of |predicted - observed|, weighted by the bins' rows; lower is better.

    Arguments and refusals are those of `brier`. It is never 0 for a finite sample: a perfect model of N rows
    shows about sqrt(2 p (1 - p) bins / (pi N)).
    """
    curve = reliability(probability, label, weight, bins=bins)
    if not len(curve.n):
        return float("nan")
    return float(np.average(np.abs(curve.predicted - curve.observed), weights=curve.n))


def weighted_calibration_error(
    probability: Floats, label: Codes, weight: Floats, *, bins: int = 10
) -> Statistic:
    """Statistic: `expected_calibration_error` under each of B weightings of the rows, (B, N) -> (B,).

    The bins are those of all rows, so that a resample moves their contents and not their edges. Unchecked.

    Parameters
    ----------
    probability, label, bins
        As in `expected_calibration_error`, shape (N,).
    weight
        A weight of each row's own that the B weightings are multiplied by, shape (N,).
    """
    counts = weight > 0
    bin_of = np.zeros(len(probability), dtype=np.intp)
    bin_of[counts] = _equal_count_bins(np.asarray(probability, dtype=np.float64)[counts], bins)
    member = (bin_of[:, None] == np.arange(bin_of.max(initial=0) + 1)) & counts[:, None]
    missed = member * (weight * (np.asarray(probability, dtype=np.float64) - label))[:, None]
    mass, rows = member * weight[:, None], member.astype(np.float64)

    def statistic(weights: Weights) -> Weights:
        gap = np.nan_to_num(np.abs(ratio(weights @ missed, weights @ mass)))
        size = weights @ rows
        return ratio((gap * size).sum(axis=1), size.sum(axis=1))

    return statistic


def d_calibration(survival: Floats, event: Codes, *, bins: int = 10) -> float:
    """P value of D-calibration: were the predicted survival probabilities at the events uniform.

    A row censored where its survival is s is spread evenly over 0 .. s (Haider, Hoehn, Davis and Greiner
    2020). One cause only: with competing events the probabilities are not uniform even for a perfect model.

    Parameters
    ----------
    survival
        Predicted probability of being event-free at the row's own time, 0 .. 1, shape (N,).
    event
        True where the event was seen, shape (N,).
    bins
        Bins of equal width.

    Returns
    -------
    float
        Chi-squared p value, ``bins - 1`` degrees of freedom; small speaks against it. NaN for no rows.

    Raises
    ------
    InputError
        As `brier`.
    """
    from scipy.special import gammaincc

    s, seen, _ = checked_probabilities(survival, event, None)
    if not len(s):
        return float("nan")
    counts = _spread_counts(s, seen == 1, bins)
    expected = len(s) / bins
    statistic = ((counts - expected) ** 2 / expected).sum()
    return float(gammaincc((bins - 1) / 2, statistic / 2))


def _spread_counts(survival: Weights, seen: NDArray[np.bool_], bins: int) -> Weights:
    """Rows a bin, shape (bins,): an event counts in its own bin, a censored row there and below."""
    edges = np.arange(bins) / bins
    own = np.minimum((survival * bins).astype(np.intp), bins - 1)
    counts = np.bincount(own[seen], minlength=bins).astype(np.float64)
    censored = np.maximum(survival[~seen], 1e-12)[:, None]
    share = np.clip(censored - edges, 0.0, 1.0 / bins) / censored
    spread: Weights = counts + share.sum(axis=0)
    return spread


def wilson(events: Weights, n: Weights) -> tuple[Weights, Weights]:
    """95 % interval of a share (Wilson 1927), shape (B,) each.

    Parameters
    ----------
    events, n
        With the event and in all, shape (B,); need not be whole numbers.
    """
    share = events / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def _equal_count_bins(probability: Weights, bins: int) -> NDArray[np.intp]:
    """Bin of each row, numbered from 0 without gaps, shape (N,)."""
    values, position, counts = np.unique(probability, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(counts) - counts / 2  # of the rows that share a value
    wanted = (middle_rank * bins / max(len(probability), 1)).astype(np.intp)
    return np.unique(wanted, return_inverse=True)[1][position] if len(values) else position


def checked_probabilities(
    probability: Floats, label: Codes, weight: Floats | None
) -> tuple[Weights, Weights, Weights]:
    """Probabilities, labels and weights as floats, shape (N,) each; raises `InputError`, see `brier`."""
    check_rows(probability=probability, label=label)
    check_labels(label)
    (w,) = one_weighting(weight, len(probability))
    p = np.asarray(probability, dtype=np.float64)
    if len(p) and (p.min() < 0 or p.max() > 1):
        raise InputError(
            f"probabilities run from {p.min():g} to {p.max():g}",
            expected="0 .. 1",
            do="Pass probabilities, not log odds or risks.",
        )
    return p, np.asarray(label, dtype=np.float64), w
