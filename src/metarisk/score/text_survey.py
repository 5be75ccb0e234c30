"""A text table looked through before a row of it is scored: its header, its rows, and that it is whole."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pandas as pd

from metarisk.data.content import GZIP_MAGIC, foreign_start
from metarisk.data.found import Found, error
from metarisk.data.layout import Layout, check_header, separator_of, split_header
from metarisk.data.row_checks import check_columns
from metarisk.data.text import TextTable, require_columns
from metarisk.files import sha256_of
from metarisk.schema.findings import Finding
from metarisk.score.intake import ID, refusal_of


@dataclass(frozen=True)
class Survey:
    """What a look through a text table found.

    Attributes
    ----------
    path
        The file.
    header
        Column names.
    separator
        Tab or comma.
    first_line
        Line of the first row.
    rows
        Rows it has.
    sha256
        Of its bytes.
    """

    path: Path
    header: tuple[str, ...]
    separator: str
    first_line: int
    rows: int
    sha256: str


def survey(path: Path) -> Survey:
    """Look a table through; memory does not grow with it.

    Raises
    ------
    InvalidStudyError
        If it is no text, is cut, has no rows, no ids or another separator, or all of its rows are longer than
        its header.
    InputError
        If it has a column that is unknown, or that no score may rest on.
    """
    separator = separator_of(path)
    with _refused(path), opened(path) as text:
        start, header = _header(path, text, separator)
    check_columns(pd.DataFrame([[None] * len(header)], columns=list(header)), path.name)
    looked = Survey(path, header, separator, start, 0, sha256_of(path))
    with _refused(path):
        rows = _count(looked)
    return Survey(path, header, separator, start, rows, looked.sha256)


def rows_in(looked: Survey) -> Iterator[list[str]]:
    """Cells of each row; blank lines at the end are none."""
    with opened(looked.path) as text:
        for _ in range(looked.first_line - 1):
            text.readline()
        blank = 0
        for cells in _split(text, looked.separator):
            if not any(cells) and len(cells) < 2:
                blank += 1
                continue
            yield from ([""] for _ in range(blank))
            blank = 0
            yield cells


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """Text of a file, inflated where it is gzipped, every line end a newline."""
    with path.open("rb") as raw:
        zipped = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        inflated = gzip.GzipFile(fileobj=raw) if zipped else raw
        with io.TextIOWrapper(inflated, encoding="utf-8-sig", newline=None) as text:
            yield text


def _header(path: Path, text: IO[str], separator: str) -> tuple[int, tuple[str, ...]]:
    """Line of the first row, and the column names."""
    found: Found = []
    foreign = foreign_start(path.name, text.buffer.peek(2000)[:2000])  # type: ignore[attr-defined]
    if foreign is not None:
        raise refusal_of(path, [foreign])
    line, head = 1, text.readline()
    while head.startswith("#"):
        line, head = line + 1, text.readline()
    layout = Layout(path.name, split_header(head.removesuffix("\n"), separator), b"", line + 1, separator)
    if check_header(layout, head.encode(), found):
        empty = pd.DataFrame(columns=list(layout.header))
        require_columns(TextTable(path.name, empty, line + 1), [ID], found)
    if found:
        raise refusal_of(path, found)
    return line + 1, layout.header


def _count(looked: Survey) -> int:
    """Rows of a table, once it is known to be whole."""
    width, rows, longer, last = len(looked.header), 0, 0, 0
    for cells in rows_in(looked):
        if any("\0" in cell for cell in cells):
            told = "holds a NUL byte, so it is not plain text"
            raise refusal_of(looked.path, [_told(looked, told, "Export it again.", rows)])
        rows, longer, last = rows + 1, longer + (len(cells) == width + 1), len(cells)
    if not rows:
        told = "has a header and no rows: no samples"
        raise refusal_of(looked.path, [error(looked.path.name, told, "Export the table again.")])
    if longer == rows:
        told = f"every row has one field more than the header ({width + 1} against {width})"
        do = "Name the first column in the header; values are never shifted into the id column."
        raise refusal_of(looked.path, [error(looked.path.name, told, do)])
    if last < width and not _ends_in_newline(looked.path):
        told = f"is cut in the middle of its last row: {last} of {width} fields"
        do = "Export or fetch the file again."
        raise refusal_of(looked.path, [_told(looked, told, do, rows - 1)])
    return rows


def _told(looked: Survey, message: str, do: str, row: int) -> Finding:
    return error(looked.path.name, message, do, lines=(looked.first_line + row,))


def _ends_in_newline(path: Path) -> bool:
    with opened(path) as text:
        last = ""
        while block := text.read(1 << 20):
            last = block[-1]
    return last == "\n"


def _split(text: IO[str], separator: str) -> Iterator[list[str]]:
    if separator == "\t":
        return (line.removesuffix("\n").split("\t") for line in text)
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a genome is one cell
    return csv.reader(text, strict=True)


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Say what is wrong with a file that cannot be read to its end."""
    size, again = path.stat().st_size, "Fetch or export it again; nothing of it was used."
    try:
        yield
    except EOFError as caught:
        told = f"is a truncated gzip file ({size} bytes without an end mark)"
        raise refusal_of(path, [error(path.name, told, again)]) from caught
    except (zlib.error, gzip.BadGzipFile) as caught:
        raise refusal_of(path, [error(path.name, f"is a damaged gzip file ({caught})", again)]) from caught
    except UnicodeDecodeError as caught:
        told = f"byte 0x{caught.object[caught.start]:02x} is not UTF-8"
        raise refusal_of(path, [error(path.name, told, "Save the file as UTF-8 text.")]) from caught
    except csv.Error as caught:
        told = f"has a quoted cell that is not closed as it should be ({caught})"
        do = "The file looks cut or damaged; export it again."
        raise refusal_of(path, [error(path.name, told, do)]) from caught
