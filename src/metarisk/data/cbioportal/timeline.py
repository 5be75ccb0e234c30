"""The timeline of a study folder: when each sample was taken, and clinical numbers at several times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study import StudyFile, TimelineValue
from metarisk.data.cbioportal.meta import Meta
from metarisk.data.dated import DATED_KEY, no_dated_values, unite_dated
from metarisk.data.found import Found, error, warning
from metarisk.data.plain.dated import allowed_range
from metarisk.data.source import ClinicalSource
from metarisk.data.text import TextTable, is_missing, read_text, require_columns
from metarisk.errors import first_ten, nearest
from metarisk.schema.clinical import EXTRA, NUMERIC, NumericColumn, leakage_reason

PATIENT, START, EVENT = "PATIENT_ID", "START_DATE", "EVENT_TYPE"
REQUIRED = (PATIENT, START, EVENT)
# Events at which a sample was taken, and the column that names it (older studies: the second one).
SAMPLING = frozenset({"SPECIMEN", "SAMPLE ACQUISITION", "SAMPLE_ACQUISITION", "SURGERY", "BIOPSY"})
SAMPLE_COLUMNS = ("SAMPLE_ID", "SPECIMEN_REFERENCE_NUMBER")
TREATMENT = "TREATMENT"


class Asked(NamedTuple):
    """A clinical number that the study file asks of the timeline, and what it may be."""

    name: str
    declared: TimelineValue
    allowed: NumericColumn


def is_timeline(meta: Meta) -> bool:
    """True for a file of events."""
    return meta.kind == "CLINICAL" and meta.datatype == "TIMELINE"


def read_timeline(
    metas: Sequence[Meta], source: ClinicalSource, study: StudyFile, found: Found
) -> pd.DataFrame:
    """Dated values that the study file asks for; times are days from the patient's first kept sample.

    Where the timeline dates no sample, times are days from its own zero, most often diagnosis. Which of
    the two holds is told. A treatment that starts after the sample is no value.
    """
    files = [meta.file for meta in metas if is_timeline(meta)]
    if not study.timeline:
        _tell_undeclared(files, found)
        return no_dated_values()
    if not files:
        do = "Remove timeline from the study file, or add the meta file of its timeline."
        found.append(error("study file", "declares timeline values, and the study has no timeline", do))
        return no_dated_values()
    tables = [read_text(file, found) for file in files]
    usable = [table for table in tables if table is not None and require_columns(table, REQUIRED, found)]
    zero = _first_sample_days(usable, source, found)
    read = [
        _values(Asked(name, declared, allowed_range(name, study.extras)), usable, zero, found)
        for name, declared in study.timeline.items()
        if _may_be_read(name, study, found)
    ]
    united = unite_dated(*read)
    return _one_a_day(united[united["patient_id"].isin(source.patient_ids)], found)


def sample_days(tables: Sequence[TextTable]) -> dict[str, float]:
    """Day at which each sample was taken, from the timeline's own zero; the first one where several stand."""
    days: dict[str, float] = {}
    for table in tables:
        for column in SAMPLE_COLUMNS:
            if column in table.frame.columns:
                taken = table.frame[_events(table, SAMPLING) & (table.frame[column] != "").to_numpy()]
                starts = pd.to_numeric(taken[START], errors="coerce")
                first = starts.groupby(taken[column]).min().dropna()
                for sample, day in zip(map(str, first.index), first, strict=True):
                    days[sample] = min(float(day), days.get(sample, np.inf))
    return days


def _first_sample_days(
    tables: Sequence[TextTable], source: ClinicalSource, found: Found
) -> dict[str, float] | None:
    """Day of each patient's first kept sample; None where the timeline dates no sample."""
    days = sample_days(tables)
    of_samples = pd.Series(source.sample_ids).map(days)
    file = tables[0].name if tables else "timeline"
    if not of_samples.notna().any():
        message = "dates no sample: times count from the timeline's own zero, most often diagnosis"
        do = "Add SPECIMEN events with SAMPLE_ID to count from the sample."
        found.append(warning(file, message, do))
        return None
    # Where one of a patient's samples has no date, nobody knows which was the first.
    undated = set(source.patient_ids[of_samples.isna().to_numpy()])
    first = of_samples.groupby(source.patient_ids).min().drop(sorted(undated))
    also = f"; {len(undated)} patients have samples without a date and were left out" if undated else ""
    message = f"dates the samples of {len(first)} patients: times count from each one's first sample{also}"
    found.append(warning(file, message, "Nothing to do."))
    return {str(patient): float(day) for patient, day in first.items()}


def _values(
    asked: Asked, tables: Sequence[TextTable], zero: Mapping[str, float] | None, found: Found
) -> pd.DataFrame:
    """Rows of one clinical number over every file that has its events."""
    columns = {asked.declared.value, *asked.declared.where}
    having = [table for table in tables if columns <= set(table.frame.columns)]
    rows = unite_dated(*(_of_table(asked, table, zero, found) for table in having))
    if not len(rows):
        kind = asked.declared.event_type
        kinds = sorted({event for table in tables for event in table.frame[EVENT].unique()})
        there = kind.upper() in (event.upper() for event in kinds)
        do = "Check where and value of the declaration." if there else nearest(kind, kinds)
        found.append(error("study file", f"timeline.{asked.name}: no event of type {kind} fits", do))
    return rows


def _of_table(asked: Asked, table: TextTable, zero: Mapping[str, float] | None, found: Found) -> pd.DataFrame:
    wanted = _events(table, frozenset({asked.declared.event_type.upper()}))
    for column, accepted in asked.declared.where.items():
        wanted &= table.frame[column].isin(accepted).to_numpy(dtype=bool)
    value = _numbers(table, asked.declared.value, wanted, found) * asked.declared.scale
    day = _numbers(table, START, wanted, found)
    start = 0.0 if zero is None else table.frame[PATIENT].map(zero).to_numpy(dtype=np.float64)
    time = day - start
    known = wanted & ~np.isnan(value) & ~np.isnan(time)
    if asked.declared.event_type.upper() == TREATMENT:
        known &= _before_sample(time, known, table.name, found)
    _tell_outside(asked, value, known, table, found)
    return pd.DataFrame(
        {
            "patient_id": table.frame[PATIENT][known].astype(object),
            "time_days": time[known],
            "variable": asked.name,
            "value": value[known],
        }
    )


def _events(table: TextTable, kinds: frozenset[str]) -> NDArray[np.bool_]:
    """True where an event is of one of the types, shape (rows,)."""
    return table.frame[EVENT].str.strip().str.upper().isin(kinds).to_numpy(dtype=bool)


def _numbers(table: TextTable, column: str, rows: NDArray[np.bool_], found: Found) -> NDArray[np.float64]:
    """A column as numbers, NaN where not known; text in the wanted rows is told and left out."""
    text = table.frame[column].str.strip()
    values = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64)
    wrong = rows & ~np.isfinite(values) & ~is_missing(text)
    if wrong.any():
        message = f"{wrong.sum()} cells are not numbers and were left out"
        do = "Write plain numbers, or leave the cell empty."
        found.append(warning(table.name, message, do, lines=table.lines(wrong), column=column))
    return np.where(np.isfinite(values), values, np.nan)


def _before_sample(
    time: NDArray[np.float64], known: NDArray[np.bool_], file: str, found: Found
) -> NDArray[np.bool_]:
    """True where a treatment had begun when the sample was taken; later ones are counted."""
    with np.errstate(invalid="ignore"):
        later = known & (time > 0)
    if later.any():
        message = f"{later.sum()} treatments start after the sample and were left out"
        found.append(warning(file, message, "Nothing to do: they are facts of the future."))
    return ~later


def _tell_outside(
    asked: Asked, value: NDArray[np.float64], known: NDArray[np.bool_], table: TextTable, found: Found
) -> None:
    low, high = asked.allowed.low, asked.allowed.high
    with np.errstate(invalid="ignore"):
        outside = known & ((value < low) | (value > high))
    if outside.any():
        message = f"timeline.{asked.name}: {outside.sum()} values lie outside {low:g}..{high:g}"
        do = f"It is in {asked.allowed.unit}: correct the values, or name their scale in the study file."
        found.append(error(table.name, message, do, lines=table.lines(outside)))


def _may_be_read(name: str, study: StudyFile, found: Found) -> bool:
    """False, with the reason, for what is no clinical number, or one of the future."""
    extras = [EXTRA + extra for extra in study.extras]
    reason = leakage_reason(name)
    if name not in NUMERIC and name not in extras:
        message, do = "is not a clinical number of metarisk", nearest(name, (*NUMERIC, *extras))
    elif reason is not None:
        message, do = f"cannot be a feature: {reason}", "Choose what was measured at its time."
    else:
        return True
    found.append(error("study file", f"timeline.{name} {message}", do))
    return False


def _one_a_day(values: pd.DataFrame, found: Found) -> pd.DataFrame:
    """One value of a patient, day and variable: the last one in the file; differing ones are counted."""
    distinct = values.drop_duplicates()
    several = distinct.duplicated(DATED_KEY, keep="last")
    if several.any():
        message = f"{several.sum()} values are followed by another of the same patient and day"
        found.append(warning("timeline", message, "The last one in the file stands."))
    return distinct[~several].reset_index(drop=True)


def _tell_undeclared(files: Sequence[Path], found: Found) -> None:
    """Tell timelines that the study file asks nothing of; whatever is wrong with one does no harm then."""
    for file in files:
        ignored: Found = []
        table = read_text(file, ignored)
        if table is None or not require_columns(table, REQUIRED, ignored):
            message = "is called a timeline and cannot be read as one"
        else:
            kinds = first_ten(sorted(table.frame[EVENT].str.strip().unique()))
            message = f"is a timeline of {len(table.frame)} events ({kinds})"
        do = "Name values under timeline in the study file to read them; it was left out."
        found.append(warning(file.name, f"{message}, and the study file asks nothing of it", do))
