"""Where the training patients' circuit states lie, by cancer type: counts in cells of ten patients or more.

Only edges between cells and counts are kept, about every twentieth of the patients, so that a percentile is
known to within its cell. A type of under `FEWEST` patients has no cells of its own; where those without
would be so few that the others could tell of them, the smallest type has none either.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.features.batch import Batch
from metarisk.features.clinic import OTHER
from metarisk.features.states import DoubleArray, state_scores
from metarisk.features.transform import FeatureTransform
from metarisk.models.base_rates import EVERYBODY, types_of
from metarisk.models.training_summary import LEAST_CELL, numbers_in_cells
from metarisk.pathways.states import STATE_NAMES, states_sha256

FEWEST = 50  # five cells of ten: with fewer a percentile would say next to nothing
MOST_CELLS = 20
NOT_KEPT = "unplaced:bundle-without-states"
REDEFINED = "unplaced:states-were-others"
FEW = "unplaced:few-training-patients"


class Place(NamedTuple):
    """Where a score lies among training patients.

    Attributes
    ----------
    percentile
        Percent of them whose score is lower, in between the edges of its cell, and in an end cell its middle;
        NaN where not told.
    lower, upper
        Percent that are lower for sure, and at most: the ends of the cell.
    n
        Patients compared with, 0 where not told.
    cancer_type
        Theirs, `EVERYBODY` for all.
    why
        Flag that says why there is no percentile; empty text where there is one, or where the score is
        not known.
    """

    percentile: float
    lower: float
    upper: float
    n: int
    cancer_type: str
    why: str = ""

    @classmethod
    def nowhere(cls, why: str) -> Place:
        """No place, and why."""
        return cls(np.nan, np.nan, np.nan, 0, EVERYBODY, why)


@dataclass(frozen=True)
class StateCells:
    """Scores of one state in one group of training patients.

    Attributes
    ----------
    state, cancer_type
        Whose; `EVERYBODY` for all patients.
    cuts
        Ascending edges between cells: a score on an edge lies above it.
    counts
        Patients in each cell, one more than the cuts, at least `LEAST_CELL`.
    """

    state: str
    cancer_type: str
    cuts: tuple[float, ...]
    counts: tuple[int, ...]

    @cached_property
    def n(self) -> int:
        """Patients."""
        return sum(self.counts)

    def place(self, score: float) -> Place:
        """Where a known score lies."""
        cell = bisect_right(self.cuts, score)
        below = sum(self.counts[:cell])
        within = 0.5
        if 0 < cell < len(self.cuts):
            low, high = self.cuts[cell - 1 : cell + 1]
            within = (score - low) / (high - low)
        told = (below + share * self.counts[cell] for share in (within, 0.0, 1.0))
        percentile, lower, upper = (100.0 * number / self.n for number in told)
        return Place(percentile, lower, upper, self.n, self.cancer_type)


@dataclass(frozen=True)
class StateReference:
    """States of the training patients.

    Attributes
    ----------
    definition
        Hash of what the states were; empty text if the bundle was written before they were kept.
    cells
        Of each state all patients first, then cancer types.
    """

    definition: str = ""
    cells: tuple[StateCells, ...] = ()

    def place(self, state: str, cancer_type: str, score: float) -> Place:
        """Where a score lies among patients of its type, or of all where they are too few; NaN is nowhere."""
        if np.isnan(score):
            return Place.nowhere("")
        if self.definition != states_sha256():
            return Place.nowhere(REDEFINED if self.definition else NOT_KEPT)
        cells = self._by_group.get((state, cancer_type)) or self._by_group.get((state, EVERYBODY))
        return cells.place(score) if cells else Place.nowhere(FEW)

    @cached_property
    def _by_group(self) -> dict[tuple[str, str], StateCells]:
        return {(each.state, each.cancer_type): each for each in self.cells}


NO_STATES = StateReference()


def fit_states(transform: FeatureTransform, batch: Batch) -> StateReference:
    """Cells of each state.

    Parameters
    ----------
    transform
        The model's features.
    batch
        Training patients, one sample each.
    """
    scores, types = state_scores(transform, batch).score, types_of(transform, batch)
    cells = (one for at, name in enumerate(STATE_NAMES) for one in cells_of(name, scores[:, at], types))
    return StateReference(states_sha256(), tuple(cells))


def cells_of(state: str, scores: DoubleArray, types: NDArray[np.str_]) -> Iterator[StateCells]:
    """Cells of all patients and of each type of enough.

    Parameters
    ----------
    state
        Its name.
    scores
        NaN where not told, shape (N,).
    types
        Cancer type, empty text where unknown, shape (N,).
    """
    known = ~np.isnan(scores)
    if known.sum() < FEWEST:
        return
    yield _cells(state, EVERYBODY, scores[known])
    for name in _types_told(types[known]):
        yield _cells(state, name, scores[known & (types == name)])


def _types_told(types: NDArray[np.str_]) -> list[str]:
    """Types of enough patients, less the smallest where the others are too few to be told by subtraction."""
    names, counts = np.unique(types, return_counts=True)
    found = zip(names.tolist(), counts.tolist(), strict=True)
    told = {name: n for name, n in found if n >= FEWEST and name not in {"", OTHER}}
    if told and 0 < len(types) - sum(told.values()) < LEAST_CELL:
        del told[min(told, key=lambda name: (told[name], name))]
    return sorted(told)


def _cells(state: str, cancer_type: str, scores: DoubleArray) -> StateCells:
    told = numbers_in_cells("number", state, scores, most=MOST_CELLS)
    return StateCells(state, cancer_type, told.cuts, told.counts)


def tree_of_states(states: StateReference) -> dict[str, object]:
    """Plain values, for the bundle's ``reference.json``."""
    rows = [[each.state, each.cancer_type, each.cuts, each.counts] for each in states.cells]
    return {"definition": states.definition, "cells": rows}


def states_of_tree(tree: Mapping[str, object]) -> StateReference:
    """What `tree_of_states` told; a bundle written before states were kept has none."""
    return _states(**tree) if tree else NO_STATES  # type: ignore[arg-type]


def _states(definition: str, cells: Sequence[tuple[str, str, list[float], list[int]]]) -> StateReference:
    told = (StateCells(name, of_type, tuple(cuts), tuple(counts)) for name, of_type, cuts, counts in cells)
    return StateReference(definition, tuple(told))
