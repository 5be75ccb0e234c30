"""First metastasis after baseline, anywhere or in one organ, with death as the competing event."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.config.study_endpoints import AgesAtEvents, FirstEvent
from metarisk.data.found import Found, error
from metarisk.data.outcomes.follow_up import read_follow_up, read_status, tell_undated
from metarisk.data.outcomes.times import DAYS_PER, FEWEST_PATIENTS, days_of
from metarisk.data.source import ClinicalSource, tell_slip
from metarisk.schema.endpoints import DAYS_PER_YEAR

FloatArray = NDArray[np.float64]

# Ages are written with two decimals; a difference of one unit in the last place is no difference.
ROUNDING_YEARS = 0.0101
ROUNDING_DAYS = ROUNDING_YEARS * DAYS_PER_YEAR
# The median age of a cohort of patients, in years: outside it their ages are in another unit.
OLDEST_MEDIAN_YEARS = 100.0

EVENT, DEATH, CENSORED = 1.0, 2.0, 0.0


class Timed(NamedTuple):
    """Days to the first event or last contact and the event's code, NaN where unknown, each of shape (N,)."""

    time: FloatArray
    event: FloatArray


def first_event(source: ClinicalSource, said: FirstEvent, found: Found) -> Timed:
    """First event of patients who were at risk at baseline, from times that count from there."""
    unknown = np.full(len(source.frame), np.nan)
    if not source.has_all((said.time, said.status), found):
        return Timed(unknown, unknown)
    time = days_of(source, said.time, said.unit, found, before_baseline=said.undated == "at_baseline")
    seen = read_status(source, said.status, said.event, said.censored, found)
    if said.undated == "unknown":
        tell_undated(source, seen == 1.0, said.time, found)
    end = _end(source, said, time, found)
    late = _told_late(source, said, seen, time, end, found)
    days = np.where(seen == 1.0, time, end.time)
    code = np.where(seen == 1.0, EVENT, np.where(end.event == 1.0, DEATH, CENSORED))
    there_already = (seen == 1.0) & (time <= 0.0)
    over = (seen != 1.0) & (days < 0.0)
    tell_slip(source, over, said.time, "follow-up ends before baseline", found)
    known = ~(np.isnan(seen) | np.isnan(days) | late | there_already | over)
    return Timed(np.where(known, days, np.nan), np.where(known, code, np.nan))


def _end(source: ClinicalSource, said: FirstEvent, time: FloatArray, found: Found) -> Timed:
    """End of follow-up; without one of its own it is the last contact that ``time`` holds."""
    if said.end is None:
        return Timed(time, np.zeros_like(time))
    return Timed(*read_follow_up(source, said.end, found))


def _told_late(
    source: ClinicalSource, said: FirstEvent, seen: FloatArray, time: FloatArray, end: Timed, found: Found
) -> NDArray[np.bool_]:
    """True where an event is dated after the end of follow-up: told, and unknown."""
    late: NDArray[np.bool_] = (seen == 1.0) & (time > end.time + ROUNDING_DAYS)
    died = end.event == 1.0
    _refuse_after_death(source, late & died, said.time, found)
    tell_slip(source, late & ~died, said.time, "an event dated after last contact", found)
    return late


def first_by_age(
    source: ClinicalSource, said: AgesAtEvents, metastatic: FloatArray | None, found: Found
) -> Timed:
    """First metastasis from ages at events; unknown where already metastatic at baseline.

    Parameters
    ----------
    metastatic
        1 where the patient is said to be metastatic, shape (N,); without a date such a patient is unknown.
    """
    names = (said.baseline, said.metastasis, said.death, said.last_contact)
    unknown = np.full(len(source.frame), np.nan)
    if not source.has_all(names, found):
        return Timed(unknown, unknown)
    years = [source.numbers(name, found) * DAYS_PER[said.unit] / DAYS_PER_YEAR for name in names]
    baseline, metastasis, death, last = years
    _tell_impossible_ages(source, said, baseline, found)
    _refuse_after_death(source, metastasis - death > ROUNDING_YEARS, said.metastasis, found)
    time, event = _competing(baseline, metastasis, death, last)
    if metastatic is not None:
        event[(metastatic == 1.0) & np.isnan(metastasis)] = np.nan
    before = time < -ROUNDING_YEARS
    tell_slip(source, before & ~np.isnan(event), said.baseline, "follow-up ends before baseline", found)
    event[before] = np.nan
    return Timed(np.where(np.isnan(event), np.nan, np.maximum(time, 0.0) * DAYS_PER_YEAR), event)


def _tell_impossible_ages(
    source: ClinicalSource, said: AgesAtEvents, baseline: FloatArray, found: Found
) -> None:
    known = baseline[~np.isnan(baseline)]
    if len(known) >= FEWEST_PATIENTS and np.median(known) > OLDEST_MEDIAN_YEARS:
        message = f"read as {said.unit}, half of the {len(known)} ages would be above 100 years"
        do = "Declare their unit in the study file; ages also come in months and in days."
        found.append(error(source.origin[said.baseline], message, do, column=said.baseline))


def _refuse_after_death(source: ClinicalSource, late: NDArray[np.bool_], column: str, found: Found) -> None:
    if late.any():
        message = f"{late.sum()} metastases are dated after death (samples {source.ids(late)})"
        found.append(error(source.origin[column], message, "Correct one of the two times.", column=column))


def _competing(
    baseline: FloatArray, metastasis: FloatArray, death: FloatArray, last: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Years from baseline to the first event or last contact, and its code; code NaN where not at risk."""
    dated, died, seen = ~np.isnan(metastasis), ~np.isnan(death), ~np.isnan(last)
    later = dated & (metastasis - baseline > ROUNDING_YEARS)
    time = np.where(dated, metastasis, np.where(died, death, last)) - baseline
    ended = np.where(died, DEATH, np.where(seen, CENSORED, np.nan))
    event = np.where(later, EVENT, np.where(dated, np.nan, ended))
    return time, np.where(np.isnan(time), np.nan, event)
