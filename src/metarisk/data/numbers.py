"""Matrices of numbers: text columns of ids, then one column of numbers a sample or gene."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from metarisk.data.found import Found, error
from metarisk.data.layout import Layout, read_layout
from metarisk.data.parquet import read_parquet
from metarisk.data.text import is_missing, parse_text
from metarisk.errors import first_ten, nearest

FLOAT32 = pa.float32()
# Cells that mean "not measured".
NULLS = ["", "NA", "na", "NaN", "nan", "N/A", "n/a", "null", "NULL", "None", "[Not Available]"]


class _Choice(NamedTuple):
    """Columns of a file that are ids, those of numbers that are read (None: all), and those that are not."""

    ids: Collection[str]
    only: Collection[str] | None
    skip: Collection[str]


@dataclass(frozen=True)
class NumberTable:
    """A matrix as it stands in a file.

    Attributes
    ----------
    name
        Name of the file.
    ids
        Text columns, one row a row of the file.
    columns
        Names of the columns of numbers, length M.
    values
        Shape (rows, M); NaN where empty.
    first_line
        Line number of row 0.
    """

    name: str
    ids: pd.DataFrame
    columns: tuple[str, ...]
    values: NDArray[np.float32]
    first_line: int


def read_numbers(
    path: Path,
    id_columns: Collection[str],
    found: Found,
    *,
    only: Collection[str] | None = None,
    skip: Collection[str] = (),
) -> NumberTable | None:
    """Read a matrix, tab- or comma-separated or parquet; None with the reason added to ``found``.

    Parameters
    ----------
    id_columns
        Columns of text, at least one of which must exist. All others must be numbers.
    only
        Columns of numbers to read, which must exist; all of them if None.
    skip
        Columns that are not read, which must exist.
    """
    choice = _Choice(id_columns, only, skip)
    if path.suffix == ".parquet":
        table = read_parquet(path, found)
        wanted = None if table is None else _wanted(path.name, table.column_names, choice, found)
        if table is None or wanted is None:
            return None
        return _from_arrow(path.name, table.select(wanted), id_columns, 1, found)
    layout = read_layout(path, found)
    wanted = None if layout is None else _wanted(layout.name, layout.header, choice, found)
    if layout is None or wanted is None:
        return None
    try:
        table = _parse(layout, id_columns, wanted)
    except pa.ArrowInvalid:
        found.extend(_cells_that_are_no_numbers(layout, id_columns, wanted))
        return None
    return _from_arrow(layout.name, table, id_columns, layout.first_line, found)


def _wanted(name: str, header: Sequence[str], choice: _Choice, found: Found) -> list[str] | None:
    """Columns to read; None, with errors, where a named one is absent."""
    absent = [column for column in (*(choice.only or ()), *choice.skip) if column not in header]
    for column in absent:
        found.append(error(name, f"has no column {column!r}", nearest(column, header), column=column))
    if not _names_its_rows(name, header, choice.ids, found) or absent:
        return None
    read = set(header if choice.only is None else (*choice.ids, *choice.only)) - set(choice.skip)
    return [column for column in header if column in read]


def _names_its_rows(name: str, header: Sequence[str], id_columns: Collection[str], found: Found) -> bool:
    named = any(column in header for column in id_columns)
    if not named:
        message = f"has no column {' or '.join(map(repr, id_columns))}"
        found.append(error(name, message, f"It has {first_ten(header)}; name the column of ids."))
    return named


def _parse(layout: Layout, id_columns: Collection[str], wanted: Sequence[str]) -> pa.Table:
    types = {name: pa.string() if name in id_columns else pa.float32() for name in wanted}
    return pa_csv.read_csv(
        pa.BufferReader(layout.body),
        # One block: a row of a wide matrix can be longer than arrow's own block.
        read_options=pa_csv.ReadOptions(
            column_names=list(layout.header), use_threads=False, block_size=len(layout.body) + 1
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=layout.separator, quote_char='"' if layout.separator == "," else False
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            include_columns=list(wanted),
            null_values=NULLS,
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )


def _from_arrow(
    name: str, table: Any, id_columns: Collection[str], first_line: int, found: Found
) -> NumberTable | None:
    ids = {column: table.column(column).to_pylist() for column in table.column_names if column in id_columns}
    columns = tuple(str(column) for column in table.column_names if column not in ids)
    values = np.empty((table.num_rows, len(columns)), dtype=np.float32)
    for position, column in enumerate(columns):
        numbers = _as_float(table.column(column))
        if numbers is None:
            message = f"holds {table.column(column).type}, not numbers"
            found.append(error(name, message, "Store numbers, with null where not measured.", column=column))
            return None
        values[:, position] = numbers
    text = pd.DataFrame(
        {key: ["" if cell is None else str(cell) for cell in cells] for key, cells in ids.items()}
    )
    return NumberTable(name, text, columns, values, first_line)


def _as_float(column: Any) -> NDArray[np.float32] | None:
    numeric = column.type == FLOAT32 or (
        pa.types.is_floating(column.type)
        or pa.types.is_integer(column.type)
        or pa.types.is_boolean(column.type)
    )
    if not numeric:
        return None
    whole = column if column.type == FLOAT32 else column.cast(FLOAT32, safe=False)
    numbers: NDArray[np.float32] = whole.to_numpy()
    return numbers


def _cells_that_are_no_numbers(layout: Layout, id_columns: Collection[str], wanted: Sequence[str]) -> Found:
    """Every column with such cells, ten at most; the cells' text stays out of the message."""
    table = parse_text(layout, wanted)
    wrong: Found = []
    for column in table.frame.columns.difference(list(id_columns), sort=False):
        text = table.frame[column].str.strip()
        rows = (pd.to_numeric(text, errors="coerce").isna() & ~is_missing(text)).to_numpy()
        if rows.any():
            comma = bool(text[rows].str.fullmatch(r"-?\d+,\d+").any())
            wrong.append(_no_number(layout.name, str(column), table.lines(rows), comma))
    return wrong[:10] or [_unlocated(layout.name)]


def _no_number(name: str, column: str, lines: Sequence[int], comma: bool) -> Any:
    what = "numbers with a decimal comma" if comma else "cells that are not numbers"
    do = "Write numbers with a decimal point, and NA where nothing was measured."
    return error(name, f"holds {len(lines)} {what}", do, lines=tuple(lines), column=column)


def _unlocated(name: str) -> Any:
    return error(name, "holds cells that are not numbers", "Write plain numbers, and NA where not measured.")
