"""Times of follow-up in days, and whether they can be in the unit that the study file declares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metarisk.config.study_endpoints import TimeUnit, UnitOfRows
from metarisk.data.found import Found, error
from metarisk.data.source import SLIP_SHARE, ClinicalSource, tell_slip
from metarisk.schema.endpoints import DAYS_PER_MONTH, DAYS_PER_YEAR

FloatArray = NDArray[np.float64]

DAYS_PER: dict[str, float] = {
    "days": 1.0,
    "weeks": 7.0,
    "months": DAYS_PER_MONTH,
    "years": DAYS_PER_YEAR,
}
# Nobody is followed for longer than the first; no cohort's half is followed for longer than the second.
LONGEST_FOLLOW_UP_DAYS = 60.0 * DAYS_PER_YEAR
LONGEST_MEDIAN_DAYS = 15.0 * DAYS_PER_YEAR
# Days are whole numbers. A cohort of "days" whose longest follow-up is shorter than the first was given in a
# longer unit, and so was one whose times are mostly fractions and all shorter than the second.
SHORTEST_FOLLOW_UP_DAYS = 150.0
SHORTEST_FRACTIONAL_DAYS = 400.0
# In fewer patients a distribution says nothing.
FEWEST_PATIENTS = 20


def days_of(
    source: ClinicalSource,
    column: str,
    unit: TimeUnit | UnitOfRows,
    found: Found,
    *,
    before_baseline: bool = False,
) -> FloatArray:
    """A column of time from baseline in days, NaN where unknown or impossible, shape (N,).

    Parameters
    ----------
    source, column, unit
        Where the time stands, and in what unit.
    found
        Receives negative times, endless ones, and cohorts whose times look like another unit.
    before_baseline
        True where a negative time has a meaning and is kept.
    """
    units = units_of_rows(source, unit, found)
    days = source.numbers(column, found) * np.array([DAYS_PER[name] for name in units])
    negative = (days < 0.0) & (not before_baseline)
    tell_slip(source, negative, column, "negative times", found)
    endless = days > LONGEST_FOLLOW_UP_DAYS
    if not _look_like_another_unit(source, column, days, units, found):
        told = f"times longer than 60 years when read as {' or '.join(sorted(set(units[endless])))}"
        tell_slip(source, endless, column, told, found)
    return np.where(negative | endless, np.nan, days)


def units_of_rows(source: ClinicalSource, unit: TimeUnit | UnitOfRows, found: Found) -> NDArray[np.str_]:
    """Unit of each row, shape (N,)."""
    if isinstance(unit, str):
        return np.full(len(source.frame), unit, dtype="U6")
    if not source.has(unit.column, found):
        return np.full(len(source.frame), unit.others, dtype="U6")
    return source.frame[unit.column].map(unit.of).fillna(unit.others).to_numpy(dtype="U6")


def _look_like_another_unit(
    source: ClinicalSource, column: str, days: FloatArray, units: NDArray[np.str_], found: Found
) -> bool:
    """Tell each cohort whose times cannot be in its unit, with the unit they look like."""
    odd = False
    cohorts = source.cohorts
    for cohort in np.unique(cohorts):
        for unit in np.unique(units[cohorts == cohort]):
            times = days[(cohorts == cohort) & (units == unit) & (days >= 0.0)]
            guess, sign = _guess(times, str(unit))
            if guess:
                of = f" of cohort {cohort}" if cohort else ""
                message = f"{len(times)} times{of}, read as {unit}, have {sign}; they look like {guess}"
                do = "Declare their unit in the study file; it may differ from row to row."
                found.append(error(source.origin[column], message, do, column=column))
                odd = True
    return odd


def _guess(days: FloatArray, unit: str) -> tuple[str, str]:
    """The unit that a cohort's times look like and the sign of it; empty text where nothing is odd."""
    if len(days) < FEWEST_PATIENTS:
        return "", ""
    if np.median(days) > LONGEST_MEDIAN_DAYS:
        return _other_unit(days, unit, shorter=True), "a median above 15 years"
    endless = int((days > LONGEST_FOLLOW_UP_DAYS).sum())
    if endless > SLIP_SHARE * len(days):
        return _other_unit(days, unit, shorter=True), f"{endless} values above 60 years"
    fractional = np.mean(days == np.rint(days)) < 0.5
    longest = SHORTEST_FRACTIONAL_DAYS if fractional else SHORTEST_FOLLOW_UP_DAYS
    if unit == "days" and days.max() < longest:
        return _other_unit(days, unit, shorter=False), f"a maximum below {longest:g} days"
    return "", ""


def _other_unit(days: FloatArray, unit: str, *, shorter: bool) -> str:
    """The nearest shorter or longer unit in which the times could be; empty text where there is none.

    Weeks are no guess: whoever counts in weeks says so.
    """
    names = [name for name in DAYS_PER if name in (unit, "days", "months", "years")]
    at = names.index(unit)
    for name in reversed(names[:at]) if shorter else names[at + 1 :]:
        read = days / DAYS_PER[unit] * DAYS_PER[name]
        short_enough = np.median(read) <= LONGEST_MEDIAN_DAYS and read.max() <= LONGEST_FOLLOW_UP_DAYS
        if short_enough if shorter else read.max() >= SHORTEST_FRACTIONAL_DAYS:
            return name
    return ""
