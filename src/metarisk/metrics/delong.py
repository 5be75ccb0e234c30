"""DeLong's test of two AUROCs on the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from metarisk.metrics.inputs import Codes, Floats, Weights, check_labels, check_rows
from metarisk.metrics.within import Strata


class DeLong(NamedTuple):
    """Difference of two AUROCs, first minus second.

    Attributes
    ----------
    difference
        AUROC of the first minus AUROC of the second.
    error
        Its standard error.
    p
        Two-sided p value of no difference; 1 where the two rank every pair alike.
    """

    difference: float
    error: float
    p: float


def delong(first: Floats, second: Floats, label: Codes) -> DeLong:
    """Compare two scores of the same independent rows (DeLong 1988, by the midranks of Sun and Xu 2014).

    Rows of one patient are not independent: with several samples a patient use
    `metarisk.metrics.intervals.paired_difference`.

    Parameters
    ----------
    first, second
        Two models' scores, higher = the event is likelier, shape (N,).
    label
        1 the event, 0 none, shape (N,).

    Returns
    -------
    DeLong
        NaN throughout where either class has fewer than two rows.

    Raises
    ------
    InputError
        If lengths differ, a value is NaN, or a label is neither 0 nor 1.
    """
    check_rows(first=first, second=second, label=label)
    check_labels(label)
    case = label == 1
    if case.sum() < 2 or (~case).sum() < 2:
        return DeLong(math.nan, math.nan, math.nan)
    won_first, kept_first = _placements(first, case)
    won_second, kept_second = _placements(second, case)
    difference = float(won_first.mean() - won_second.mean())
    variance = _variance_of_mean(won_first - won_second) + _variance_of_mean(kept_first - kept_second)
    return DeLong(difference, math.sqrt(variance), _two_sided_normal(difference, variance))


def stratified_delong(
    first: Floats, second: Floats, label: Codes, strata: Strata, share: Floats | None = None
) -> DeLong:
    """`delong` of AUROCs averaged over strata.

    The strata are independent, so with a_s the share of stratum s in the average, the difference is the sum
    of a_s d_s and its variance the sum of a_s^2 v_s, from the difference d_s and variance v_s inside each.

    Parameters
    ----------
    first, second, label
        As in `delong`, shape (N,).
    strata
        From `metarisk.metrics.within.choose_strata`, each with two rows of both classes or more.
    share
        What each of S strata counts, shape (S,), of any sum; the cases it has where absent, as
        `metarisk.metrics.within.within_strata` averages.

    Returns
    -------
    DeLong
        NaN throughout where no stratum counts, or one is too small.
    """
    inside = [delong(first[rows], second[rows], label[rows]) for rows in strata.rows]
    cases = np.array([(label[rows] == 1).sum() for rows in strata.rows], dtype=np.float64)
    return averaged_delong(inside, cases if share is None else share)


def averaged_delong(inside: Sequence[DeLong], share: Floats) -> DeLong:
    """The average of comparisons in independent strata, as `stratified_delong`.

    Parameters
    ----------
    inside
        One a stratum.
    share
        What each of S strata counts, shape (S,), of any sum.
    """
    if not inside:
        return DeLong(math.nan, math.nan, math.nan)
    part = np.asarray(share, dtype=np.float64) / np.sum(share)
    difference = float(part @ [stratum.difference for stratum in inside])
    variance = float(part**2 @ [stratum.error**2 for stratum in inside])
    if math.isnan(variance):
        return DeLong(math.nan, math.nan, math.nan)
    return DeLong(difference, math.sqrt(variance), _two_sided_normal(difference, variance))


def _placements(score: Floats, case: Codes) -> tuple[Weights, Weights]:
    """Share of controls each case outranks, and share of cases that outrank each control; ties half."""
    cases, controls = np.sort(score[case]), np.sort(score[~case])
    return _share_below(score[case], controls), 1.0 - _share_below(score[~case], cases)


def _share_below(values: Floats, others: Floats) -> Weights:
    below = np.searchsorted(others, values, side="left") + np.searchsorted(others, values, side="right")
    return below / (2.0 * len(others))


def _variance_of_mean(values: Weights) -> float:
    return float(values.var(ddof=1) / len(values))


def _two_sided_normal(difference: float, variance: float) -> float:
    if variance <= 0:
        return 1.0 if difference == 0 else 0.0
    return math.erfc(abs(difference) / math.sqrt(2.0 * variance))
