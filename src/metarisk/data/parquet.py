"""Parquet files read with their page checksums; a damaged one is named, never half read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from metarisk.data.content import foreign_content
from metarisk.data.found import Found, error

# What pandas calls an index without a name in the file.
UNNAMED_INDEX = "__index_level_0__"


def read_parquet(path: Path, found: Found) -> pa.Table | None:
    """Whole table of a parquet file; None with the reason added to ``found`` if damaged or without rows.

    An index that pandas stored is a column of its own name, ``index`` where it has none.
    """
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
    names = ["index" if name == UNNAMED_INDEX else name for name in table.column_names]
    return table.rename_columns(names) if len(set(names)) == len(names) else table
