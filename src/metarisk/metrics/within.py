"""Figures inside strata: what a model knows beyond, say, the cancer type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    def sizes(self) -> list[int]:
        """Rows of each stratum that counts."""
        return [len(rows) for rows in self.rows]

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


def finer_strata(strata: Strata, label: Codes, part: NDArray[Any], min_events: int = 2) -> Strata:
    """Strata cut by a second grouping: those parts of each that have enough rows with the event and without.

    Parameters
    ----------
    strata
        From `choose_strata`, on all rows.
    label
        1 the event, 0 none, shape (N,).
    part
        Second grouping of each row, such as the fold that it was held out in, shape (N,).
    min_events
        At least 1.
    """
    cut = [
        rows[inner]
        for rows in strata.rows
        for inner in choose_strata(label[rows], part[rows], min_events).rows
    ]
    return Strata(tuple(cut), strata.n)


class ByStratum(NamedTuple):
    """A figure inside each of S strata under B weightings of the rows.

    Attributes
    ----------
    figure
        Shape (B, S); NaN where a weighting leaves a stratum without cases or controls.
    cases
        Weight of the stratum's cases, shape (B, S).
    """

    figure: Weights
    cases: Weights


InStrata = Callable[[Weights], ByStratum]


def auroc_in_strata(score: Floats, label: Codes, strata: Strata) -> InStrata:
    """AUROC inside each stratum that counts, from one sort for all of them; unchecked.

    Parameters
    ----------
    score
        Higher = the event is likelier, shape (N,).
    label
        1 the event, 0 none, shape (N,).
    strata
        From `choose_strata`, at least one that counts.
    """
    rows, inside = np.concatenate(strata.rows), np.repeat(np.arange(len(strata.rows)), strata.sizes)
    ranks = np.unique(score[rows], return_inverse=True)[1]
    key = inside * (len(rows) + 1) + ranks  # strata one after another, scores ascending in each
    order = np.argsort(key, kind="stable")
    rows, key, inside = rows[order], key[order], inside[order]
    is_case = label[rows] == 1
    case, control = rows[is_case], rows[~is_case]
    below = np.searchsorted(key[~is_case], key[is_case], side="left")
    up_to = np.searchsorted(key[~is_case], key[is_case], side="right")
    bounds = np.searchsorted(inside[~is_case], np.arange(len(strata.rows) + 1))
    first = np.searchsorted(inside[is_case], np.arange(len(strata.rows)))
    before = bounds[inside[is_case]]

    def figures(weights: Weights) -> ByStratum:
        passed = np.zeros((len(weights), len(control) + 1))
        np.cumsum(weights[:, control], axis=1, out=passed[:, 1:])
        cases = weights[:, case]
        won = cases * ((passed[:, below] + passed[:, up_to]) / 2 - passed[:, before])
        share = np.add.reduceat(cases, first, axis=1)
        controls = np.diff(passed[:, bounds], axis=1)
        return ByStratum(ratio(np.add.reduceat(won, first, axis=1), share * controls), share)

    return figures


def mean_by_cases(found: ByStratum) -> Weights:
    """Figures averaged over strata by their cases, shape (B,); strata without a figure do not count."""
    exists = ~np.isnan(found.figure)
    share = found.cases * exists
    return ratio((share * np.where(exists, found.figure, 0.0)).sum(axis=1), share.sum(axis=1))


def mean_by_share(found: ByStratum, share: Floats) -> Weights:
    """Figures averaged over strata by fixed shares, shape (S,) to (B,); strata without a figure do not count.

    Equal shares give the plain mean over strata.
    """
    exists = ~np.isnan(found.figure)
    return ratio((np.where(exists, found.figure, 0.0) * share).sum(axis=1), (exists * share).sum(axis=1))


def within_strata(score: Floats, label: Codes, strata: Strata) -> Statistic:
    """Statistic: sum of c_s AUROC_s / sum of c_s over strata s, where c_s is the weight of the cases of s.

    Cases, not case-control pairs, so that a type twice as large counts twice and not four times. A stratum
    that a resample leaves without cases or controls does not count in it.
    """
    if not strata.rows:
        return lambda weights: np.full(len(weights), np.nan)
    figures = auroc_in_strata(score, label, strata)
    return lambda weights: mean_by_cases(figures(weights))


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
