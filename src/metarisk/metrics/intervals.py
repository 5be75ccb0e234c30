"""Intervals and comparisons: patients are resampled with all their samples.

A *statistic* here maps weightings of the rows, shape (B, N), to B figures, shape (B,): resampling patients
is weighting their rows by how often each was drawn, so one sort serves a thousand resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError
from metarisk.metrics.inputs import Floats, Weights, ratio

Statistic = Callable[[Weights], Weights]
Statistics = Callable[[Weights], Weights]  # several figures from one pass, (B, N) -> (F, B)
Name = TypeVar("Name", bound=Hashable)

_CELLS_AT_ONCE = 2_000_000  # weights held in memory at a time, 16 MB
_TAILS = (2.5, 97.5)


class Interval(NamedTuple):
    """A figure with its 95 % interval.

    Attributes
    ----------
    value
        On all rows; NaN where it does not exist.
    lower, upper
        2.5th and 97.5th percentile over the resamples in which it exists; NaN where that is under half.
    n
        Rows N.
    events
        Rows with the event.
    """

    value: float
    lower: float
    upper: float
    n: int
    events: int


class Difference(NamedTuple):
    """A paired difference, first minus second.

    Attributes
    ----------
    value
        On all rows.
    lower, upper
        95 % interval.
    p
        Two-sided p value of no difference.
    n
        Rows N.
    """

    value: float
    lower: float
    upper: float
    p: float
    n: int


class Resampled(NamedTuple):
    """A figure, and what it was in each resample.

    Attributes
    ----------
    value
        On all rows.
    drawn
        Shape (B,); NaN where it did not exist.
    """

    value: float
    drawn: Weights

    def bounds(self) -> tuple[float, float]:
        """95 % interval, as in `Interval`."""
        return _tails(self.drawn)

    def minus(self, other: Resampled, n: int) -> Difference:
        """Paired difference from a figure of the same resamples of ``n`` rows, as `paired_difference`."""
        drawn = self.drawn - other.drawn
        return Difference(self.value - other.value, *_tails(drawn), _two_sided(drawn), n)


def bootstrap(
    statistic: Statistic, groups: NDArray[Any], *, events: int, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Percentile interval of a figure over resampled patients.

    Parameters
    ----------
    statistic
        Weightings of the rows (B, N) -> figures (B,), e.g. ``partial(weighted_auroc, score, label)``, or any
        function of row indices through `over_rows`.
    groups
        Patient of each row, shape (N,): all rows of a patient are drawn together.
    events
        Rows with the event, carried into the result.
    resamples
        How often the patients are drawn again.
    seed
        Equal seeds give equal intervals.

    Raises
    ------
    InputError
        If there are no rows.
    """
    value = float(statistic(np.ones((1, len(groups))))[0])
    lower, upper = _tails(_resampled(statistic, groups, resamples, seed))
    return Interval(value, lower, upper, len(groups), int(events))


def paired_difference(
    first: Statistic, second: Statistic, groups: NDArray[Any], *, resamples: int = 1000, seed: int = 0
) -> Difference:
    """Difference of two models' figures on the same rows, each resample shared by both.

    The p value is twice the smaller share of resamples on either side of zero, one added to both counts so
    that it is never 0 (Davison and Hinkley 1997, 4.11); no more than 1. Other arguments as `bootstrap`.
    """

    def difference(weights: Weights) -> Weights:
        return first(weights) - second(weights)

    value = float(difference(np.ones((1, len(groups))))[0])
    drawn = _resampled(difference, groups, resamples, seed)
    return Difference(value, *_tails(drawn), _two_sided(drawn), len(groups))


def resampled_together(
    statistics: Mapping[Name, Statistic], groups: NDArray[Any], *, resamples: int = 1000, seed: int = 0
) -> dict[Name, Resampled]:
    """Many figures of the same rows over the same resamples, which are drawn once for all of them.

    Intervals and differences are those of `bootstrap` and `paired_difference` under an equal seed. Arguments
    as there.

    Raises
    ------
    InputError
        If there are no rows.
    """
    families: dict[tuple[Name, ...], Statistics] = {
        (name,): one_figure(statistic) for name, statistic in statistics.items()
    }
    return resampled_families(families, groups, resamples=resamples, seed=seed)


def resampled_families(
    families: Mapping[tuple[Name, ...], Statistics],
    groups: NDArray[Any],
    inside: NDArray[Any] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[Name, Resampled]:
    """As `resampled_together`, of figures of which several come from one pass over the rows.

    Parameters
    ----------
    families
        Names of F figures -> their statistics, (B, N) -> (F, B).
    inside
        See `resampled_weights`.

    Raises
    ------
    InputError
        If there are no rows.
    """
    drawn: dict[tuple[Name, ...], list[Weights]] = {names: [] for names in families}
    for weights in resampled_weights(groups, resamples, seed, inside):
        for names, statistics in families.items():
            drawn[names].append(statistics(weights))
    whole = np.ones((1, len(groups)))
    found: dict[Name, Resampled] = {}
    for names, statistics in families.items():
        values, blocks = statistics(whole)[:, 0], np.concatenate(drawn[names], axis=1)
        found |= {name: Resampled(float(v), b) for name, v, b in zip(names, values, blocks, strict=True)}
    return found


def one_figure(statistic: Statistic) -> Statistics:
    """A statistic as a family of one."""
    return lambda weights: statistic(weights)[None, :]


def over_rows(figure: Callable[[NDArray[np.intp]], float]) -> Statistic:
    """Statistic of a figure that takes row indices (repeated as often as drawn); slower than weights."""

    def statistic(weights: Weights) -> Weights:
        rows = np.arange(weights.shape[1])
        return np.array([figure(np.repeat(rows, counts)) for counts in weights.astype(np.intp)])

    return statistic


def reweighted(statistic: Statistic, weight: Floats) -> Statistic:
    """Statistic in which each row also has a weight of its own, shape (N,), e.g. a censoring weight."""

    def weighted(weights: Weights) -> Weights:
        return statistic(weights * weight)

    return weighted


def weighted_mean(values: Floats, weights: Weights) -> Weights:
    """Mean of N values under each of B weightings (B, N), shape (B,); NaN without weight."""
    return ratio(weights @ np.asarray(values, dtype=np.float64), weights.sum(axis=1))


def holm(p_values: Sequence[float]) -> Weights:
    """P values adjusted for their number by Holm's step-down method, in the order given.

    A NaN is no test: it stays NaN and does not count among the family.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")[: int((~np.isnan(p)).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def resampled_weights(
    groups: NDArray[Any], resamples: int, seed: int, inside: NDArray[Any] | None = None
) -> Iterator[Weights]:
    """How often each row is drawn, in blocks of resamples, shape (block, N); the blocks' size plays no part.

    Parameters
    ----------
    groups, resamples, seed
        As in `bootstrap`.
    inside
        Stratum of each row, shape (N,): each stratum's patients are drawn among themselves, as many as there
        are, so that a small cohort is in every resample. A patient belongs where the first of the rows does.
        All patients are drawn together when absent.

    Raises
    ------
    InputError
        If there are no rows.
    """
    if not len(groups):
        raise InputError("there are no rows to resample", do="Report the target as not evaluated.")
    patients, first, patient_of = np.unique(groups, return_index=True, return_inverse=True)
    generator = np.random.default_rng(seed)
    draw = _draw(None if inside is None else inside[first], len(patients), generator)
    block = max(1, _CELLS_AT_ONCE // len(groups))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        cells = draw(size) + np.arange(size)[:, None] * len(patients)
        counts = np.bincount(cells.ravel(), minlength=size * len(patients)).reshape(size, -1)
        yield counts.astype(np.float64)[:, patient_of]


def _draw(
    stratum: NDArray[Any] | None, patients: int, generator: np.random.Generator
) -> Callable[[int], NDArray[np.int64]]:
    """Drawing of patients, 0 .. patients - 1, for a number of resamples, shape (resamples, patients)."""
    if stratum is None:
        return lambda size: generator.integers(0, patients, size=(size, patients))
    order = np.argsort(stratum, kind="stable")
    _, sizes = np.unique(stratum, return_counts=True)
    end = np.repeat(sizes.cumsum(), sizes)
    start = end - np.repeat(sizes, sizes)
    return lambda size: order[generator.integers(start, end, size=(size, patients))]


def _resampled(statistic: Statistic, groups: NDArray[Any], resamples: int, seed: int) -> Weights:
    return np.concatenate([statistic(weights) for weights in resampled_weights(groups, resamples, seed)])


def _tails(drawn: Weights) -> tuple[float, float]:
    exists = drawn[~np.isnan(drawn)]
    if 2 * len(exists) < len(drawn):
        return float("nan"), float("nan")
    lower, upper = np.percentile(exists, _TAILS)
    return float(lower), float(upper)


def _two_sided(drawn: Weights) -> float:
    exists = drawn[~np.isnan(drawn)]
    if 2 * len(exists) < len(drawn):
        return float("nan")
    smaller = min((exists <= 0).sum(), (exists >= 0).sum())
    return float(min(1.0, 2.0 * (smaller + 1) / (len(exists) + 1)))
