"""A parquet table of samples, read some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from metarisk.data.content import foreign_content
from metarisk.data.found import Found, error
from metarisk.data.row_checks import check_columns
from metarisk.data.text import TextTable, require_columns
from metarisk.errors import InputError
from metarisk.files import sha256_of
from metarisk.score.cells import as_map, maps_of
from metarisk.score.first_rows import FirstRows
from metarisk.score.intake import ID, assay_columns, refusal_of, with_text_ids
from metarisk.score.sifting import Rows, sift
from metarisk.score.stream import Portion, SampleStream

BUFFER_BYTES = 1 << 20  # of each column: without it a whole row group would be in memory


def stream_parquet(path: Path) -> SampleStream:
    """Samples of a parquet table; row groups of any size are read some rows at a time.

    Raises
    ------
    InvalidStudyError
        If it is no whole parquet table, has no rows or no ids.
    InputError
        If it has a column that is unknown, or that no score may rest on.
    """
    found: Found = []
    foreign = foreign_content(path)
    if foreign is not None:
        raise refusal_of(path, [foreign])
    with _opened(path) as table:
        names, rows = table.schema_arrow.names, table.metadata.num_rows
    frame = pd.DataFrame([[None] * len(names)], columns=names)
    if not rows:
        found.append(error(path.name, "has no rows: no samples", "Export the table again."))
    require_columns(TextTable(path.name, frame, 1), [ID], found)
    if found:
        raise refusal_of(path, found)
    check_columns(frame, path.name)
    sha256 = sha256_of(path)

    def portions(samples_at_a_time: int, met: FirstRows) -> Iterator[Portion]:
        first = 1
        with _opened(path) as opened:
            for batch in opened.iter_batches(batch_size=samples_at_a_time, use_threads=False):
                part = _rows(pa.Table.from_batches([batch]), first)
                yield sift(part, path.name, met)
                first += len(part.at)

    return SampleStream(path.name, sha256, sha256, rows, portions)


def _rows(table: pa.Table, first: int) -> Rows:
    frame: pd.DataFrame = with_text_ids(table).to_pandas(ignore_metadata=True)
    rows = Rows(frame, np.arange(first, first + len(frame)))
    for name in assay_columns(frame):
        cells = [as_map(cell) for cell in frame[name]]
        if any(isinstance(cell, str) for cell in cells):
            cells, wrong = maps_of(frame[name].fillna("").astype(str))
            rows.mark(wrong, f"{name} is not a JSON object")
        frame[name] = pd.Series(cells, index=frame.index, dtype=object)
    return rows


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, buffer_size=BUFFER_BYTES) as table:
            yield table
    except (pa.ArrowException, OSError) as caught:
        reason = " ".join(str(caught).split())[:160]
        message = f"is not a whole parquet file ({path.stat().st_size} bytes): {reason}"
        told = error(path.name, message, "Fetch or write it again; nothing of it was used.")
        raise refusal_of(path, [told]) from caught
    except InputError:
        raise
