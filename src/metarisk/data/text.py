"""Delimited text and parquet as columns of text: ids to the letter, nothing guessed to be a number."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metarisk.data.found import Found, error
from metarisk.data.layout import Layout, read_layout
from metarisk.data.parquet import read_parquet
from metarisk.errors import InputError, first_ten, nearest
from metarisk.schema.findings import Finding
from metarisk.schema.ids import EMPTY_ID, id_fault

Scalar = TypeVar("Scalar", bound=np.generic)

# What sources write for "not known"; upper case, compared without regard to case.
MISSING = frozenset(
    {
        "",
        "NA",
        "NAN",
        "N/A",
        "NONE",
        "NULL",
        "UNKNOWN",
        "[NOT AVAILABLE]",
        "[NOT APPLICABLE]",
        "[NOT EVALUATED]",
        "[UNKNOWN]",
        "NO VALUE ENTERED",
        "NOT AVAILABLE",
        "DO NOT REPORT",
        "PT REFUSED TO ANSWER",
        "PATIENT REFUSED TO ANSWER",
    }
)


@dataclass(frozen=True)
class TextTable:
    """A table whose every cell is text.

    Attributes
    ----------
    name
        Name of the file.
    frame
        Columns of text, index 0 .. rows - 1.
    first_line
        Line number of row 0 in the file (row number in a parquet file, which has no lines).
    """

    name: str
    frame: pd.DataFrame
    first_line: int

    def lines(self, rows: NDArray[np.bool_]) -> tuple[int, ...]:
        """Line numbers of the rows where a mask is True."""
        return tuple((np.flatnonzero(rows) + self.first_line).tolist())

    def take(self, rows: NDArray[np.bool_]) -> TextTable:
        """Rows where a mask is True; line numbers are counted anew, so check first."""
        return replace(self, frame=self.frame[rows].reset_index(drop=True))


def read_text(path: Path, found: Found, columns: Iterable[str] | None = None) -> TextTable | None:
    """Read a table as text; None with the reason added to ``found`` if it is not one.

    Parameters
    ----------
    path
        Tab-separated, comma-separated (``.csv``) or parquet; text may be gzipped.
    columns
        Columns to read where they exist; all of them if None.
    """
    if path.suffix == ".parquet":
        return _text_of_parquet(path, found)
    layout = read_layout(path, found)
    return None if layout is None else parse_text(layout, columns)


def parse_text(layout: Layout, columns: Iterable[str] | None = None) -> TextTable:
    """Columns of text of a checked layout."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if layout.separator == "," else csv.QUOTE_NONE
    wanted = None if columns is None else [name for name in columns if name in layout.header]
    try:
        frame = pd.read_csv(
            BytesIO(layout.body),
            sep=layout.separator,
            names=list(layout.header),
            header=None,
            usecols=wanted,
            index_col=False,
            dtype=str,
            na_filter=False,
            quoting=quoting,
            skip_blank_lines=False,
        )
    except pd.errors.ParserError as error:
        raise InputError(
            f"{layout.name} cannot be split into cells ({str(error).strip()})",
            expected="every quoted cell closed",
            do="The file looks cut or damaged; export it again.",
        ) from error
    return TextTable(layout.name, frame, layout.first_line)


def require_columns(table: TextTable, columns: Iterable[str], found: Found) -> bool:
    """True if every column is there; one error for each that is not, with the nearest name."""
    absent = [column for column in columns if column not in table.frame.columns]
    for column in absent:
        found.append(
            error(
                table.name,
                f"has no column {column!r}",
                nearest(column, map(str, table.frame.columns)),
                column=column,
            )
        )
    return not absent


def check_ids(table: TextTable, column: str, found: Found, *, unique: bool) -> bool:
    """Refuse what cannot be an id (`metarisk.schema.ids`) and, where asked, ids that stand twice.

    Returns
    -------
    bool
        True if the ids of the column can be used.
    """
    ids = table.frame[column]
    faults = ids.map({value: id_fault(value) for value in ids.unique()})
    for fault in faults.dropna().unique():
        rows = (faults == fault).to_numpy()
        found.append(_faulty_ids(table, column, rows, str(fault)))
    repeated = ids[ids.duplicated(keep=False) & (ids != "")] if unique else ids[:0]
    for value in repeated.unique()[:10]:
        lines = table.lines((ids == value).to_numpy())
        do = "Remove or rename one of them; metarisk does not choose."
        told = error(table.name, "the id stands twice", do, lines=lines, column=column, value=str(value))
        found.append(told)
    return not (faults.notna().any() or len(repeated))


def _faulty_ids(table: TextTable, column: str, rows: NDArray[np.bool_], fault: str) -> Finding:
    cited = first_ten(map(repr, table.frame[column][rows].unique()))
    message = f"{rows.sum()} ids {fault}" + (f" ({cited})" if fault != EMPTY_ID else "")
    do = "Fill in or rename them, here and in every file that names them."
    return error(table.name, message, do, lines=table.lines(rows), column=column)


def is_missing(values: pd.Series) -> NDArray[np.bool_]:
    """True where a cell says "not known", shape (rows,)."""
    return each_distinct(values, _says_unknown)


def _says_unknown(values: pd.Series) -> NDArray[np.bool_]:
    return values.str.strip().str.upper().isin(MISSING).to_numpy(dtype=bool)


def stripped(values: pd.Series) -> pd.Series:
    """Cells without white space around them."""
    cells = each_distinct(values, lambda distinct: distinct.str.strip().to_numpy(dtype=object))
    return pd.Series(cells, index=values.index, name=values.name, dtype=object)


def in_capitals(values: pd.Series) -> pd.Series:
    """Cells in capital letters."""
    cells = each_distinct(values, lambda distinct: distinct.str.upper().to_numpy(dtype=object))
    return pd.Series(cells, index=values.index, name=values.name, dtype=object)


def as_numbers(values: pd.Series) -> NDArray[np.float64]:
    """Cells as numbers, NaN where they are none, shape (rows,); white space around one does not matter."""
    numbers = _to_numbers(values)
    rest = np.flatnonzero(np.isnan(numbers))
    numbers[rest] = each_distinct(values.iloc[rest], lambda cells: _to_numbers(cells.str.strip()))
    return numbers


def _to_numbers(values: pd.Series) -> NDArray[np.float64]:
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, copy=True)


def each_distinct(values: pd.Series, of: Callable[[pd.Series], NDArray[Scalar]]) -> NDArray[Scalar]:
    """What a function gives for each cell, asked once for each distinct text, shape (rows,).

    Most columns of a table hold few different texts, and pandas' functions of text go cell by cell.
    """
    codes, distinct = distinct_codes(values)
    return of(distinct)[codes]


def distinct_codes(values: pd.Series) -> tuple[NDArray[np.intp], pd.Series]:
    """Place of each cell among the distinct ones, shape (rows,), and those, in the order of the table.

    pandas' own factorize ends a text at its first NUL, so that two different texts would be one.
    """
    cells = values.tolist()
    place = {cell: at for at, cell in enumerate(dict.fromkeys(cells))}
    codes = np.fromiter(map(place.__getitem__, cells), dtype=np.intp, count=len(cells))
    return codes, pd.Series(list(place), dtype=object)


def _text_of_parquet(path: Path, found: Found) -> TextTable | None:
    table = read_parquet(path, found)
    return None if table is None else text_of_arrow(path.name, table)


def text_of_arrow(name: str, table: pa.Table) -> TextTable:
    """Columns of text of a table in memory."""
    # Without pandas' own notes a stored index is a column like any other.
    frame = table.to_pandas(ignore_metadata=True)
    text = pd.DataFrame({str(column): as_text(frame[column]) for column in frame.columns})
    return TextTable(name, text.reset_index(drop=True), 1)


def as_text(values: pd.Series) -> pd.Series:
    """Cells as text: missing is empty, whole numbers have no decimal point."""
    if pd.api.types.is_float_dtype(values):
        shown = values.map(
            lambda number: f"{number:.0f}" if number == np.floor(number) else repr(float(number))
        )
    else:
        shown = values.astype(str)
    return shown.where(values.notna(), "").astype(object)
