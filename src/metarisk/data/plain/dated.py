"""Tables of dated values: several rows a patient, each with a time from the patient's baseline."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study import DatedFile, ExtraNumber
from metarisk.data.dated import DATED_COLUMNS, DATED_KEY, no_dated_values, unite_dated
from metarisk.data.found import Found, error, warning
from metarisk.data.outcomes.times import DAYS_PER
from metarisk.data.plain.place import inside
from metarisk.data.plausible import odd_cohorts, other_unit
from metarisk.data.setting import Setting
from metarisk.data.source import COHORT_SEPARATOR, ClinicalSource
from metarisk.data.text import TextTable, check_ids, is_missing, read_text, require_columns
from metarisk.errors import first_ten, nearest
from metarisk.schema.clinical import EXTRA, NUMERIC, NumericColumn, is_clinical_number, leakage_reason

FloatArray = NDArray[np.float64]


def read_dated(setting: Setting, whole: ClinicalSource, source: ClinicalSource, found: Found) -> pd.DataFrame:
    """Dated values of every table that the study file names, sorted by patient, time and variable.

    Parameters
    ----------
    setting
        The study and its folder.
    whole, source
        The clinical table, and its rows that are kept: values of other patients are left out.
    found
        Receives tables that cannot be read, columns of the future, numbers out of range, two values of a
        patient at one time, and patients that one of the tables does not have.
    """
    tables = [_read(declared, setting, whole, source, found) for declared in setting.study.dated]
    joined = unite_dated(*tables)
    several = joined.duplicated(DATED_KEY, keep=False).to_numpy(dtype=bool)
    if several.any():
        patients = first_ten(sorted(set(joined["patient_id"][several])))
        message = f"two tables date the same values ({patients})"
        found.append(error("dated", message, "Keep each value in one of them."))
    return joined


def _read(
    declared: DatedFile, setting: Setting, whole: ClinicalSource, source: ClinicalSource, found: Found
) -> pd.DataFrame:
    path = inside(setting.folder, declared.file, found)
    if path is None or not _may_be_read(declared, found):
        return no_dated_values()
    table = read_text(path, found)
    cohort = [] if declared.cohort_column is None else [declared.cohort_column]
    needed = [declared.patient_column, declared.time, *declared.values.values(), *cohort]
    if table is None or not require_columns(table, needed, found):
        return no_dated_values()
    if not check_ids(table, declared.patient_column, found, unique=False):
        return no_dated_values()
    days = _days(table, declared, found)
    patients = _patients(table, declared)
    parts = []
    for variable, column in declared.values.items():
        values = _values(table, declared, variable, setting.study.extras, found)
        known = ~(np.isnan(values) | np.isnan(days))
        told = pd.DataFrame(
            {"patient_id": patients, "time_days": days, "variable": variable, "value": values}
        )
        _refuse_repeated(table, told, known, column, found)
        parts.append(told[known])
    _tell_patients(table, patients, whole, found)
    rows = pd.concat(parts, ignore_index=True).drop_duplicates(DATED_KEY)
    return rows.loc[rows["patient_id"].isin(source.patient_ids), list(DATED_COLUMNS)]


def _patients(table: TextTable, declared: DatedFile) -> pd.Series:
    ids = table.frame[declared.patient_column]
    if declared.cohort_column is None:
        return ids
    return table.frame[declared.cohort_column] + COHORT_SEPARATOR + ids


def _may_be_read(declared: DatedFile, found: Found) -> bool:
    """False, with the reason, where a variable is no clinical number or a column is an outcome."""
    sound = True
    for variable, column in declared.values.items():
        reason = leakage_reason(column) or leakage_reason(variable)
        if not is_clinical_number(variable):
            message = f"dated.{variable} is not a clinical number of metarisk"
            do = f"{nearest(variable, NUMERIC)} A number of this study's own is called {EXTRA}<name>."
        elif reason is not None:
            message = f"dated.{variable} cannot be read from {column}: {reason}"
            do = "Choose a column that was measured at its time."
        else:
            continue
        found.append(error("study file", message, do, column=column))
        sound = False
    return sound


def _days(table: TextTable, declared: DatedFile, found: Found) -> FloatArray:
    """Days from baseline, NaN where unknown; negative ones lie before it."""
    days = _numbers(table, declared.time, found) * DAYS_PER[declared.unit]
    undated = np.isnan(days) & is_missing(table.frame[declared.time])
    if undated.any():
        message = f"{undated.sum()} rows have no time"
        do = "Date them, or remove them: nobody knows whether they came before a prediction."
        lines = table.lines(undated)
        found.append(error(table.name, message, do, lines=lines, column=declared.time))
    return days


def _values(
    table: TextTable,
    declared: DatedFile,
    variable: str,
    extras: Mapping[str, ExtraNumber],
    found: Found,
) -> FloatArray:
    """Values of one variable in our unit, NaN where unknown or out of range, shape (rows,)."""
    column = declared.values[variable]
    values = np.round(_numbers(table, column, found) * declared.scale.get(variable, 1.0), 12)
    allowed = allowed_range(variable, extras)
    outside = (values < allowed.low) | (values > allowed.high)
    if outside.any():
        guess = other_unit(variable, values[outside])
        looks = f"; they look like {guess}" if guess else ""
        message = f"{outside.sum()} values lie outside {allowed.low:g}..{allowed.high:g}{looks}"
        do = f"{variable} is in {allowed.unit}: correct the values, or name their scale."
        found.append(error(table.name, message, do, lines=table.lines(outside), column=column))
    inside: FloatArray = np.where(outside, np.nan, values)
    for guess in odd_cohorts(variable, inside, np.full(len(inside), "")).values():
        message = f"{variable} is declared in {allowed.unit}, but its values look like {guess}"
        do = "Name their scale, or correct them; nothing is converted by a guess."
        found.append(error(table.name, message, do, column=column))
    return inside


def allowed_range(variable: str, extras: Mapping[str, ExtraNumber]) -> NumericColumn:
    """Unit and range of a clinical number, of the schema or of a study's own."""
    if variable in NUMERIC:
        return NUMERIC[variable]
    extra = extras.get(variable.removeprefix(EXTRA))
    if extra is None:
        return NumericColumn("a unit of its own", -np.inf, np.inf)
    return NumericColumn(extra.unit, extra.low, extra.high)


def _numbers(table: TextTable, column: str, found: Found) -> FloatArray:
    text = table.frame[column]
    values = pd.to_numeric(text.str.strip(), errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~np.isfinite(values) & ~is_missing(text)
    if wrong.any():
        message = f"holds {wrong.sum()} values that are not numbers"
        do = "Write numbers with a decimal point, and leave unknown ones empty."
        found.append(error(table.name, message, do, lines=table.lines(wrong), column=column))
    return np.where(np.isfinite(values), values, np.nan)


def _refuse_repeated(
    table: TextTable, told: pd.DataFrame, known: NDArray[np.bool_], column: str, found: Found
) -> None:
    """Refuse two values of a patient at one time, and cite the lines of both."""
    several = told[known][told[known].duplicated(DATED_KEY, keep=False)]
    for (patient, _), rows in list(several.groupby(["patient_id", "time_days"]))[:10]:
        lines = tuple(int(row) + table.first_line for row in rows.index)
        do = "Keep one of the rows; metarisk does not choose between them."
        message = "the patient has several values at one time"
        found.append(error(table.name, message, do, lines=lines, column=column, value=str(patient)))


def _tell_patients(table: TextTable, patients: pd.Series, whole: ClinicalSource, found: Found) -> None:
    """Tell patients of the table that the clinical one does not have, and the reverse."""
    named, known = set(patients), set(map(str, whole.patient_ids))
    strange, absent = sorted(named - known), sorted(known - named)
    if not strange:
        return
    other = f"; {len(absent)} clinical patients are not in it ({first_ten(absent)})" if absent else ""
    message = f"{len(strange)} patients are not in the clinical table ({first_ten(strange)}){other}"
    do = "They were left out; check their ids." if named & known else "Check which id column each file uses."
    found.append((warning if named & known else error)(table.name, message, do))
