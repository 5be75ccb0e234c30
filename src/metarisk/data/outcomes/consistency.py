"""Endpoints that contradict each other: told, and the one that cannot be left unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from metarisk.data.found import Found
from metarisk.data.outcomes.first_event import ROUNDING_DAYS
from metarisk.data.source import ClinicalSource, tell_slip
from metarisk.schema.endpoints import event_column, time_column

FloatArray = NDArray[np.float64]
Columns = dict[str, FloatArray]


def settle(source: ClinicalSource, read: Columns, told_by: Mapping[str, str], found: Found) -> None:
    """Compare endpoints with each other and blank those that cannot be, in place.

    Parameters
    ----------
    source
        Whose samples they are.
    read
        Column of `metarisk.schema.endpoints` -> values, shape (N,).
    told_by
        Endpoint to judge -> source column of its answer or its time, for messages. Dated ones have the clock
        of ``os``.
    found
        Receives an organ that was reached and is censored in its dated endpoint, the reverse, an event dated
        after the end of follow-up, and patients without metastasis of whom an organ was reached.
    """
    for name, column in told_by.items():
        if name == "metastatic":
            continue
        dated = (time_column(name), event_column(name))
        if name in read:
            message = f"{name} and its dated endpoint contradict each other"
            _blank(source, read, dated, (_denied(read, name), column, message), found)
        message = f"{name} is dated after the end of follow-up"
        _blank(source, read, dated, (_after_the_end(read, name), column, message), found)
    if "metastatic" in read and "metastatic" in told_by:
        message = "an organ was reached, and the patient is said never to have been metastatic"
        fault = (_never_metastatic(read), told_by["metastatic"], message)
        _blank(source, read, ("metastatic",), fault, found)


def _denied(read: Columns, name: str) -> NDArray[np.bool_]:
    """Rows where the answer yes or no is not what the dated endpoint says."""
    event = read[event_column(name)]
    reached_undated = (read[name] == 1.0) & ((event == 0.0) | (event == 2.0))
    dated_unreached = (read[name] == 0.0) & (event == 1.0)
    denied: NDArray[np.bool_] = reached_undated | dated_unreached
    return denied


def _after_the_end(read: Columns, name: str) -> NDArray[np.bool_]:
    end = read.get(time_column("os"))
    time = read[time_column(name)]
    if end is None:
        return np.zeros(len(time), dtype=bool)
    late: NDArray[np.bool_] = (read[event_column(name)] == 1.0) & (time > end + ROUNDING_DAYS)
    return late


def _never_metastatic(read: Columns) -> NDArray[np.bool_]:
    """Rows that are said not to be metastatic although an organ was reached."""
    organs = [values for name, values in read.items() if name.startswith("site.") and name.count(".") == 1]
    reached = np.any([values == 1.0 for values in organs] or [np.zeros_like(read["metastatic"])], axis=0)
    said: NDArray[np.bool_] = (read["metastatic"] == 0.0) & reached
    return said


def _blank(
    source: ClinicalSource,
    read: Columns,
    columns: Sequence[str],
    fault: tuple[NDArray[np.bool_], str, str],
    found: Found,
) -> None:
    """Tell rows at fault, with the source column and the message, and make these endpoints unknown there."""
    rows, column, message = fault
    tell_slip(source, rows, column, message, found)
    for name in columns:
        read[name] = np.where(rows, np.nan, read[name])
