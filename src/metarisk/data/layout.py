"""The shape of a delimited text file: header, body, and the proof that every row has the header's fields."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metarisk.data.content import read_content
from metarisk.data.found import Found, error, warning
from metarisk.errors import first_ten
from metarisk.schema.findings import Finding

BYTES_AT_A_TIME = 1 << 24
SEPARATOR_NAMES = {"\t": "tab", ",": "comma"}


@dataclass(frozen=True)
class Layout:
    """A checked text table, not yet parsed.

    Attributes
    ----------
    name
        Name of the file.
    header
        Column names as they stand in the file.
    body
        The rows, without header and comments.
    first_line
        Line number of the first row.
    separator
        Tab or comma; quotes have a meaning in comma files only.
    """

    name: str
    header: tuple[str, ...]
    body: bytes
    first_line: int
    separator: str


def separator_of(path: Path) -> str:
    """Comma for ``.csv`` and ``.csv.gz``, tab for everything else."""
    return "," if path.name.removesuffix(".gz").lower().endswith(".csv") else "\t"


def read_layout(path: Path, found: Found) -> Layout | None:
    """Check a delimited text file's shape; None with the reason added to ``found`` if it is not a table.

    Lines that begin with ``#`` before the header are comments.
    """
    data = read_content(path, found)
    if data is None:
        return None
    comments, rest = _split_comments(data)
    head, _, body = rest.partition(b"\n")
    separator = separator_of(path)
    try:
        header = split_header(head.decode(), separator)
    except csv.Error as caught:
        found.append(_unclosed(path.name, caught))
        return None
    complete_end = body.endswith(b"\n")
    layout = Layout(path.name, header, body.rstrip(b"\n") + b"\n", comments + 2, separator)
    sound = check_header(layout, head, found) and _check_rows(layout, complete_end, found)
    return layout if sound else None


def _split_comments(data: bytes) -> tuple[int, bytes]:
    start, comments = 0, 0
    while data.startswith(b"#", start):
        end = data.find(b"\n", start)
        start, comments = (len(data) if end < 0 else end + 1), comments + 1
    return comments, data[start:]


def split_header(line: str, separator: str) -> tuple[str, ...]:
    """Column names of a header line; raises `csv.Error` at a quote that is not closed."""
    return tuple(line.split("\t")) if separator == "\t" else tuple(next(csv.reader([line], strict=True), []))


def check_header(layout: Layout, head: bytes, found: Found) -> bool:
    """True if a header has the separator and no column twice; an error in ``found`` otherwise."""
    wanted = SEPARATOR_NAMES[layout.separator]
    line = (layout.first_line - 1,)
    if len(layout.header) < 2:
        other = "," if layout.separator == "\t" else "\t"
        kind = "comma-separated" if other == "," else "tab-separated"
        hint = f"; is this a {kind} file?" if other.encode() in head else ""
        do = f"Save it {wanted}-separated, or name it so that its separator is known (.csv, .tsv)."
        found.append(error(layout.name, f"no {wanted} found in the header{hint}", do, lines=line))
        return False
    repeated = [name for name, count in Counter(layout.header).items() if count > 1]
    if repeated:
        message = f"{len(repeated)} column names stand more than once ({first_ten(repeated)})"
        found.append(error(layout.name, message, "Rename or remove the repeated columns.", lines=line))
    return not repeated


def _check_rows(layout: Layout, complete_end: bool, found: Found) -> bool:
    if not layout.body.strip():
        found.append(error(layout.name, "has a header and no rows: no samples", "Export the table again."))
        return False
    try:
        fields = _fields_per_row(layout)
    except csv.Error as caught:
        found.append(_unclosed(layout.name, caught))
        return False
    wrong = np.flatnonzero(fields != len(layout.header))
    if not complete_end and not wrong.size:
        message = "does not end in a new line; its last value may be cut"
        do = "Compare its last line with the source, and export it again if it is short."
        found.append(warning(layout.name, message, do, lines=(layout.first_line + len(fields) - 1,)))
    if wrong.size:
        found.append(_ragged(layout, fields, wrong, complete_end))
    return not wrong.size


def _ragged(
    layout: Layout, fields: NDArray[np.int64], wrong: NDArray[np.intp], complete_end: bool
) -> Finding:
    expected, last = len(layout.header), len(fields) - 1
    lines = tuple(int(row) + layout.first_line for row in wrong)
    if not complete_end and wrong.tolist() == [last] and fields[last] < expected:
        message = f"is cut in the middle of its last row: {fields[last]} of {expected} fields"
        return error(layout.name, message, "Export or fetch the file again.", lines=lines)
    if len(wrong) == len(fields) and (fields == expected + 1).all():
        message = f"every row has one field more than the header ({expected + 1} against {expected})"
        do = "Name the first column in the header; values are never shifted into the id column."
        return error(layout.name, message, do, lines=lines)
    message = f"{len(wrong)} rows have another number of fields than the header ({expected})"
    return error(layout.name, message, "Mend these rows; values are never shifted to fit.", lines=lines)


def _unclosed(name: str, caught: csv.Error) -> Finding:
    message = f"has a quoted cell that is not closed as it should be ({caught})"
    return error(name, message, "The file looks cut or damaged; export it again.")


def _fields_per_row(layout: Layout) -> NDArray[np.int64]:
    """Fields of each row, shape (rows,): counted on the bytes, by the rules of csv where cells are quoted."""
    if layout.separator == "," and b'"' in layout.body:
        rows = csv.reader(StringIO(layout.body.decode(), newline=""), strict=True)
        return np.array([max(len(row), 1) for row in rows], dtype=np.int64)
    return (
        np.concatenate([_separators_per_row(block, layout.separator) for block in _blocks(layout.body)]) + 1
    )


def _blocks(body: bytes) -> Iterator[NDArray[np.uint8]]:
    """Whole rows at a time, so that the places of a large table's separators are never all in memory."""
    start = 0
    while start < len(body):
        end = body.find(b"\n", min(start + BYTES_AT_A_TIME, len(body) - 1)) + 1
        yield np.frombuffer(body, dtype=np.uint8, count=end - start, offset=start)
        start = end


def _separators_per_row(text: NDArray[np.uint8], separator: str) -> NDArray[np.int64]:
    separators, ends = np.flatnonzero(text == ord(separator)), np.flatnonzero(text == ord("\n"))
    return np.diff(np.searchsorted(separators, ends), prepend=0)
