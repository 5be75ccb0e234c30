"""Single cells summed to samples, streamed: memory grows with samples and genes, not with cells.

Of a cell only two codes stay in memory, its sample's and its type's: a few bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study_annotated import CellsFile
from metarisk.data.annotated.blocks import SPARSE_BY_COLUMNS, StoredMatrix, blocks
from metarisk.data.annotated.container import annotated_group, check_size, opened
from metarisk.data.annotated.foreign import (
    cells_as_text,
    check_shape,
    find_matrix,
    gene_names,
    layers_of,
    obs_column,
)
from metarisk.data.text import MISSING
from metarisk.errors import InputError, first_ten

# No logarithm of a count of one cell reaches 2**30, and few are above 20; counts and CPM go higher.
HIGHEST_LOG = 20.0
CELLS_AT_A_TIME = 100_000


class Codes(NamedTuple):
    """A column of obs with few different values.

    Attributes
    ----------
    names
        The different values, length V.
    codes
        Which of them each cell has, -1 where none is known, shape (cells,).
    """

    names: tuple[str, ...]
    codes: NDArray[np.integer]


class CellSums(NamedTuple):
    """What the cells of each sample add up to.

    Attributes
    ----------
    sample_ids
        Shape (N,).
    genes
        Names as they stand in the file, length G.
    counts
        Sum of counts over the sample's cells, shape (N, G).
    cells
        Cells of each sample, shape (N,).
    types
        Names of cell types, length V; empty where none were asked for.
    cells_of_type
        Cells of each type in each sample, shape (N, V).
    nowhere
        Cells without a sample.
    """

    sample_ids: tuple[str, ...]
    genes: tuple[str, ...]
    counts: NDArray[np.float64]
    cells: NDArray[np.int64]
    types: tuple[str, ...]
    cells_of_type: NDArray[np.int64]
    nowhere: int


def sum_cells(path: Path, declared: CellsFile) -> CellSums:
    """Counts of each sample, and its cells of each type.

    Raises
    ------
    InputError
        If the file is damaged, lacks what was declared, or its matrix does not hold counts.
    """
    with opened(path) as file:
        group = annotated_group(file, declared.part.modality)
        matrix = find_matrix(group, declared.part.layer)
        samples = _codes(group, declared.sample_column, frozenset({""}))
        typed = declared.cell_type_column
        nothing = Codes((), np.full(len(samples.codes), -1, dtype=np.int8))
        types = nothing if typed is None else _codes(group, typed, MISSING)
        genes = gene_names(group, declared.part)
        check_shape(matrix, len(samples.codes), len(genes))
        check_size(8 * len(samples.names) * len(genes), group, "the sums of its samples")
        counts = _sum_counts(matrix, samples, group)
    pairs = _count_pairs(samples, types)
    nowhere = int(pairs[-1].sum())
    return CellSums(
        samples.names, genes, counts, pairs[:-1].sum(axis=1), types.names, pairs[:-1, :-1], nowhere
    )


def _codes(group: Any, column: str, unknown: frozenset[str]) -> Codes:
    """Codes of a column; cells that hold nothing, or one of these words in upper case, have none."""
    values = obs_column(group, column)
    held = (
        values.array
        if isinstance(values.dtype, pd.CategoricalDtype)
        else pd.Categorical(cells_as_text(values))
    )
    names = cells_as_text(pd.Series(held.categories)).tolist()
    known = [position for position, name in enumerate(names) if name.upper() not in unknown]
    new_code = np.full(len(names) + 1, -1)  # the last one answers to -1
    new_code[known] = np.arange(len(known))
    smallest = np.min_scalar_type(-max(1, len(known)))
    return Codes(tuple(names[position] for position in known), new_code.astype(smallest)[held.codes])


def _count_pairs(rows: Codes, columns: Codes) -> NDArray[np.int64]:
    """Cells of each pair of values, shape (row values + 1, column values + 1); the last ones are unknown."""
    pairs = np.zeros((len(rows.names) + 1, len(columns.names) + 1), dtype=np.int64)
    for start in range(0, len(rows.codes), CELLS_AT_A_TIME):
        part = slice(start, start + CELLS_AT_A_TIME)
        np.add.at(pairs, (rows.codes[part], columns.codes[part]), 1)
    return pairs


def _sum_counts(matrix: StoredMatrix, samples: Codes, group: Any) -> NDArray[np.float64]:
    from scipy import sparse

    if matrix.form == SPARSE_BY_COLUMNS:
        raise InputError(
            f"keeps {matrix.name} by columns (CSC), so its cells cannot be streamed",
            expected="a matrix by rows (CSR), or a dense one",
            do="Convert it once: adata.X = adata.X.tocsr(), and write the file again.",
        )
    sums = np.zeros((len(samples.names), matrix.shape[1]))
    for start, block in blocks(matrix):
        _refuse_unless_counts(block.data, matrix, group)
        codes = samples.codes[start : start + block.shape[0]]
        inside = np.flatnonzero(codes >= 0)
        chosen = (np.ones(len(inside)), (codes[inside].astype(np.intp), inside))
        of_samples = sparse.csr_array(chosen, shape=(len(sums), block.shape[0])) @ block
        cells = of_samples.tocoo()
        sums[cells.row, cells.col] += cells.data
    return sums


def _refuse_unless_counts(values: NDArray[Any], matrix: StoredMatrix, group: Any) -> None:
    """Counts are whole numbers from 0 on; anything else is refused with what it looks like."""
    guess = _guess(values)
    if guess is None:
        return
    others = [name for name in layers_of(group) if not matrix.name.startswith((f"layers/{name}", f"{name}/"))]
    hint = f"name another as `part.layer` ({first_ten(others)})" if others else "export the raw counts"
    raise InputError(
        f"holds {guess} in {matrix.name}, not counts",
        expected="whole numbers, none negative",
        do=f"Sums of anything but counts are no pseudobulk: {hint}.",
    )


def _guess(values: NDArray[Any]) -> str | None:
    if not len(values) or values.dtype.kind in "ub":
        return None
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        return "values that are not finite"
    if low < 0:
        return "negative values (they look centred or scaled)"
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        return "values that look log-normalised" if high < HIGHEST_LOG else "values that look normalised"
    return None
