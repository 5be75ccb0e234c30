"""Tables of AnnData and MuData files that other programs wrote: obs as text, a matrix as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metarisk.config.study_annotated import MatrixPart
from metarisk.data.annotated.blocks import StoredMatrix, dense_values, stored_matrix
from metarisk.data.annotated.container import annotated_group, check_size, element, opened
from metarisk.data.found import Found, error, from_exception
from metarisk.data.numbers import NumberTable
from metarisk.data.text import TextTable, as_text
from metarisk.errors import InputError, nearest

# AnnData's word for the index of obs.
OBS_NAMES = "obs_names"
RAW = "raw"
# Of the data frames whose columns can be read one by one.
OBS_VERSION = "0.2.0"


def read_obs(path: Path, modality: str | None, found: Found) -> TextTable | None:
    """Rows of ``obs`` as text; None with the reason added to ``found``.

    Parameters
    ----------
    modality
        Of a MuData file; the obs that its modalities share where it is None.

    Returns
    -------
    TextTable or None
        The index is the column ``obs_names`` (and one of its own name), and rows count from 1.
    """
    try:
        with opened(path) as file:
            group = file if modality is None else annotated_group(file, modality)
            frame = _frame(group)
    except InputError as caught:
        found.append(from_exception(path.name, caught))
        return None
    if frame.empty:
        found.append(error(path.name, "has no rows in obs: no samples", "Export it again."))
        return None
    return TextTable(path.name, pd.DataFrame({str(name): cells_as_text(frame[name]) for name in frame}), 1)


def read_matrix(path: Path, part: MatrixPart | None, id_column: str, found: Found) -> NumberTable | None:
    """Read a matrix with a row an observation; None with the reason added to ``found``.

    Parameters
    ----------
    part
        Which matrix; ``X`` of an AnnData file where it is None.
    id_column
        Column of ``obs``, or ``obs_names``, that identifies the rows.
    """
    try:
        with opened(path) as file:
            return _number_table(path.name, file, part or MatrixPart(), id_column)
    except InputError as caught:
        found.append(from_exception(path.name, caught))
        return None


def _number_table(name: str, file: Any, part: MatrixPart, id_column: str) -> NumberTable:
    group = annotated_group(file, part.modality)
    matrix = find_matrix(group, part.layer)
    check_size(4 * matrix.shape[0] * matrix.shape[1], group, matrix.name)
    ids, genes = cells_as_text(obs_column(group, id_column)), gene_names(group, part)
    check_shape(matrix, len(ids), len(genes))
    values = dense_values(matrix)
    return NumberTable(name, pd.DataFrame({id_column: ids}), genes, values, 1)


def find_matrix(group: Any, layer: str | None) -> StoredMatrix:
    """Find ``X``, ``raw`` or a layer of an AnnData group.

    Raises
    ------
    InputError
        If there is none of that name, or it holds no numbers.
    """
    if layer is None:
        if "X" not in group:
            raise InputError("has no X", do=f"Name a layer as `part.layer`: {_known(group)}.")
        return stored_matrix(group["X"], "X")
    if layer == RAW and RAW in group:
        return stored_matrix(group[RAW]["X"], "raw/X")
    layers = layers_of(group)
    if layer not in layers:
        do = nearest(layer, layers) if layers else "It has X only; remove `layer`."
        raise InputError(f"has no layer {layer!r}", do=do)
    return stored_matrix(group["layers"][layer], f"layers/{layer}")


def layers_of(group: Any) -> list[str]:
    """Names that `find_matrix` knows."""
    named = list(group["layers"]) if "layers" in group else []
    return [*named, *([RAW] if RAW in group else [])]


def _known(group: Any) -> str:
    return ", ".join(layers_of(group)) or "it has none"


def obs_column(group: Any, column: str) -> pd.Series:
    """Column of obs as it is stored, or its index; only that column is read.

    Raises
    ------
    InputError
        If it is not there, with the nearest name.
    """
    obs = group["obs"]
    if hasattr(obs, "dtype") or obs.attrs.get("encoding-version") != OBS_VERSION:
        return _column(_frame(group), column)
    index = str(obs.attrs["_index"])
    known = [OBS_NAMES, index, *map(str, obs.attrs["column-order"])]
    if column not in known:
        raise _no_column(column, known)
    return pd.Series(element(obs, column if column in known[1:] else index))


def _column(frame: pd.DataFrame, column: str) -> pd.Series:
    if column not in frame.columns:
        raise _no_column(column, list(map(str, frame.columns)))
    return frame[column]


def _no_column(column: str, known: list[str]) -> InputError:
    return InputError(f"has no column {column!r} in obs", do=nearest(column, known))


def gene_names(group: Any, part: MatrixPart) -> tuple[str, ...]:
    """Names of a matrix's columns; raises `InputError` if the column of ``var`` is not there."""
    frame = element(group, f"{RAW}/var" if part.layer == RAW and RAW in group else "var")
    if part.gene_column is None:
        return tuple(map(str, frame.index))
    if part.gene_column not in frame.columns:
        do = (
            nearest(part.gene_column, map(str, frame.columns))
            if len(frame.columns)
            else "It has var_names only."
        )
        raise InputError(f"has no column {part.gene_column!r} in var", do=do)
    return tuple(as_text(frame[part.gene_column]))


def check_shape(matrix: StoredMatrix, rows: int, columns: int) -> None:
    """Refuse a matrix that does not fit obs and var; raises `InputError`."""
    if matrix.shape != (rows, columns):
        raise InputError(
            f"has {matrix.name} of shape {matrix.shape}",
            expected=f"{rows} rows of obs and {columns} of var",
            do="It was not written by anndata, or damaged: write it again.",
        )


def _frame(group: Any) -> pd.DataFrame:
    """Every column of obs; the index comes first, as ``obs_names`` and under its own name if it has one."""
    frame: pd.DataFrame = element(group, "obs")
    plain = frame.reset_index(drop=True)
    for name in (frame.index.name, OBS_NAMES):
        if name is not None and name not in plain.columns:
            plain.insert(0, name, frame.index.to_numpy())
    return plain


def cells_as_text(values: pd.Series) -> pd.Series:
    """Cells as text; numbers of 32 bits with the digits they were written with: 0.1, not 0.10000000149."""
    if values.dtype == np.float32:
        values = values.map(lambda number: float(str(np.float32(number))))
    return as_text(values)
