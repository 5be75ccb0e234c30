"""Value of an index of circuits' states in tumours that are told relative to each other, without labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable
from metarisk.features.standardise import comparable
from metarisk.pathways.indices import SignedGenes

LEAST_GENES = 4  # measured; with fewer a state is not told, and the index is the mean of the others
LEAST_MEASURED = 0.5  # of the tumours

Floats = NDArray[np.float64]


class Levels(NamedTuple):
    """Expression of n tumours of one cohort, each gene standardised over them.

    Attributes
    ----------
    rows
        Rows of the whole cohort, shape (n,).
    place
        Column of each gene that is told.
    values
        0 is the mean of these tumours, and stands for what was not measured; shape (n, G).
    """

    rows: NDArray[np.intp]
    place: dict[str, int]
    values: Floats


def levels_of(table: AssayTable, rows: NDArray[np.intp]) -> Levels:
    """Levels of some rows of an expression table, whatever its unit."""
    known = table.take(rows)
    level = comparable(known, known.genes).astype(np.float64)
    told = np.flatnonzero(np.mean(~np.isnan(level), axis=0) >= LEAST_MEASURED)
    level = level[:, told]
    centred = level - np.nanmean(level, axis=0)
    spread = np.nanstd(level, axis=0)
    varies = spread > 0
    values = np.nan_to_num(centred[:, varies] / spread[varies])
    return Levels(rows, {known.genes[at]: n for n, at in enumerate(told[varies])}, values)


def index_values(
    levels: Levels,
    states: Sequence[SignedGenes],
    directions: Sequence[int],
    *,
    least_genes: int = LEAST_GENES,
) -> Floats:
    """Mean of the states, each standardised over the tumours and taken in its direction, shape (n,).

    A state is the mean of the genes that count up minus the mean of those that count down, as in
    `metarisk.features.states`. 0 for everybody where no state can be told.
    """
    values = np.zeros((len(levels.rows), 0))
    for genes, direction in zip(states, directions, strict=True):
        at = [levels.place[gene] for gene in genes if gene in levels.place]
        if len(at) < least_genes:
            continue
        signs = np.array([sign for gene, sign in genes.items() if gene in levels.place])
        state = sum(sign * levels.values[:, at][:, signs == sign].mean(axis=1) for sign in np.unique(signs))
        spread = np.std(state)
        if spread > 0:
            values = np.column_stack([values, direction * state / spread])
    return values.mean(axis=1) if values.shape[1] else np.zeros(len(levels.rows))
