"""The four lines above a clinical table: which columns it calls numbers, and the cells that are none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from metarisk.data.content import read_content
from metarisk.data.found import Found, warning
from metarisk.data.text import TextTable, is_missing
from metarisk.errors import first_ten

TYPES = frozenset({"STRING", "NUMBER", "BOOLEAN"})
# Display names, descriptions, datatypes, priorities; older studies have a fifth line for patient or sample.
_TYPE_LINE = 2
_TRUE_OR_FALSE = frozenset({"TRUE", "FALSE", "YES", "NO", "T", "F", "Y", "N", "0", "1"})
# The portal lets a number have a limit in place of a value, e.g. >90.
_NUMBER = r"[<>]?=?\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def check_types(path: Path, table: TextTable, found: Found) -> None:
    """Tell cells that are not of the datatype that the table's own header lines declare for the column.

    Parameters
    ----------
    path
        The clinical file.
    table
        The same file as text.
    found
        Receives one warning a column, without the cells' text.
    """
    declared = _declared_types(path)
    columns = list(map(str, table.frame.columns))
    if not TYPES & set(declared):
        return
    if len(declared) != len(columns):
        message = f"declares {len(declared)} datatypes above {len(columns)} columns"
        found.append(warning(table.name, message, "Give every column its datatype.", lines=(_TYPE_LINE + 1,)))
        return
    unknown = sorted(set(declared) - TYPES)
    if unknown:
        message = f"declares datatypes that do not exist ({first_ten(unknown)})"
        found.append(warning(table.name, message, "Use STRING, NUMBER or BOOLEAN.", lines=(_TYPE_LINE + 1,)))
    for column, kind in zip(columns, declared, strict=True):
        _tell_others(table, column, kind, found)


def _declared_types(path: Path) -> list[str]:
    """Upper case; empty if the table has no such line."""
    ignored: Found = []
    data = read_content(path, ignored)
    lines = [] if data is None else data.split(b"\n", _TYPE_LINE + 1)
    if len(lines) <= _TYPE_LINE or not all(line.startswith(b"#") for line in lines[: _TYPE_LINE + 1]):
        return []
    return lines[_TYPE_LINE].decode().removeprefix("#").strip("\r").upper().split("\t")


def _tell_others(table: TextTable, column: str, kind: str, found: Found) -> None:
    if kind not in ("NUMBER", "BOOLEAN"):
        return
    values = pd.Series(table.frame[column].unique(), dtype=object)
    if kind == "NUMBER":
        fits = values.str.fullmatch(rf"\s*{_NUMBER}\s*")
    else:
        fits = values.str.strip().str.upper().isin(_TRUE_OR_FALSE)
    unlike = values[~fits.to_numpy(dtype=bool)]
    others = unlike[~is_missing(unlike)]
    wrong = table.frame[column].isin(others).to_numpy(dtype=bool)
    if wrong.any():
        what = "number" if kind == "NUMBER" else "yes or no"
        message = f"is declared as {kind}, but {wrong.sum()} cells are no {what}"
        do = "Correct the cells, or the datatype in the third header line."
        found.append(warning(table.name, message, do, lines=table.lines(wrong), column=column))
