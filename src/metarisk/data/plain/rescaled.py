"""Numbers of the clinical table that the study file declares to be in another unit in some rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from metarisk.config.study_tables import Rescale
from metarisk.data.found import Found, error, warning
from metarisk.data.source import ClinicalSource
from metarisk.data.text import as_numbers


def rescaled(source: ClinicalSource, rescales: Sequence[Rescale], found: Found) -> ClinicalSource:
    """The source with the declared numbers in their column's unit; how many there were is told.

    Cells that are no numbers stay as they are, for the reading of the column to judge.
    """
    for rescale in rescales:
        chosen = source.within(rescale.where, found)
        for column in rescale.columns:
            if source.has(column, found):
                rows = chosen & np.isfinite(as_numbers(source.frame[column]))
                source = _one(source, column, rescale, rows)
                _tell(source, column, rescale, int(rows.sum()), found)
    return source


def _one(source: ClinicalSource, column: str, rescale: Rescale, rows: NDArray[np.bool_]) -> ClinicalSource:
    cells = source.frame[column]
    told = [repr(float(number)) for number in as_numbers(cells[rows]) * rescale.factor]
    changed = cells.copy()
    changed[rows] = told
    return replace(source, frame=source.frame.assign(**{column: changed}))


def _tell(source: ClinicalSource, column: str, rescale: Rescale, count: int, found: Found) -> None:
    file, where = source.origin[column], ", ".join(rescale.where)
    if count:
        message = f"{count} numbers were multiplied by {rescale.factor:g}, by {where}"
        found.append(warning(file, message, "Nothing to do; the study file asks for it.", column=column))
    else:
        message = f"holds no number to rescale in the rows that are chosen by {where}"
        found.append(error(file, message, "Check `rescale` in the study file.", column=column))
