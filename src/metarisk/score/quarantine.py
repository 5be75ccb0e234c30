"""Rows that were set aside, as a table that people open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from metarisk.schema.findings import visible
from metarisk.score.export import escape_formula
from metarisk.score.stream import SetAside

QUARANTINE = "quarantine.tsv"


class Quarantine:
    """Writer of ``quarantine.tsv``: one line a row that was set aside, in the order of the input.

    Parameters
    ----------
    file
        File to make anew.
    """

    def __init__(self, file: Path) -> None:
        self._stream = file.open("w", encoding="utf-8", newline="\n")
        self._stream.write("\t".join(SetAside._fields) + "\n")
        self.rows = 0
        self.first: SetAside | None = None

    def __enter__(self) -> Self:
        """Open until the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._stream.close()

    def add(self, rows: Iterable[SetAside]) -> None:
        """Write rows; whatever a spreadsheet or a terminal would obey in an id is written as text."""
        for row in rows:
            self.first = self.first or row
            self.rows += 1
            cells = (str(row.row), *(escape_formula(visible(text)) for text in row[1:]))
            self._stream.write("\t".join(cells) + "\n")
