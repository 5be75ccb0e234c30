"""Single cells as assays of samples: pseudobulk expression, and the fraction of each cell type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metarisk.config.study_annotated import CellsFile
from metarisk.data.annotated.cells import CellSums, sum_cells
from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, error, from_exception, warning
from metarisk.data.matrices import assay_table
from metarisk.data.matrix import Matrix
from metarisk.data.setting import Setting
from metarisk.errors import InputError, first_ten
from metarisk.schema.assays import Assay


def read_cells(
    path: Path, declared: CellsFile, prefix: str, setting: Setting, found: Found
) -> list[AssayTable]:
    """Tables of expression and, where a column of cell types is declared, of cell fractions.

    Expression is log2 of the counts per million of a sample's summed cells, + 1. A fraction is of the
    sample's cells whose type is known. No table, with the reason added to ``found``, where the file cannot
    be read or no sample has enough cells.

    Parameters
    ----------
    prefix
        Goes before each sample id, such as a cohort's name.
    """
    try:
        sums = sum_cells(path, declared)
    except InputError as caught:
        found.append(from_exception(path.name, caught))
        return []
    _tell_unknown(sums, declared, path.name, found)
    kept = _enough(sums, declared, path.name, found)
    if not kept.any():
        return []
    ids = np.array([prefix + name for name in sums.sample_ids], dtype=str)
    expression = Matrix(path.name, ids[kept], sums.genes, log2_cpm(sums.counts[kept]))
    tables = [assay_table(Assay.EXPRESSION, "log2_cpm", expression, setting, found)]
    typed = kept & (sums.cells_of_type.sum(axis=1) > 0)
    if typed.any():
        fractions = Matrix(path.name, ids[typed], sums.types, cell_fractions(sums.cells_of_type[typed]))
        tables.append(assay_table(Assay.CELL_FRACTION, "fraction", fractions, setting, found))
    return tables


def log2_cpm(counts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Log2 of counts per million + 1, shape (N, G); every sample needs a count."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    return np.asarray(np.log2(shares * 1e6 + 1.0), dtype=np.float32)


def cell_fractions(cells_of_type: NDArray[np.int64]) -> NDArray[np.float32]:
    """Share of each type, shape (N, V); every sample needs a cell."""
    return np.asarray(cells_of_type / cells_of_type.sum(axis=1, keepdims=True), dtype=np.float32)


def _enough(sums: CellSums, declared: CellsFile, file: str, found: Found) -> NDArray[np.bool_]:
    """True for the samples with enough cells and any count, shape (N,); the others are told."""
    many = sums.cells >= declared.fewest_cells
    counted = sums.counts.sum(axis=1) > 0
    ids = np.array(sums.sample_ids, dtype=str)
    few, empty = ids[~many], ids[many & ~counted]
    if len(few):
        message = f"{len(few)} samples have fewer than {declared.fewest_cells} cells ({first_ten(few)})"
        found.append(warning(file, message, "They were left out; lower fewest_cells to keep them."))
    if len(empty):
        message = f"{len(empty)} samples have cells and no counts ({first_ten(empty)})"
        found.append(warning(file, message, "They were left out; check that the matrix is the right one."))
    kept: NDArray[np.bool_] = many & counted
    if not kept.any():
        message = f"no sample has {declared.fewest_cells} cells and a count: no samples"
        found.append(error(file, message, "Check sample_column, fewest_cells and the matrix."))
    return kept


def _tell_unknown(sums: CellSums, declared: CellsFile, file: str, found: Found) -> None:
    """Count the cells of no sample, and those of no type."""
    if sums.nowhere:
        message = f"{sums.nowhere} cells have no sample"
        found.append(warning(file, message, "They were left out.", column=declared.sample_column))
    untyped = int(sums.cells.sum() - sums.cells_of_type.sum())
    if declared.cell_type_column is not None and untyped:
        message = f"{untyped} cells have no known type"
        do = "They count for expression, and in no fraction."
        found.append(warning(file, message, do, column=declared.cell_type_column))
