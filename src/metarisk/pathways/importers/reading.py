"""Opening a provider's file: plain or gzip, its header checked, damage named."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.errors import TopologyError, first_ten

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR_NAMES = {"\t": "tab", ",": "comma", " ": "space", ";": "semicolon"}


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their number, 1 is the first, without the line break; empty lines are passed over.

    Raises
    ------
    TopologyError
        If the file is missing, empty, cut, not UTF-8, or a web page or a git-lfs pointer.
    """
    seen = False
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig")
            if _zipped(path)
            else path.open(encoding="utf-8-sig") as stream
        ):
            for number, line in enumerate(stream, start=1):
                if number == 1:
                    _check_first_line(path, line)
                if line.strip():
                    seen = True
                    yield number, line.rstrip("\r\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    if not seen:
        raise TopologyError(f"{path.name} is empty", do="Download it again.")


def read_table(
    path: Path, separator: str, columns: Sequence[str], *, filled: Sequence[str] = ()
) -> pd.DataFrame:
    """Table of text with at least the columns named; nothing is turned into a number or a missing value.

    Parameters
    ----------
    path
        Plain or gzip file with a header line.
    separator
        One character.
    columns
        Columns that must be there; others are kept too.
    filled
        Columns in which no cell may be empty.

    Raises
    ------
    TopologyError
        If the file cannot be read, lacks a column, has a ragged row, or an empty cell where none may be.
    """
    import csv

    import pandas as pd

    _check_header(path, separator, columns)
    try:
        table: pd.DataFrame = pd.read_csv(
            path,
            sep=separator,
            dtype=str,
            na_filter=False,
            quoting=csv.QUOTE_MINIMAL if separator in ",;" else csv.QUOTE_NONE,
            encoding="utf-8-sig",
            compression="gzip" if _zipped(path) else None,
            index_col=False,
        )
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise _unreadable(path, error) from error
    table.columns = [str(column).lstrip("#") for column in table.columns]
    for column in filled:
        _check_filled(path, column, table[column])
    return table


def first_columns(path: Path, separator: str) -> list[str]:
    """Names in the header line."""
    _, header = next(text_lines(path))
    return [cell.strip().strip('"').lstrip("#") for cell in header.split(separator)]


def _zipped(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(2) == b"\x1f\x8b"
    except OSError:
        return False


def _check_first_line(path: Path, line: str) -> None:
    start = line.lstrip().lower()
    if start.startswith(("<!doctype", "<html")):
        raise TopologyError(
            f"{path.name} is a web page", do="The download answered with a page; fetch the file itself."
        )
    if start.startswith("version https://git-lfs"):
        raise TopologyError(
            f"{path.name} is a git-lfs pointer", do="Run git lfs pull to get the file itself."
        )


def _check_header(path: Path, separator: str, columns: Sequence[str]) -> None:
    header = first_columns(path, separator)
    missing = [column for column in columns if column not in header]
    if not missing:
        return
    name = SEPARATOR_NAMES.get(separator, repr(separator))
    asked = f"; no {name} found in the header, is this another format?" if len(header) == 1 else ""
    raise TopologyError(
        f"{path.name} lacks the columns {', '.join(missing)}{asked}",
        expected=f"{', '.join(columns)} separated by {name}",
        do=f"Its header is: {first_ten(header)}. Give the provider's own file.",
    )


def _check_filled(path: Path, column: str, cells: pd.Series[str]) -> None:
    empty = [int(row) + 2 for row in cells.index[cells.isna() | (cells == "")]]
    if empty:
        raise TopologyError(
            f"{path.name}: lines [{first_ten(empty)}], column {column}: the cell is empty",
            expected="a name in every row",
            do="The file is cut or damaged; download it again.",
        )


def _unreadable(path: Path, error: Exception) -> TopologyError:
    if isinstance(error, FileNotFoundError):
        return TopologyError(f"{path.name} does not exist", do="Check the path.")
    size = f" of {path.stat().st_size} bytes" if path.is_file() else ""
    return TopologyError(
        f"{path.name}{size} cannot be read ({type(error).__name__}: {' '.join(str(error).split())})",
        expected="a whole text file, plain or gzip, in UTF-8",
        do="The file is cut or damaged; download it again.",
    )
