"""A text table of samples, read some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from metarisk.data.text import is_missing
from metarisk.schema.assays import ASSAYS
from metarisk.schema.clinical import is_clinical_number
from metarisk.score.cells import maps_of, numbers_of
from metarisk.score.first_rows import FirstRows
from metarisk.score.intake import ID
from metarisk.score.sifting import Rows, sift
from metarisk.score.stream import Portion, SampleStream, SetAside
from metarisk.score.text_survey import Survey, rows_in, survey


def stream_text(path: Path) -> SampleStream:
    """Samples of a tab- or comma-separated table, gzipped or not; it is looked through once before.

    Raises
    ------
    InvalidStudyError
        If it is no whole table of samples.
    InputError
        If it has a column that is unknown, or that no score may rest on.
    """
    looked = survey(path)

    def portions(samples_at_a_time: int, met: FirstRows) -> Iterator[Portion]:
        first, rows = looked.first_line, rows_in(looked)
        while some := list(islice(rows, samples_at_a_time)):
            yield sift(_rows(looked, some, first), path.name, met)
            first += len(some)

    return SampleStream(path.name, looked.sha256, looked.sha256, looked.rows, portions)


def _rows(looked: Survey, cells: list[list[str]], first: int) -> Rows:
    width = len(looked.header)
    whole = [at for at, row in enumerate(cells) if len(row) == width]
    broken = tuple(
        SetAside(first + at, _id_of(looked, row), f"has {len(row)} fields, the header {width}")
        for at, row in enumerate(cells)
        if len(row) != width
    )
    frame = pd.DataFrame([cells[at] for at in whole], columns=list(looked.header), dtype=object)
    rows = Rows(frame, first + np.array(whole, dtype=np.intp), broken=broken)
    for name in looked.header:
        if name != ID:
            frame[name] = _typed(rows, name)
    return rows


def _id_of(looked: Survey, row: list[str]) -> str:
    at = looked.header.index(ID)
    return row[at] if at < len(row) else ""


def _typed(rows: Rows, name: str) -> pd.Series:
    cells = rows.frame[name]
    if is_clinical_number(name):
        numbers, wrong = numbers_of(cells)
        rows.mark(wrong, f"{name} is not a number")
        return numbers
    if name in set(ASSAYS):
        maps, wrong = maps_of(cells)
        rows.mark(wrong, f"{name} is not a JSON object")
        return pd.Series(maps, index=cells.index, dtype=object)
    return cells.mask(is_missing(cells), None)
