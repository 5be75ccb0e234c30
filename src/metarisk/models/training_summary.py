"""What the training patients' columns and answers were like: counts in cells of ten patients or more.

A cell of fewer patients may tell who they are (Hundepool et al., Statistical disclosure control, 2012, use
ten for health data), so such a cell is joined with its neighbour, pooled, or left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metarisk.features.clinic import OTHER
from metarisk.features.transform import FeatureTransform

LEAST_CELL = 10
CELLS = 10
DIGITS = 4

# number, category: values where known; known, assay, undecided: yes / no; answer: probabilities.
Kind = Literal["number", "category", "known", "assay", "answer", "undecided"]
YES_NO: Mapping[str, tuple[str, str]] = {
    "known": ("known", "unknown"),
    "assay": ("measured", "not measured"),
    "undecided": ("undecided", "decided"),
}


@dataclass(frozen=True)
class Distribution:
    """Training patients in cells.

    Attributes
    ----------
    kind, name
        What was counted: a clinical column, an assay or a question.
    cuts
        Ascending edges between the cells of a number or a probability: a value on an edge lies above it.
    levels
        Names of the cells of anything else, in order.
    counts
        Patients in each cell: one more than the cuts, or as many as the levels; 0 or at least `LEAST_CELL`.
    mean
        Of a probability; None of anything else.
    """

    kind: Kind
    name: str
    cuts: tuple[float, ...]
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    mean: float | None = None

    def cells_of(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many of these known numbers lie in each cell, shape (cells,)."""
        cell = np.searchsorted(np.array(self.cuts), values, side="right")
        return np.bincount(cell, minlength=len(self.counts)).astype(np.int64)

    @property
    def cell_names(self) -> tuple[str, ...]:
        """Each cell in words."""
        if not self.cuts:
            return self.levels or ("any",)
        inner = (f"{low:g} to {high:g}" for low, high in zip(self.cuts[:-1], self.cuts[1:], strict=True))
        return (f"under {self.cuts[0]:g}", *inner, f"{self.cuts[-1]:g} or more")


@dataclass(frozen=True)
class TrainingSummary:
    """Distributions of the training patients, one sample each.

    Attributes
    ----------
    patients
        How many there were.
    distributions
        Of clinical columns, of what was measured, and of the answers of members that did not see the patient.
    """

    patients: int = 0
    distributions: tuple[Distribution, ...] = field(default=())

    def of(self, *kinds: Kind) -> tuple[Distribution, ...]:
        """Distributions of some kinds, in order."""
        return tuple(told for told in self.distributions if told.kind in kinds)


NO_SUMMARY = TrainingSummary()


def numbers_in_cells(
    kind: Kind, name: str, values: NDArray[np.float64], mean: float | None = None, *, most: int = CELLS
) -> Distribution:
    """Known numbers in at most ``most`` cells between their quantiles, at least `LEAST_CELL` in each."""
    cells = max(min(most, len(values) // LEAST_CELL), 1)
    quantiles = np.quantile(values, np.arange(1, cells) / cells) if cells > 1 else np.empty(0)
    cuts = sorted({float(f"{cut:.{DIGITS}g}") for cut in quantiles.tolist()})
    counts = Distribution(kind, name, tuple(cuts), (), (0,) * (len(cuts) + 1)).cells_of(values).tolist()
    while len(counts) > 1 and min(counts) < LEAST_CELL:
        at = counts.index(min(counts))
        cut = min(at, len(cuts) - 1)  # the edge above the cell, of the last one the edge below
        counts[cut : cut + 2] = [counts[cut] + counts[cut + 1]]
        del cuts[cut]
    return Distribution(kind, name, tuple(cuts), (), tuple(hidden(counts)), mean)


def levels_in_cells(name: str, levels: Sequence[str], counts: NDArray[np.int64]) -> Distribution:
    """Patients at each level of a category; levels of few join the last, which is everything else."""
    kept = [(level, int(n)) for level, n in zip(levels[:-1], counts[:-1], strict=True) if n >= LEAST_CELL]
    rest = int(counts.sum()) - sum(n for _, n in kept)
    names = (*(level for level, _ in kept), OTHER)
    return Distribution("category", name, (), names, tuple(hidden([*(n for _, n in kept), rest])))


def yes_or_no(kind: Kind, name: str, yes: NDArray[np.bool_]) -> Distribution:
    """Patients of whom something is and is not the case."""
    counts = (int(yes.sum()), int((~yes).sum()))
    return Distribution(kind, name, (), YES_NO[kind], tuple(hidden(counts)))


def hidden(counts: Sequence[int]) -> list[int]:
    """Counts with those of fewer than `LEAST_CELL` left out."""
    return [n if n >= LEAST_CELL else 0 for n in counts]


def level_columns(transform: FeatureTransform) -> dict[str, NDArray[np.intp]]:
    """Clinical category -> flat columns of its levels, in order."""
    first = transform.first_columns()
    return {name: first[name] + np.arange(len(levels)) for name, levels in transform.levels.items()}


def question_name(task: str, target: str, horizon_days: float) -> str:
    """Question of a table of scores in words: ``site.bone``, ``metastasis.death by 365 d``."""
    name = task if task == target else f"{task}.{target}"
    return name if np.isnan(horizon_days) else f"{name} by {horizon_days:g} d"
