"""Endpoints of a study: yes / no / unknown, and dated ones with their competing event."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study import AgesAtEvents, EndpointColumns, FollowUp, YesNo
from metarisk.data.found import Found, error
from metarisk.data.source import ClinicalSource, tell_slip
from metarisk.data.text import is_missing
from metarisk.schema.endpoints import DAYS_PER_MONTH, DAYS_PER_YEAR, event_column, time_column

DAYS_PER = {"days": 1.0, "months": DAYS_PER_MONTH, "years": DAYS_PER_YEAR}

# Ages are written with two decimals; a difference of one unit in the last place is no difference.
ROUNDING_YEARS = 0.0101
# Nobody is followed for longer; more means days that were declared as months.
LONGEST_FOLLOW_UP_DAYS = 60.0 * DAYS_PER_YEAR

FloatArray = NDArray[np.float64]
Columns = dict[str, FloatArray]


def read_endpoints(source: ClinicalSource, columns: EndpointColumns, found: Found) -> pd.DataFrame:
    """Table of endpoints, index ``sample_id``; NaN is unknown.

    Parameters
    ----------
    source
        Clinical columns as text.
    columns
        Where each endpoint stands.
    found
        Receives missing columns, undeclared events, negative times, metastases after death.
    """
    read: Columns = {}
    for site, column in columns.sites.items():
        read[f"site.{site}"] = _yes_no(source, column, found)
    if columns.metastatic is not None:
        read["metastatic"] = _yes_no(source, columns.metastatic, found)
    if columns.response is not None:
        read["response"] = _yes_no(source, columns.response, found)
    if columns.metastasis is not None:
        read |= _first_metastasis(source, columns.metastasis, read.get("metastatic"), found)
    for name, follow_up in (("os", columns.os), ("pfs", columns.pfs)):
        if follow_up is not None:
            read |= _follow_up(source, name, follow_up, found)
    frame = pd.DataFrame(read, index=pd.Index(source.sample_ids, name="sample_id", dtype=object))
    frame.loc[~source.within(columns.rows, found)] = np.nan
    return frame


def usual_endpoints(source: ClinicalSource) -> EndpointColumns:
    """The portal's own survival columns where a study has them: ``OS_MONTHS`` with ``1:DECEASED``."""
    return EndpointColumns(os=_usual_follow_up(source, "OS"), pfs=_usual_follow_up(source, "PFS"))


def _usual_follow_up(source: ClinicalSource, name: str) -> FollowUp | None:
    time, status = f"{name}_MONTHS", f"{name}_STATUS"
    if not {time, status} <= set(source.frame.columns):
        return None
    values = [value for value in source.frame[status].unique() if value]
    event = tuple(value for value in values if value.startswith("1:") or value in ("1", "DECEASED"))
    censored = tuple(value for value in values if value.startswith("0:") or value in ("0", "LIVING"))
    if not (event and censored):
        return None
    return FollowUp(time=time, unit="months", status=status, event=event, censored=censored)


def _unknown(source: ClinicalSource) -> FloatArray:
    return np.full(len(source.frame), np.nan)


def _yes_no(source: ClinicalSource, said: YesNo, found: Found) -> FloatArray:
    """1 yes, 0 no, NaN for whatever is neither, shape (N,)."""
    answer = _unknown(source)
    if not source.has(said.column, found):
        return answer
    text = source.frame[said.column]
    answer[text.isin(said.no).to_numpy()] = 0.0
    answer[text.isin(said.yes).to_numpy()] = 1.0
    if np.isnan(answer).all() and len(answer):
        message = f"no sample has one of the values {', '.join((*said.yes, *said.no))}"
        do = "Check the declared values; they are compared to the letter."
        found.append(error(source.origin[said.column], message, do, column=said.column))
    return answer


def _follow_up(source: ClinicalSource, name: str, said: FollowUp, found: Found) -> Columns:
    time, event = _unknown(source), _unknown(source)
    if source.has(said.time, found) and source.has(said.status, found):
        time = _checked_time(source, said, found)
        event = _status(source, said, found)
        dangling = (event == 1.0) & is_missing(source.frame[said.time])
        tell_slip(source, dangling, said.time, "an event without its time", found)
    known = ~np.isnan(time) & ~np.isnan(event)
    return {
        time_column(name): np.where(known, time, np.nan),
        event_column(name): np.where(known, event, np.nan),
    }


def _checked_time(source: ClinicalSource, said: FollowUp, found: Found) -> FloatArray:
    time = source.numbers(said.time, found) * DAYS_PER[said.unit]
    negative, endless = time < 0.0, time > LONGEST_FOLLOW_UP_DAYS
    if negative.any():
        message = f"{negative.sum()} times are negative (samples {source.ids(negative)})"
        found.append(
            error(source.origin[said.time], message, "Times count from baseline on.", column=said.time)
        )
    if endless.any():
        message = f"{endless.sum()} times are longer than 60 years when read as {said.unit}"
        do = f"Correct the unit in the study file (samples {source.ids(endless)})."
        found.append(error(source.origin[said.time], message, do, column=said.time))
    return np.where(negative | endless, np.nan, time)


def _status(source: ClinicalSource, said: FollowUp, found: Found) -> FloatArray:
    text = source.frame[said.status]
    event = _unknown(source)
    event[text.isin(said.censored).to_numpy()] = 0.0
    event[text.isin(said.event).to_numpy()] = 1.0
    wrong = np.isnan(event) & ~is_missing(text)
    if wrong.any():
        expected = ", ".join((*said.event, *said.censored))
        message = f"{wrong.sum()} states are none of {expected} (samples {source.ids(wrong)})"
        do = "Declare every state as an event or as censored."
        found.append(error(source.origin[said.status], message, do, column=said.status))
    return event


def _first_metastasis(
    source: ClinicalSource, said: AgesAtEvents, metastatic: FloatArray | None, found: Found
) -> Columns:
    """First metastasis after baseline, death competing; unknown where already metastatic at baseline."""
    time, event = _unknown(source), _unknown(source)
    names = (said.baseline, said.metastasis, said.death, said.last_contact)
    if all(source.has(name, found) for name in names):
        years = [source.numbers(name, found) * DAYS_PER[said.unit] / DAYS_PER_YEAR for name in names]
        baseline, metastasis, death, last = years
        _check_order(source, said, metastasis - death, found)
        time, event = _competing(baseline, metastasis, death, last)
        _blank_undated(event, metastasis, metastatic)
        before = time < -ROUNDING_YEARS
        tell_slip(source, before & ~np.isnan(event), said.baseline, "follow-up ends before baseline", found)
        event[before] = np.nan
    time = np.where(np.isnan(event), np.nan, np.maximum(time, 0.0) * DAYS_PER_YEAR)
    return {time_column("metastasis"): time, event_column("metastasis"): event}


def _check_order(source: ClinicalSource, said: AgesAtEvents, late_years: FloatArray, found: Found) -> None:
    late = late_years > ROUNDING_YEARS
    if late.any():
        message = f"{late.sum()} metastases are dated after death (samples {source.ids(late)})"
        found.append(
            error(
                source.origin[said.metastasis],
                message,
                "Correct one of the two ages.",
                column=said.metastasis,
            )
        )


def _competing(
    baseline: FloatArray, metastasis: FloatArray, death: FloatArray, last: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Years from baseline to the first event or last contact, and its code; code NaN where not at risk."""
    dated, died, seen = ~np.isnan(metastasis), ~np.isnan(death), ~np.isnan(last)
    later = dated & (metastasis - baseline > ROUNDING_YEARS)
    time = np.where(dated, metastasis, np.where(died, death, last)) - baseline
    event = np.where(later, 1.0, np.where(dated, np.nan, np.where(died, 2.0, np.where(seen, 0.0, np.nan))))
    return time, np.where(np.isnan(time), np.nan, event)


def _blank_undated(event: FloatArray, metastasis: FloatArray, metastatic: FloatArray | None) -> None:
    """A patient said to be metastatic without a date has no known time."""
    if metastatic is not None:
        event[(metastatic == 1.0) & np.isnan(metastasis)] = np.nan
