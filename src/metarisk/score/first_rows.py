"""Where each sample id of an input was met first, on disk: a million ids are no matter of memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ASKED_AT_ONCE = 500


class FirstRows:
    """Ids of one reading of an input, each with the row that it belongs to.

    Parameters
    ----------
    file
        Database to make anew; it is of no use to a later reading.
    """

    def __init__(self, file: Path) -> None:
        file.unlink(missing_ok=True)
        self._rows = sqlite3.connect(file, isolation_level=None)
        # Lost with the process, so nothing is paid for keeping it.
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute("PRAGMA synchronous = OFF")
        self._rows.execute("CREATE TABLE met (id TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID")

    def __enter__(self) -> Self:
        """Open until the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self._rows.close()

    def meet(self, ids: Sequence[str], rows: Sequence[int]) -> list[int]:
        """Row in which each id was met first, this one where it is new; rows come in their order."""
        self._rows.execute("BEGIN")
        self._rows.executemany("INSERT OR IGNORE INTO met VALUES (?, ?)", zip(ids, rows, strict=True))
        self._rows.execute("COMMIT")
        first: dict[str, int] = {}
        for start in range(0, len(ids), ASKED_AT_ONCE):
            some = list(ids[start : start + ASKED_AT_ONCE])
            marks = ", ".join("?" * len(some))
            first.update(self._rows.execute(f"SELECT id, row FROM met WHERE id IN ({marks})", some))
        return [first[name] for name in ids]
