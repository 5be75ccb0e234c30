"""Follow-up: a time and a status, unknown together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metarisk.config.study_endpoints import FollowUp
from metarisk.data.found import Found, error, warning
from metarisk.data.outcomes.times import days_of
from metarisk.data.source import ClinicalSource, tell_slip
from metarisk.data.text import is_missing
from metarisk.errors import first_ten

FloatArray = NDArray[np.float64]


def read_follow_up(source: ClinicalSource, said: FollowUp, found: Found) -> tuple[FloatArray, FloatArray]:
    """Days to the event or the last contact, and 1 for the event or 0; both NaN where unknown, each (N,)."""
    time, event = (np.full(len(source.frame), np.nan) for _ in range(2))
    if source.has_all((said.time, said.status), found):
        time = days_of(source, said.time, said.unit, found)
        event = read_status(source, said.status, said.event, said.censored, found)
        tell_undated(source, event == 1.0, said.time, found)
    known = ~np.isnan(time) & ~np.isnan(event)
    return np.where(known, time, np.nan), np.where(known, event, np.nan)


def tell_undated(source: ClinicalSource, seen: NDArray[np.bool_], column: str, found: Found) -> None:
    """Tell events without a time; a cohort in which nobody has one was simply not followed in time.

    Parameters
    ----------
    seen
        True where the event was seen, shape (N,).
    column
        Of the time.
    """
    missing = is_missing(source.frame[column])
    cohorts = source.cohorts
    undated = seen & ~np.isin(cohorts, cohorts[~missing])
    names = sorted(set(cohorts[undated]) - {""})
    if names:
        message = f"{len(names)} cohorts have events and no times ({first_ten(names)})"
        found.append(
            warning(source.origin[column], message, "Their endpoint is left unknown.", column=column)
        )
    dangling = seen & missing & ~np.isin(cohorts, names)
    tell_slip(source, dangling, column, "an event without its time", found)


def read_status(
    source: ClinicalSource, column: str, seen: Sequence[str], censored: Sequence[str], found: Found
) -> FloatArray:
    """1 where the event was seen, 0 where it was not, NaN where unknown, shape (N,)."""
    text = source.frame[column]
    event = np.full(len(source.frame), np.nan)
    event[text.isin(censored).to_numpy()] = 0.0
    event[text.isin(seen).to_numpy()] = 1.0
    wrong = np.isnan(event) & ~is_missing(text)
    if wrong.any():
        message = (
            f"{wrong.sum()} states are none of {', '.join((*seen, *censored))} (samples {source.ids(wrong)})"
        )
        do = "Declare every state as an event or as censored."
        found.append(error(source.origin[column], message, do, column=column))
    return event


def usual_follow_up(source: ClinicalSource, name: str, found: Found) -> FollowUp | None:
    """The portal's own columns, ``OS_MONTHS`` with ``1:DECEASED`` and the like, where a study has them."""
    time, status = f"{name}_MONTHS", f"{name}_STATUS"
    if not {time, status} <= set(source.frame.columns):
        return None
    texts = source.frame[status]
    values = [str(value) for value in texts[~is_missing(texts)].unique()]
    event = tuple(value for value in values if value.startswith("1:") or value in ("1", "DECEASED"))
    censored = tuple(value for value in values if value.startswith("0:") or value in ("0", "LIVING"))
    if not values:
        return None
    if not (event or censored):
        message = "has states of its own, none that begins with 0: or 1:, and was not read"
        do = f"Declare endpoints.{name.lower()} in a study file."
        found.append(warning(source.origin[status], message, do, column=status))
        return None
    return FollowUp(
        time=time, unit="months", status=status, event=event or ("1",), censored=censored or ("0",)
    )
