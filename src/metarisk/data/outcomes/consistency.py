"""Endpoints that contradict each other: told, and the dated one left unknown."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from metarisk.data.found import Found
from metarisk.data.outcomes.first_event import ROUNDING_DAYS
from metarisk.data.source import ClinicalSource, tell_slip
from metarisk.schema.endpoints import event_column, time_column

FloatArray = NDArray[np.float64]
Columns = dict[str, FloatArray]


def settle(source: ClinicalSource, read: Columns, dated_by: Mapping[str, str], found: Found) -> None:
    """Compare endpoints with each other and blank the dated ones that cannot be, in place.

    Parameters
    ----------
    source
        Whose samples they are.
    read
        Column of `metarisk.schema.endpoints` -> values, shape (N,).
    dated_by
        Dated endpoint -> source column of its time, for messages.
    found
        Receives an organ that was reached and is censored in its dated endpoint, the reverse, and an event
        that is dated after the patient's death or last contact.
    """
    for name, column in dated_by.items():
        if name in read:
            _blank(source, read, name, column, _denied(read, name), found)
        _blank(source, read, name, column, _after_the_end(read, name), found)


def _denied(read: Columns, name: str) -> tuple[NDArray[np.bool_], str]:
    """Rows where the answer yes or no is not what the dated endpoint says."""
    event = read[event_column(name)]
    reached_undated = (read[name] == 1.0) & ((event == 0.0) | (event == 2.0))
    dated_unreached = (read[name] == 0.0) & (event == 1.0)
    return reached_undated | dated_unreached, f"{name} and its dated endpoint contradict each other"


def _after_the_end(read: Columns, name: str) -> tuple[NDArray[np.bool_], str]:
    end = read.get(time_column("os"))
    time = read[time_column(name)]
    event = read[event_column(name)] == 1.0
    late = np.zeros(len(time), dtype=bool) if end is None else event & (time > end + ROUNDING_DAYS)
    return late, f"{name} is dated after the end of follow-up"


def _blank(
    source: ClinicalSource,
    read: Columns,
    name: str,
    column: str,
    fault: tuple[NDArray[np.bool_], str],
    found: Found,
) -> None:
    rows, message = fault
    tell_slip(source, rows, column, message, found)
    for part in (time_column(name), event_column(name)):
        read[part] = np.where(rows, np.nan, read[part])
