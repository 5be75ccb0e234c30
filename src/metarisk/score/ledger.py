"""What of a job is done: parts of scores on disk, and a ledger that says which sample is in which.

A part is written whole and then entered, so a part that was never entered is an orphan that the next one
replaces; an entry whose part is gone or altered is struck when the ledger is opened, and its samples are
scored again. Samples are known by their keys (`metarisk.score.sample_keys`), parts by their number alone.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from metarisk.files import sha256_of, written
from metarisk.score.layout import arrow_of, open_writer

LEDGER, PARTS = "ledger.sqlite", "parts"
ASKED_AT_ONCE = 500
TABLES = (
    "CREATE TABLE IF NOT EXISTS parts (number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS scored (key BLOB PRIMARY KEY, part INTEGER NOT NULL, first INTEGER NOT NULL, "
    "rows INTEGER NOT NULL) WITHOUT ROWID",
)

_log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where the scores of a sample lie: rows first .. first + rows - 1 of a part."""

    part: int
    first: int
    rows: int


class Ledger:
    """Parts and their ledger in a folder.

    Parameters
    ----------
    folder
        Folder of an unfinished job; nobody else may have it open.
    """

    def __init__(self, folder: Path) -> None:
        self._parts = folder / PARTS
        self._parts.mkdir(exist_ok=True)
        for draft in self._parts.glob(".*.part"):
            draft.unlink()
        self._entries = sqlite3.connect(folder / LEDGER, isolation_level=None)
        self._entries.execute("PRAGMA synchronous = FULL")
        for table in TABLES:
            self._entries.execute(table)
        self._strike_damaged()
        last = self._entries.execute("SELECT max(number) FROM parts").fetchone()[0]
        self._next = 0 if last is None else last + 1

    def __enter__(self) -> Self:
        """Open until the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the ledger."""
        self._entries.close()

    def __len__(self) -> int:
        """Samples that are entered."""
        return int(self._entries.execute("SELECT count(*) FROM scored").fetchone()[0])

    def places(self, keys: Sequence[bytes]) -> dict[bytes, Place]:
        """Key -> place of those that are scored."""
        found: dict[bytes, Place] = {}
        for start in range(0, len(keys), ASKED_AT_ONCE):
            some = list(keys[start : start + ASKED_AT_ONCE])
            asked = f"SELECT * FROM scored WHERE key IN ({', '.join('?' * len(some))})"
            found.update((key, Place(*place)) for key, *place in self._entries.execute(asked, some))
        return found

    def add(self, keys: Sequence[bytes], scores: pd.DataFrame) -> None:
        """Write a part and enter its samples.

        Parameters
        ----------
        keys
            Of its samples, length N.
        scores
            Their rows, sample by sample in the same order.

        Raises
        ------
        OutputError
            If the part cannot be written.
        """
        sizes = scores.groupby("sample_id", sort=False).size().tolist()
        if len(sizes) != len(keys):
            raise RuntimeError(f"scores of {len(sizes)} samples came for {len(keys)}")
        number, path = self._next, self._file(self._next)
        with written(path) as draft, open_writer(draft) as writer:
            writer.write_table(arrow_of(scores))
        firsts = [sum(sizes[:at]) for at in range(len(sizes))]
        entries = zip(keys, [number] * len(keys), firsts, sizes, strict=True)
        self._entries.execute("BEGIN")
        self._entries.execute("INSERT INTO parts VALUES (?, ?)", (number, sha256_of(path)))
        self._entries.executemany("INSERT OR REPLACE INTO scored VALUES (?, ?, ?, ?)", entries)
        self._entries.execute("COMMIT")
        self._next += 1

    def read(self, part: int) -> pa.Table:
        """Scores of a part."""
        return pq.read_table(self._file(part), page_checksum_verification=True, use_threads=False)

    def _file(self, part: int) -> Path:
        return self._parts / f"{part:06d}.parquet"

    def _strike_damaged(self) -> None:
        entered = self._entries.execute("SELECT number, sha256 FROM parts").fetchall()
        damaged = [(number,) for number, sha256 in entered if not _is_sound(self._file(number), sha256)]
        if damaged:
            _log.warning("%d parts are damaged or gone; their samples are scored again", len(damaged))
        self._entries.execute("BEGIN")
        self._entries.executemany("DELETE FROM scored WHERE part = ?", damaged)
        self._entries.executemany("DELETE FROM parts WHERE number = ?", damaged)
        self._entries.execute("COMMIT")


def _is_sound(file: Path, sha256: str) -> bool:
    return file.is_file() and sha256_of(file) == sha256
