"""The columns of a matrix to the genes of a table: names resolved, a gene's several rows made one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.antibodies import genes_of_antibodies
from metarisk.data.found import Found, error, warning
from metarisk.data.gene_names import microrna_symbol
from metarisk.data.matrix import FloatArray, Matrix
from metarisk.data.setting import Setting
from metarisk.errors import first_ten
from metarisk.schema.assays import ASSAYS, Assay

# Assays that are read whole where a study reads some genes only.
_ALWAYS_WHOLE = frozenset({Assay.MICRORNA, Assay.PROTEIN})
# Units whose values are events.
EVENT_UNITS = frozenset({"calls", "discrete"})


class GeneValues(NamedTuple):
    """Approved symbols (or names of features), length G, and values, shape (N, G)."""

    symbols: tuple[str, ...]
    values: FloatArray


class _Axis(NamedTuple):
    """Symbols, length G; column of each, shape (G,); further columns and the gene they mean, shape (L,)."""

    symbols: tuple[str, ...]
    columns: NDArray[np.intp]
    other_columns: NDArray[np.intp]
    other_targets: NDArray[np.intp]


def values_of_genes(assay: Assay, unit: str, matrix: Matrix, setting: Setting, found: Found) -> GeneValues:
    """Values by gene; pathways and features keep their own names.

    Unless the matrix is declared to be aggregated, the same name twice is an error, and of several names of
    one gene the approved symbol's column stands, else the one with the highest mean; of calls and discrete
    levels the value farthest from 0 does, since an event seen under either name is one.
    """
    targets = _targets(assay, matrix, setting, found)
    if matrix.repeated != "refuse":
        return _aggregated(targets, matrix, found)
    _refuse_repeated_names(matrix, found)
    if not _on_genes(assay, matrix):
        return GeneValues(matrix.names, matrix.values)
    axis = _axis(targets, matrix, found)
    values = np.ascontiguousarray(matrix.values[:, axis.columns])
    if unit in EVENT_UNITS:
        _add_events(values, matrix.values, axis)
    return GeneValues(axis.symbols, values)


def _targets(assay: Assay, matrix: Matrix, setting: Setting, found: Found) -> NDArray[np.object_]:
    """Gene, pathway or feature of each column, None where it has none, shape (M,)."""
    names = pd.Series(matrix.names, dtype=object)
    if not _on_genes(assay, matrix):
        return _none_where_empty(names)
    if assay is Assay.PROTEIN:
        names = genes_of_antibodies(names, matrix.file, found)
    if assay is Assay.MICRORNA:
        names = names.map(lambda name: microrna_symbol(name) or name)
    resolution = setting.resolve(names[names != ""], matrix.file)
    found.extend(resolution.findings)
    symbols = names.map(resolution.by_name).astype(object)
    if setting.only is None or assay in _ALWAYS_WHOLE:
        return _none_where_empty(symbols)
    return _none_where_empty(_only(symbols, setting.only, matrix.file, found))


def _on_genes(assay: Assay, matrix: Matrix) -> bool:
    return ASSAYS[assay].level == "gene" and matrix.on_genes


def _none_where_empty(names: pd.Series) -> NDArray[np.object_]:
    targets: NDArray[np.object_] = names.to_numpy(dtype=object, copy=True)
    targets[pd.isna(targets) | (targets == "")] = None
    return targets


def _only(symbols: pd.Series, only: frozenset[str], file: str, found: Found) -> pd.Series:
    other = symbols.notna() & ~symbols.isin(only)
    if other.any():
        message = f"{other.sum()} of {len(symbols)} genes are not among those that the study reads"
        found.append(
            warning(file, message, "They were left out; `only_genes` in the study file asks for it.")
        )
    return symbols.mask(other)


def _aggregated(targets: NDArray[np.object_], matrix: Matrix, found: Found) -> GeneValues:
    """Of each sample the mean or the maximum over a gene's measured columns."""
    known = np.flatnonzero(targets != None)  # noqa: E711  (elementwise)
    order = known[np.argsort(targets[known].astype(str), kind="stable")]
    symbols, starts = np.unique(targets[order].astype(str), return_index=True)
    _tell_aggregated(len(order) - len(symbols), matrix, found)
    if not len(symbols):
        return GeneValues((), np.empty((len(matrix.sample_ids), 0), dtype=np.float32))
    values = matrix.values[:, order]
    if matrix.repeated == "max":
        return GeneValues(tuple(symbols.tolist()), np.fmax.reduceat(values, starts, axis=1))
    measured = np.add.reduceat(~np.isnan(values), starts, axis=1, dtype=np.float32)
    total = np.add.reduceat(np.nan_to_num(values, nan=0.0), starts, axis=1)
    with np.errstate(invalid="ignore"):
        return GeneValues(tuple(symbols.tolist()), (total / measured).astype(np.float32))


def _tell_aggregated(count: int, matrix: Matrix, found: Found) -> None:
    if count:
        message = f"{count} rows are further rows of a gene"
        do = f"Their {matrix.repeated} was taken, of each sample; the study file asks for it."
        found.append(warning(matrix.file, message, do))


def _axis(targets: NDArray[np.object_], matrix: Matrix, found: Found) -> _Axis:
    level = np.zeros(len(targets))
    several = np.flatnonzero(pd.Series(targets).duplicated(keep=False) & pd.notna(targets))
    # Only where a gene has several columns: a whole matrix is not copied for its means.
    level[several] = np.nan_to_num(matrix.values[:, several], nan=0.0, posinf=0.0, neginf=0.0).mean(axis=0)
    rank = pd.DataFrame({"symbol": targets, "other": targets != np.array(matrix.names), "level": -level})
    ranked = rank.dropna(subset="symbol").sort_values(["symbol", "other", "level"], kind="stable")
    further = ranked["symbol"].duplicated()
    chosen, others = ranked[~further], ranked[further]
    _tell_merged(matrix, others, found)
    return _Axis(
        tuple(chosen["symbol"]),
        chosen.index.to_numpy(dtype=np.intp),
        others.index.to_numpy(dtype=np.intp),
        pd.Index(chosen["symbol"]).get_indexer(pd.Index(others["symbol"])),
    )


def _add_events(values: FloatArray, every: FloatArray, axis: _Axis) -> None:
    """Let a gene's further columns add their events, in place."""
    for column, target in zip(axis.other_columns, axis.other_targets, strict=True):
        stronger = np.abs(every[:, column]) > np.abs(np.nan_to_num(values[:, target], nan=-1.0))
        newly = np.isnan(values[:, target])
        values[:, target] = np.where(stronger | newly, every[:, column], values[:, target])


def _refuse_repeated_names(matrix: Matrix, found: Found) -> None:
    names = pd.Series(matrix.names, dtype=object)
    repeated = names[names.duplicated(keep=False) & (names != "")]
    for name in repeated.unique()[:10]:
        lines = (
            tuple(matrix.gene_lines[row] for row in np.flatnonzero(names == name))
            if matrix.gene_lines
            else ()
        )
        do = (
            "Keep one of the rows, or declare repeated: mean or max in the study file; "
            "metarisk does not choose between them."
        )
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
