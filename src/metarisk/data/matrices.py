"""A matrix of one assay to a table of approved genes, with its unit checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, error, warning
from metarisk.data.gene_axis import values_of_genes
from metarisk.data.matrix import FloatArray, Matrix
from metarisk.data.setting import Setting
from metarisk.data.units import check_unit
from metarisk.errors import first_ten
from metarisk.schema.assays import MUTATION_CHANNELS, Assay

__all__ = ["Matrix", "assay_table", "stack_tables", "with_channels"]

# Units in which a sample of nothing but zeros is one without events; in all others it was not measured.
_ZERO_IS_A_VALUE = frozenset({"calls", "discrete", "log2_ratio"})


def assay_table(assay: Assay, unit: str, matrix: Matrix, setting: Setting, found: Found) -> AssayTable:
    """Table of an assay from a matrix, in the declared unit; genes as `values_of_genes` makes them.

    Samples with an infinite value, or with zeros only where that means that nothing was measured, are left
    out and listed.
    """
    usable = _usable_samples(matrix, unit, found)
    genes = values_of_genes(assay, unit, usable, setting, found)
    found.extend(check_unit(genes.values, unit, usable.sample_ids, matrix.file))
    units = np.full(len(usable.sample_ids), unit)
    return AssayTable(assay, usable.sample_ids, genes.symbols, with_channels(assay, genes.values), units)


def with_channels(assay: Assay, values: FloatArray) -> FloatArray:
    """Add the axis of channels: (N, G) to (N, G, C).

    A table of 0/1 mutation calls declares no class; the commonest one, missense, takes them. Whether one is
    a hotspot nobody can tell.
    """
    if assay is not Assay.MUTATION:
        return values[:, :, None]
    zeros = np.where(np.isnan(values), np.float32(np.nan), np.float32(0.0))
    unknown = np.full_like(values, np.nan)
    told = {"missense": values, "hotspot": unknown}
    return np.stack([told.get(channel, zeros) for channel in MUTATION_CHANNELS], axis=2)


def _usable_samples(matrix: Matrix, unit: str, found: Found) -> Matrix:
    infinite = np.isinf(matrix.values).any(axis=1)
    known = ~np.isnan(matrix.values)
    zero = known.any(axis=1) & ~(known & (matrix.values != 0)).any(axis=1)
    if unit in _ZERO_IS_A_VALUE:
        zero = np.zeros_like(zero)
    for rows, what in ((infinite, "hold an infinite value"), (zero, "are zero throughout")):
        if rows.any():
            message = f"{rows.sum()} samples {what} ({first_ten(matrix.sample_ids[rows])})"
            do = "This assay counts as missing for them; measure or export them again."
            found.append(warning(matrix.file, message, do))
    keep = np.flatnonzero(~(infinite | zero))
    return matrix if len(keep) == len(matrix.sample_ids) else matrix.take_samples(keep)


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
