"""Cells of the clinical table that the study file declares unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from metarisk.config.study_tables import Blank
from metarisk.data.found import Found, error, warning
from metarisk.data.source import ClinicalSource
from metarisk.data.text import is_missing


def blanked(source: ClinicalSource, blanks: Sequence[Blank], found: Found) -> ClinicalSource:
    """The source with the declared cells empty; how many held a value is told.

    Rows are chosen by the cells as the file has them, so the order of the declarations plays no part.
    """
    frame = source.frame
    for blank in blanks:
        rows = source.within(blank.where, found)
        for column in blank.columns:
            if source.has(column, found):
                _tell(source, column, rows, blank, found)
                frame = frame.assign(**{column: frame[column].mask(rows, "")})
    return replace(source, frame=frame)


def _tell(source: ClinicalSource, column: str, rows: NDArray[np.bool_], blank: Blank, found: Found) -> None:
    count = int((rows & ~is_missing(source.frame[column])).sum())
    file, where = source.origin[column], ", ".join(blank.where)
    if count:
        message = f"{count} values were blanked, by {where}"
        found.append(warning(file, message, "Nothing to do; the study file asks for it.", column=column))
    else:
        message = f"holds no value to blank in the rows that are chosen by {where}"
        found.append(error(file, message, "Check `blank` in the study file.", column=column))
