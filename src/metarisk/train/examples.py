"""Labelled rows of a flat table, the patients held out inside them, and the columns worth reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError

Features = NDArray[np.float32]
Floats = NDArray[np.float64]

_FOLDS = 5
_MANY_ROWS = 3000  # from here one held-out fold says enough; below it three are averaged


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


def inner_splits(examples: Examples, seed: int) -> Iterator[tuple[Examples, Examples]]:
    """Training and held-out rows by whole patients, those with the event spread evenly.

    A fifth of the patients is held out: once in a large table, three times (other patients each) in a small.
    """
    patients, patient_of = np.unique(examples.groups, return_inverse=True)
    events = np.bincount(patient_of, weights=examples.y, minlength=len(patients))
    shuffled = np.random.default_rng(seed).permutation(len(patients))
    dealt = shuffled[np.argsort(-events[shuffled], kind="stable")]
    fold_of = np.empty(len(patients), dtype=np.intp)
    fold_of[dealt] = np.arange(len(patients)) % _FOLDS
    for fold in range(1 if len(examples.y) >= _MANY_ROWS else 3):
        held = fold_of[patient_of] == fold
        if held.any():
            yield examples.take(~held), examples.take(held)


def telling_columns(examples: Examples, *, least: int, most: int) -> NDArray[np.intp]:
    """Columns that can tell rows apart, at most ``most`` of them, ascending.

    A column is read where at least ``least`` known rows differ from its commonest known value. What is missing
    tells something too (the panel): of columns missing in the same rows, one is always read. Where more than
    ``most`` remain, those with the strongest correlation with the label are kept.

    Parameters
    ----------
    examples
        Training rows only.
    least
        Rows; for boosting the size of a leaf, since no split on another column could fill two leaves.
    most
        Columns.
    """
    missing = np.isnan(examples.X)
    kept = np.flatnonzero(_differing(examples.X, missing) >= least)
    patterns = np.setdiff1d(_patterns_of_missing(missing, least), _patterns_covered(missing, kept))
    columns = np.union1d(kept, patterns).astype(np.intp)
    if len(columns) > most:
        strength = _correlation(examples.X[:, columns], examples.y)
        columns = np.sort(columns[np.argsort(-strength, kind="stable")[:most]])
    return columns if columns.size else np.arange(min(1, examples.X.shape[1]))
