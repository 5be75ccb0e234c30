"""A matrix of one assay to a table of approved genes, with its unit checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.antibodies import genes_of_antibodies
from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, error, warning
from metarisk.data.gene_names import microrna_symbol
from metarisk.data.setting import Setting
from metarisk.data.units import check_unit
from metarisk.errors import first_ten
from metarisk.schema.assays import ASSAYS, MUTATION_CHANNELS, Assay

FloatArray = NDArray[np.float32]

# Units in which a sample of nothing but zeros was not measured.
_ZERO_IS_EMPTY = frozenset({"beta", "tpm", "counts"})
# Units whose values are events.
_EVENT_UNITS = frozenset({"calls", "discrete"})


@dataclass(frozen=True)
class Matrix:
    """A matrix as a file has it, samples in rows.

    Attributes
    ----------
    file
        Name of the file.
    sample_ids
        Shape (N,).
    names
        Names of the columns as they stand in the file, length M.
    values
        Shape (N, M), NaN where not measured.
    gene_lines
        Line of each gene in the file, length M; empty where genes are columns.
    """

    file: str
    sample_ids: NDArray[np.str_]
    names: tuple[str, ...]
    values: FloatArray
    gene_lines: tuple[int, ...] = ()


class GeneAxis(NamedTuple):
    """Which columns of a matrix make a table.

    Attributes
    ----------
    symbols
        Approved symbols, length G.
    columns
        Matrix column of each, shape (G,).
    other_columns, other_targets
        Further matrix columns that mean a gene, and that gene's position, shape (L,).
    """

    symbols: tuple[str, ...]
    columns: NDArray[np.intp]
    other_columns: NDArray[np.intp]
    other_targets: NDArray[np.intp]


def assay_table(assay: Assay, unit: str, matrix: Matrix, setting: Setting, found: Found) -> AssayTable:
    """Table of an assay from a matrix, in the declared unit.

    Of several rows that mean one gene, the one under the approved symbol stands, else the one with the
    highest mean; of calls and discrete levels the value farthest from 0 does, since an event seen under
    either name is one. The same name twice is an error. Samples with an infinite value, or with zeros only
    where that means that nothing was measured, are left out and listed.
    """
    usable = _usable_samples(matrix, unit, found)
    axis = gene_axis(assay, usable, setting, found)
    values = np.ascontiguousarray(usable.values[:, axis.columns])
    if unit in _EVENT_UNITS:
        _add_events(values, usable.values, axis)
    found.extend(check_unit(values, unit, usable.sample_ids, matrix.file))
    units = np.full(len(usable.sample_ids), unit)
    return AssayTable(assay, usable.sample_ids, axis.symbols, with_channels(assay, values), units)


def with_channels(assay: Assay, values: FloatArray) -> FloatArray:
    """Add the axis of channels: (N, G) to (N, G, C).

    A table of 0/1 mutation calls declares no class; the commonest one, missense, takes them.
    """
    if assay is not Assay.MUTATION:
        return values[:, :, None]
    zeros = np.where(np.isnan(values), np.float32(np.nan), np.float32(0.0))
    unknown = np.full_like(values, np.nan)
    told = {"missense": values, "hotspot": unknown}
    return np.stack([told.get(channel, zeros) for channel in MUTATION_CHANNELS], axis=2)


def _usable_samples(matrix: Matrix, unit: str, found: Found) -> Matrix:
    infinite = np.isinf(matrix.values).any(axis=1)
    with np.errstate(invalid="ignore"):
        nonzero = (np.abs(matrix.values) > 0).any(axis=1)
    judged = unit in _ZERO_IS_EMPTY or (unit.startswith("log2_") and unit != "log2_ratio")
    zero = ~nonzero & judged & ~np.isnan(matrix.values).all(axis=1)
    for rows, what in ((infinite, "hold an infinite value"), (zero, "are zero throughout")):
        if rows.any():
            message = f"{rows.sum()} samples {what} ({first_ten(matrix.sample_ids[rows])})"
            do = "This assay counts as missing for them; measure or export them again."
            found.append(warning(matrix.file, message, do))
    keep = ~(infinite | zero)
    if keep.all():
        return matrix
    return replace(matrix, sample_ids=matrix.sample_ids[keep], values=matrix.values[keep])


def gene_axis(assay: Assay, matrix: Matrix, setting: Setting, found: Found) -> GeneAxis:
    """Genes of a table and the matrix columns they come from; pathways and features keep their own names."""
    _refuse_repeated_names(matrix, found)
    none = np.empty(0, dtype=np.intp)
    if ASSAYS[assay].level != "gene":
        return GeneAxis(matrix.names, np.arange(len(matrix.names)), none, none)
    symbols = _symbols(assay, matrix, setting, found)
    level = np.nan_to_num(matrix.values, nan=0.0, posinf=0.0, neginf=0.0).mean(axis=0)
    rank = pd.DataFrame({"symbol": symbols, "other": symbols != np.array(matrix.names), "level": -level})
    ranked = rank.dropna(subset="symbol").sort_values(["symbol", "other", "level"], kind="stable")
    further = ranked["symbol"].duplicated()
    chosen, others = ranked[~further], ranked[further]
    _tell_merged(matrix, others, found)
    return GeneAxis(
        tuple(chosen["symbol"]),
        chosen.index.to_numpy(dtype=np.intp),
        others.index.to_numpy(dtype=np.intp),
        pd.Index(chosen["symbol"]).get_indexer(pd.Index(others["symbol"])),
    )


def _add_events(values: FloatArray, every: FloatArray, axis: GeneAxis) -> None:
    """Let a gene's further columns add their events, in place."""
    for column, target in zip(axis.other_columns, axis.other_targets, strict=True):
        stronger = np.abs(every[:, column]) > np.abs(np.nan_to_num(values[:, target], nan=-1.0))
        newly = np.isnan(values[:, target])
        values[:, target] = np.where(stronger | newly, every[:, column], values[:, target])


def _symbols(assay: Assay, matrix: Matrix, setting: Setting, found: Found) -> NDArray[np.object_]:
    """Approved symbol of each column, None where it has none, shape (M,)."""
    names = pd.Series(matrix.names, dtype=object)
    if assay is Assay.PROTEIN:
        names = genes_of_antibodies(names, matrix.file, found)
    if assay is Assay.MICRORNA:
        names = names.map(lambda name: microrna_symbol(name) or name)
    asked = names[names != ""]
    resolution = setting.resolve(asked, matrix.file)
    found.extend(resolution.findings)
    symbols: NDArray[np.object_] = names.map(resolution.by_name).astype(object).to_numpy()
    symbols[pd.isna(symbols)] = None
    return symbols


def _refuse_repeated_names(matrix: Matrix, found: Found) -> None:
    names = pd.Series(matrix.names, dtype=object)
    repeated = names[names.duplicated(keep=False) & (names != "")]
    for name in repeated.unique()[:10]:
        lines = (
            tuple(matrix.gene_lines[row] for row in np.flatnonzero(names == name))
            if matrix.gene_lines
            else ()
        )
        do = "Keep one of the rows; metarisk does not choose between them."
        found.append(error(matrix.file, "the gene stands twice", do, lines=lines, value=str(name)))


def _tell_merged(matrix: Matrix, others: pd.DataFrame, found: Found) -> None:
    if len(others):
        told = [
            f"{matrix.names[row]} = {symbol}"
            for row, symbol in zip(others.index, others["symbol"], strict=True)
        ]
        message = f"{len(others)} rows are another name of a gene that has a row already ({first_ten(told)})"
        do = "Events were united; of levels the row under the approved symbol was kept, or the highest."
        found.append(warning(matrix.file, message, do))


def stack_tables(tables: Sequence[AssayTable], found: Found) -> AssayTable:
    """One table of several cohorts: their genes united, NaN where a cohort did not measure a gene."""
    if len(tables) == 1:
        return tables[0]
    genes = tuple(sorted(set().union(*(table.genes for table in tables))))
    sample_ids = np.concatenate([table.sample_ids for table in tables])
    repeated = pd.Index(sample_ids)
    if repeated.has_duplicates:
        twice = repeated[repeated.duplicated()].unique()
        message = f"{len(twice)} samples stand in two tables of the assay ({first_ten(twice)})"
        found.append(error(str(tables[0].assay), message, "Keep each sample in one of them."))
    values = np.full((len(sample_ids), len(genes), tables[0].values.shape[2]), np.nan, dtype=np.float32)
    column = pd.Index(list(genes))
    start = 0
    for table in tables:
        stop = start + len(table.sample_ids)
        values[start:stop, column.get_indexer(pd.Index(list(table.genes)))] = table.values
        start = stop
    units = np.concatenate([table.units for table in tables])
    panels = np.concatenate([table.panels for table in tables])
    return AssayTable(tables[0].assay, sample_ids, genes, values, units, panels)
