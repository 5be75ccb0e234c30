"""Figures inside strata: what a model knows beyond, say, the cancer type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.metrics.discrimination import weighted_auroc
from metarisk.metrics.inputs import Codes, Floats, Weights, check_labels, check_rows, ratio
from metarisk.metrics.intervals import Interval, Statistic, bootstrap


class Within(NamedTuple):
    """A figure averaged over strata.

    Attributes
    ----------
    figure
        Value and interval; ``n`` and ``events`` are of the rows that counted.
    strata
        Strata that counted.
    patients_left_out
        Patients all of whose rows stand in strata too small to count.
    """

    figure: Interval
    strata: int
    patients_left_out: int


@dataclass(frozen=True)
class Strata:
    """The strata that count, chosen once on all rows so that every resample averages the same ones.

    Attributes
    ----------
    rows
        Row indices of each stratum that counts.
    n
        Rows in the whole table.
    """

    rows: tuple[NDArray[np.intp], ...]
    n: int

    @property
    def counted(self) -> NDArray[np.bool_]:
        """True for rows in a stratum that counts, shape (N,)."""
        inside = np.zeros(self.n, dtype=np.bool_)
        for rows in self.rows:
            inside[rows] = True
        return inside


def choose_strata(label: Codes, stratum: NDArray[Any], min_events: int) -> Strata:
    """Strata with at least ``min_events`` rows with the event and as many without.

    Parameters
    ----------
    label
        1 the event, 0 none, shape (N,).
    stratum
        Stratum of each row, shape (N,).
    min_events
        At least 1.
    """
    names, stratum_of = np.unique(stratum, return_inverse=True)
    cases = np.bincount(stratum_of, weights=label == 1, minlength=len(names))
    controls = np.bincount(stratum_of, minlength=len(names)) - cases
    large = np.flatnonzero((cases >= min_events) & (controls >= min_events))
    return Strata(tuple(np.flatnonzero(stratum_of == index) for index in large), len(stratum_of))


def within_strata(score: Floats, label: Codes, strata: Strata) -> Statistic:
    """Statistic: sum of c_s AUROC_s / sum of c_s over strata s, where c_s is the weight of the cases of s.

    Cases, not case-control pairs, so that a type twice as large counts twice and not four times. A stratum
    that a resample leaves without cases or controls does not count in it.
    """
    cases = np.asarray(label) == 1

    def statistic(weights: Weights) -> Weights:
        total, count = np.zeros(len(weights)), np.zeros(len(weights))
        for rows in strata.rows:
            inside = weights[:, rows]
            figure = weighted_auroc(score[rows], label[rows], inside)
            share = np.where(np.isnan(figure), 0.0, inside[:, cases[rows]].sum(axis=1))
            total += share * np.nan_to_num(figure)
            count += share
        return ratio(total, count)

    return statistic


def stratified_auroc(score: Floats, label: Codes, stratum: NDArray[Any], min_events: int) -> float:
    """AUROC inside strata, averaged by their cases (see `within_strata`).

    Parameters
    ----------
    score
        Higher = the event is likelier, shape (N,).
    label
        1 the event, 0 none, shape (N,).
    stratum
        Stratum of each row, shape (N,), e.g. its cancer type.
    min_events
        A stratum counts with this many rows with the event and as many without.

    Returns
    -------
    float
        0 .. 1, higher is better, 0.5 is chance; NaN where no stratum counts.

    Raises
    ------
    InputError
        If lengths differ, a value is NaN, or a label is neither 0 nor 1.
    """
    check_rows(score=score, label=label)
    check_labels(label)
    strata = choose_strata(label, stratum, min_events)
    return float(within_strata(score, label, strata)(np.ones((1, len(score))))[0])


def stratified_interval(
    score: Floats,
    label: Codes,
    strata: Strata,
    groups: NDArray[Any],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Within:
    """`stratified_auroc` with its bootstrap interval, and how much of the table it speaks for.

    Parameters
    ----------
    score, label
        As in `stratified_auroc`, shape (N,).
    strata
        From `choose_strata`.
    groups
        Patient of each row, shape (N,).
    resamples, seed
        As in `metarisk.metrics.intervals.bootstrap`.

    Raises
    ------
    InputError
        As `stratified_auroc`, or if there are no rows.
    """
    check_rows(score=score, label=label)
    check_labels(label)
    counted = strata.counted
    events = int((label[counted] == 1).sum())
    figure = bootstrap(
        within_strata(score, label, strata), groups, events=events, resamples=resamples, seed=seed
    )
    left_out = np.setdiff1d(groups[~counted], groups[counted])
    return Within(figure._replace(n=int(counted.sum())), len(strata.rows), len(left_out))
