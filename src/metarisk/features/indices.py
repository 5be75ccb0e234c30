"""Value of an index of circuits' states in tumours that are told relative to each other, without labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable
from metarisk.features.standardise import comparable
from metarisk.features.states import LEAST_GENES, by_arms
from metarisk.pathways.indices import SignedGenes

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
    """Levels of some rows of an expression table, whatever its unit.

    A gene is told where `LEAST_MEASURED` of these rows have it, and not all the same value.
    """
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

    A state is scored as in `metarisk.features.states`; one with fewer than ``least_genes`` told genes is left
    out. 0 for everybody where none can be told.

    Parameters
    ----------
    levels
        The tumours.
    states
        Genes of each state, with the sign that they count with.
    directions
        1 or -1 a state.
    least_genes
        Genes that a state needs.
    """
    told = []
    for genes, direction in zip(states, directions, strict=True):
        known = {gene: sign for gene, sign in genes.items() if gene in levels.place}
        if len(known) < least_genes:
            continue
        values = levels.values[:, [levels.place[gene] for gene in known]]
        state = by_arms(values, np.ones(values.shape, dtype=bool), np.array(list(known.values())))
        spread = np.std(state)
        if spread > 0:
            told.append(direction * state / spread)
    return np.mean(told, axis=0) if told else np.zeros(len(levels.rows))
