"""A single table of samples as a stream, whichever kind of file it is."""

from __future__ import annotations

from pathlib import Path

from metarisk.score.parquet_stream import stream_parquet
from metarisk.score.stream import SampleStream
from metarisk.score.text_stream import stream_text


def stream_table(path: Path) -> SampleStream:
    """Samples of one table in the row format of `metarisk.data.rows`, some at a time.

    Parameters
    ----------
    path
        See `metarisk.score.read_table`. Rows that cannot be scored are set aside; a table that is none, is
        cut or has a wrong header is refused whole, before anything is scored.

    Raises
    ------
    InvalidStudyError
        If the table cannot be read.
    InputError
        If it has a column that is unknown, or that no score may rest on.
    """
    return stream_parquet(path) if path.suffix == ".parquet" else stream_text(path)
