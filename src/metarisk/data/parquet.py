"""Parquet files read with their page checksums; a damaged one is named, never half read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from metarisk.data.content import foreign_content
from metarisk.data.found import Found, error


def read_parquet(path: Path, found: Found) -> pa.Table | None:
    """Whole table of a parquet file; None with the reason added to ``found`` if damaged or without rows."""
    if not path.is_file():
        found.append(error(path.name, "does not exist", "Put the file there or correct its name."))
        return None
    foreign = foreign_content(path)
    if foreign is not None:
        found.append(foreign)
        return None
    try:
        table = pq.read_table(path, page_checksum_verification=True, use_threads=False)
    except (pa.ArrowException, OSError) as caught:
        reason = " ".join(str(caught).split())[:160]
        message = f"is not a whole parquet file ({path.stat().st_size} bytes): {reason}"
        found.append(error(path.name, message, "Fetch or write it again; nothing of it was used."))
        return None
    if table.num_rows == 0:
        found.append(error(path.name, "has no rows: no samples", "Export the table again."))
        return None
    return table
