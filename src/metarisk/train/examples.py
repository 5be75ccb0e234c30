"""Labelled rows of a flat table, the patients held out inside them, and the columns worth reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError
from metarisk.metrics.censoring import censoring_curve, status_at_horizon

Features = NDArray[np.float32]
Floats = NDArray[np.float64]

_FOLDS = 5
_MANY_EVENTS = 500  # from here one held-out fold says enough; below it several are averaged


class Examples(NamedTuple):
    """Rows to learn from; every label is known.

    Attributes
    ----------
    X
        Shape (N, F), NaN where unknown.
    y
        0.0 or 1.0, shape (N,).
    weight
        Shape (N,).
    groups
        Patient of each row, shape (N,).
    """

    X: Features
    y: Floats
    weight: Floats
    groups: NDArray[Any]

    def take(self, rows: NDArray[Any]) -> Examples:
        """Rows by index or mask."""
        return Examples(self.X[rows], self.y[rows], self.weight[rows], self.groups[rows])

    def read(self, columns: NDArray[np.intp]) -> Examples:
        """The same rows with these columns only."""
        return self._replace(X=self.X[:, columns])


def labelled(X: Features, y: NDArray[Any], weight: Floats, groups: NDArray[Any]) -> Examples:
    """Rows whose label is known, not NaN.

    Parameters
    ----------
    X
        Shape (N, F), NaN where unknown.
    y
        1 the event, 0 none, NaN unknown, shape (N,).
    weight
        Shape (N,).
    groups
        Patient of each row, shape (N,).

    Raises
    ------
    InputError
        If lengths differ, or fewer than two patients have the event or are without it.
    """
    if not len(X) == len(y) == len(groups):
        raise InputError(
            f"X has {len(X)} rows, y {len(y)} and groups {len(groups)}",
            expected="one row a sample in each",
            do="Align them.",
        )
    label = np.asarray(y, dtype=np.float64)
    examples = Examples(X, label, weight, groups).take(np.flatnonzero(~np.isnan(label)))
    _check_classes(examples)
    return examples


def labelled_by_horizon(
    X: Features, time: NDArray[Any], event_code: NDArray[Any], horizon: float, groups: NDArray[Any]
) -> Examples:
    """Rows whose state at a horizon is known, weighted for those censored before it.

    Rows censored before the horizon are left out and the others stand in for them with weight 1 / G, G the
    censoring curve of these same rows; a competing event before the horizon is a "no".

    Parameters
    ----------
    X
        Shape (N, F), NaN where unknown.
    time
        Days to the event or to last contact, NaN unknown (left out), shape (N,).
    event_code
        0 censored, 1 the cause, 2 .. competing causes, NaN unknown (left out), shape (N,).
    horizon
        Days.
    groups
        Patient of each row, shape (N,).

    Raises
    ------
    InputError
        As `labelled`, or if a time or code is negative.
    """
    known = ~(np.isnan(np.asarray(time, dtype=float)) | np.isnan(np.asarray(event_code, dtype=float)))
    time, event_code = time[known], event_code[known]
    status = status_at_horizon(time, event_code, horizon, censoring_curve(time, event_code))
    label = np.where(status.weight > 0, status.label, np.nan)
    return labelled(X[known], label, status.weight, groups[known])


def inner_splits(examples: Examples, seed: int, most: int = 3) -> Iterator[tuple[Examples, Examples]]:
    """Training and held-out rows by whole patients, see `held_out_rows`."""
    for held in held_out_rows(examples, seed, most):
        yield examples.take(~held), examples.take(held)


def held_out_rows(examples: Examples, seed: int, most: int = 3) -> Iterator[NDArray[np.bool_]]:
    """True where a row is held out, by whole patients, those with the event spread evenly, shape (N,) each.

    A fifth of the patients is held out: once where both classes are large, else ``most`` times, others each.
    """
    patients, patient_of = np.unique(examples.groups, return_inverse=True)
    events = np.bincount(patient_of, weights=examples.y, minlength=len(patients))
    shuffled = np.random.default_rng(seed).permutation(len(patients))
    dealt = shuffled[np.argsort(-events[shuffled], kind="stable")]
    fold_of = np.empty(len(patients), dtype=np.intp)
    fold_of[dealt] = np.arange(len(patients)) % _FOLDS
    rarer = min(examples.y.sum(), len(examples.y) - examples.y.sum())
    for fold in range(1 if rarer >= _MANY_EVENTS else most):
        held = fold_of[patient_of] == fold
        if held.any():
            yield held


def telling_columns(examples: Examples, *, least: int, most: int, cells: float = np.inf) -> NDArray[np.intp]:
    """Columns that can tell rows apart, ascending.

    A column is read where at least ``least`` known rows differ from its commonest known value. What is
    missing tells something too (the panel): of columns missing in the same rows, one is always read. Where
    they are too many or too dense, those with the strongest correlation with the label are kept.

    Parameters
    ----------
    examples
        Training rows only.
    least
        Rows; for boosting the size of a leaf, since no split on another column could fill two leaves.
    most
        Columns to keep at most.
    cells
        Cells that differ from their column's commonest value to keep at most, over all columns: what boosting
        spends its time on. Thousands of rare mutations fit where a few hundred continuous columns do.

    Raises
    ------
    InputError
        If no column tells rows apart.
    """
    missing = np.isnan(examples.X)
    differing = _differing(examples.X, missing)
    known = np.flatnonzero(differing >= least)
    columns = np.union1d(known, _new_patterns(missing, known, least))
    if not columns.size:
        raise InputError(
            f"none of {examples.X.shape[1]} columns has {least} rows that differ from its commonest value",
            expected=f"at least one among {len(examples.X)} rows",
            do="Leave the target out of the baselines, or add samples.",
        )
    if len(columns) <= most and differing[columns].sum() <= cells:
        return columns
    ranked = columns[np.argsort(-_correlation(examples.X[:, columns], examples), kind="stable")]
    affordable = int((np.cumsum(differing[ranked]) <= cells).sum())
    return np.sort(ranked[: max(1, min(most, affordable))])


def _differing(X: Features, missing: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Known rows that differ from the commonest known value of each column, shape (F,)."""
    ordered = np.sort(np.where(missing, np.float32(np.inf), X), axis=0)
    # A value that most known rows share is the middle one of them; any other column differs in many rows.
    middle = np.minimum((~missing).sum(axis=0) // 2, len(X) - 1)
    commonest = ordered[middle, np.arange(X.shape[1])]
    return np.asarray(((commonest != X) & ~missing).sum(axis=0), dtype=np.intp)


def _new_patterns(missing: NDArray[np.bool_], known: NDArray[np.intp], least: int) -> NDArray[np.intp]:
    """First column of each pattern of missing rows that no column of ``known`` has."""
    counts = missing.sum(axis=0)
    packed = np.ascontiguousarray(np.packbits(missing, axis=0).T)
    seen = {packed[column].tobytes() for column in known}
    first: dict[bytes, int] = {}
    for column in np.flatnonzero((counts >= least) & (counts <= len(missing) - least)):
        pattern = packed[column].tobytes()
        if pattern not in seen:
            first.setdefault(pattern, int(column))
    return np.array(sorted(first.values()), dtype=np.intp)


def _correlation(X: Features, examples: Examples) -> Floats:
    """Size of each column's weighted correlation with the label, unknown at the column's mean, shape (F,)."""
    share = examples.weight / examples.weight.sum()
    known = ~np.isnan(X)
    mass = np.maximum(share @ known, 1e-12)
    centred = np.where(known, X - (share @ np.where(known, X, 0.0)) / mass, 0.0)
    spread = np.sqrt(share @ centred**2)
    label = examples.y - share @ examples.y
    strength: Floats = np.abs((share * label) @ centred) / np.maximum(spread, 1e-12)
    return strength


def _check_classes(examples: Examples) -> None:
    with_event, without = (len(np.unique(examples.groups[examples.y == value])) for value in (1, 0))
    if min(with_event, without) < 2:
        raise InputError(
            f"the target has {with_event} patients with the event and {without} without it",
            expected="at least two of each",
            do="Leave the target out of the baselines, or add patients.",
        )
