"""Clinical cells that the study file corrects: another unit in some rows, or filled-in constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study_tables import Correction
from metarisk.data.found import Found, error, warning
from metarisk.data.text import is_missing
from metarisk.errors import nearest


def correct(frame: pd.DataFrame, corrections: Sequence[Correction], file: str, found: Found) -> pd.DataFrame:
    """Columns of text with the declared cells blanked or multiplied; what was changed is counted."""
    for correction in corrections:
        named = (*correction.where, *correction.columns)
        if _are_columns(frame, named, file, found):
            frame = _corrected(frame, correction, file, found)
    return frame


def _are_columns(frame: pd.DataFrame, named: Sequence[str], file: str, found: Found) -> bool:
    absent = [column for column in named if column not in frame.columns]
    for column in absent:
        do = nearest(column, map(str, frame.columns))
        found.append(error(file, f"has no column {column!r} to correct", do, column=column))
    return not absent


def _corrected(frame: pd.DataFrame, correction: Correction, file: str, found: Found) -> pd.DataFrame:
    rows = np.ones(len(frame), dtype=bool)
    for column, accepted in correction.where.items():
        rows &= frame[column].isin(accepted).to_numpy()
    for column in correction.columns:
        known = rows & ~is_missing(frame[column])
        _tell(column, int(known.sum()), correction, file, found)
        frame = frame.assign(**{column: _changed(frame[column], known, correction.multiply)})
    return frame


def _changed(cells: pd.Series, rows: NDArray[np.bool_], multiply: float | None) -> pd.Series:
    if multiply is None:
        return cells.mask(rows, "")
    numbers = pd.to_numeric(cells[rows], errors="coerce") * multiply
    # Text that is no number stays as it is, to be told where the column is read.
    shown = numbers.map(repr).where(numbers.notna(), cells[rows])
    return cells.mask(rows, shown.reindex(cells.index))


def _tell(column: str, count: int, correction: Correction, file: str, found: Found) -> None:
    if not count:
        message = "is corrected by the study file in no cell that holds a value"
        found.append(error(file, message, "Check the values under `where`.", column=column))
        return
    what = "blanked" if correction.multiply is None else f"multiplied by {correction.multiply:g}"
    message = f"{count} cells were {what} ({', '.join(correction.where)})"
    found.append(warning(file, message, "Nothing to do; the study file asks for it.", column=column))
