"""What may stand in a cell of a row: ids, clinical values, units, numbers; each refused in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.clinical_values import biopsy_site
from metarisk.data.cohort import FloatArray
from metarisk.data.units import HIGHEST_LOG2, RANGES, check_range
from metarisk.errors import InputError, first_ten, nearest
from metarisk.schema.assays import ASSAYS, Assay
from metarisk.schema.clinical import (
    CATEGORICAL,
    EXTRA,
    NUMERIC,
    NumericColumn,
    is_clinical_number,
    leakage_reason,
)
from metarisk.schema.ids import id_fault

ID_COLUMNS = ("sample_id", "patient_id")

# A number of a study's own comes with the unit and range that its study file checked.
OWN_NUMBER = NumericColumn("a finite number", float(np.finfo(float).min), float(np.finfo(float).max))

Ids = NDArray[np.str_]


def unit_column(assay: Assay) -> str:
    """Column that holds the unit of each row of an assay."""
    return f"{assay.value}_unit"


def known_columns() -> tuple[str, ...]:
    """Every column that a table with one row a sample may have, beside ``extra.<name>``."""
    units = tuple(unit_column(assay) for assay in Assay)
    return (*ID_COLUMNS, *NUMERIC, *CATEGORICAL, *(assay.value for assay in Assay), *units)


def is_absent(value: object) -> bool:
    """True for None, NaN and the like: nothing is known."""
    return value is None or value is pd.NA or (isinstance(value, float) and isnan(value))


def check_columns(rows: pd.DataFrame, name: str) -> None:
    """Refuse a table without rows or ids, and columns that would be left out unsaid; raises `InputError`."""
    if rows.empty:
        raise InputError(f"{name} has no samples", expected="a row a sample", do="Check what was selected.")
    if "sample_id" not in rows:
        raise InputError(f"{name} has no column sample_id", do=nearest("sample_id", map(str, rows.columns)))
    known = known_columns()
    for column in map(str, rows.columns):
        reason = None if column in known else leakage_reason(column.removeprefix(EXTRA))
        if reason or not (column in known or is_clinical_number(column)):
            raise InputError(
                f"{name} has the column {column!r}" + (f", and {reason}" if reason else ""),
                expected="ids, clinical columns known at baseline, assays and their units",
                do="Leave it out." if reason else nearest(column, known),
            )


def ids_of(column: pd.Series[Any], name: str) -> Ids:
    """Sample ids, shape (N,); raises `InputError` where one is missing, no text, or stands twice."""
    for row, value in enumerate(column):
        if not isinstance(value, str) or id_fault(value) is not None:
            raise InputError(
                f"{name}: sample_id of row {row} is {value!r}",
                expected="text without white space, and no path",
                do="Read the ids as text, to the letter.",
            )
    repeated = column[column.duplicated()].unique()
    if len(repeated):
        raise InputError(
            f"{name} names {len(repeated)} samples more than once ({first_ten(repeated)})",
            expected="one row a sample",
            do="Remove or rename the repeated rows; metarisk does not choose between them.",
        )
    return column.to_numpy(dtype=str)


def clinical_numbers(column: pd.Series[Any], name: str, sample_ids: Ids) -> NDArray[np.float64]:
    """A clinical number in the schema's unit or the study's own, NaN unknown, (N,); raises `InputError`."""
    allowed = NUMERIC.get(name, OWN_NUMBER)
    wrong = np.array([not _is_number(value) for value in column], dtype=bool)
    if wrong.any():
        raise InputError(
            f"{name} is not a number in samples {first_ten(sample_ids[wrong])}",
            expected=f"{allowed.unit}, or nothing where it is unknown",
            do="Hand it over as a number.",
        )
    values = pd.to_numeric(column).to_numpy(np.float64)
    outside = (values < allowed.low) | (values > allowed.high)
    if outside.any():
        raise InputError(
            f"{name} lies outside {allowed.low:g}..{allowed.high:g} in {first_ten(sample_ids[outside])}",
            expected=allowed.unit,
            do="Correct the values or their unit.",
        )
    return values


def clinical_text(column: pd.Series[Any], name: str, sample_ids: Ids) -> list[str | None]:
    """A clinical category, None unknown, length N; raises `InputError` where it is not text."""
    texts = [None if is_absent(value) else value for value in column]
    wrong = [
        sample for sample, text in zip(sample_ids, texts, strict=True) if not isinstance(text, str | None)
    ]
    if wrong:
        raise InputError(f"{name} is not text in samples {first_ten(wrong)}", do="Hand it over as text.")
    # A model learned biopsy sites by their vocabulary; what that does not know stays as it was handed over.
    return [biopsy_site(text) or text if text and name == "biopsy_site" else text for text in texts]


def units_of(assay: Assay, rows: pd.DataFrame, sample_ids: Ids, measured: NDArray[np.bool_]) -> Ids:
    """Unit of each row, empty where the assay was not measured, shape (N,).

    Raises
    ------
    InputError
        If a unit is unknown, or absent and the assay has several.
    """
    column, allowed = unit_column(assay), ASSAYS[assay].units
    only = allowed[0] if len(allowed) == 1 else None
    given = rows[column] if column in rows else [None] * len(rows)
    units = [only if is_absent(unit) or unit == "" else unit for unit in given]
    for sample, unit, present in zip(sample_ids, units, measured, strict=True):
        if unit is not None and unit not in allowed:
            raise InputError(f"sample {sample}: {column} is {unit!r}", do=nearest(str(unit), allowed))
        if present and unit is None:
            raise InputError(
                f"sample {sample} has {assay.value} without {column}",
                expected=f"one of {', '.join(allowed)}",
                do="State the unit; nothing is converted by a guess.",
            )
    return np.array(
        [unit if there else "" for unit, there in zip(units, measured, strict=True)], dtype=np.str_
    )


def numbers_of(entries: Mapping[str, Any], where: str) -> NDArray[np.float64]:
    """Values of one map, NaN where unknown; raises `InputError` at text, true infinity and the like."""
    # Types first: numpy would read "1.5" as a number.
    kinds = set(map(type, entries.values())) - {float, int}
    if not all(kind is type(None) or issubclass(kind, Real) for kind in kinds):
        key = next(key for key, value in entries.items() if not _is_number(value))
        raise _no_number(where, key)
    numbers = np.array(list(entries.values()), dtype=np.float64)
    if np.isinf(numbers).any():
        raise _no_number(where, list(entries)[int(np.flatnonzero(np.isinf(numbers))[0])])
    return numbers


def check_values(assay: Assay, values: FloatArray, units: Ids, sample_ids: Ids) -> None:
    """Refuse what a value cannot be in its unit; each sample is judged by itself, whatever else is scored.

    Parameters
    ----------
    values
        Shape (N, G, C), NaN where not measured.

    Raises
    ------
    InputError
        If calls are not 0 or 1, discrete copy number is no level, a fraction is above 1, or values declared
        in log2 are too high to be.
    """
    for unit in np.unique(units[units != ""]):
        rows = units == unit
        level = values[rows].reshape(int(rows.sum()), -1)
        if unit in RANGES:
            for finding in check_range(level, str(unit), sample_ids[rows], assay.value):
                raise InputError(f"{finding.file}: {finding.message}", do=finding.do)
        linear = (np.nan_to_num(level) > HIGHEST_LOG2).any(axis=1)
        if unit.startswith("log2") and linear.any():
            raise InputError(
                f"{assay.value} is declared as {unit}, and is above {HIGHEST_LOG2:g} in samples "
                f"{first_ten(sample_ids[rows][linear])}",
                expected="logarithms",
                do="Declare the unit they are in, or convert them.",
            )


def _is_number(value: object) -> bool:
    return is_absent(value) or isinstance(value, Real)


def _no_number(where: str, key: str) -> InputError:
    return InputError(
        f"{where} of {key} is not a finite number",
        expected="a number, or no entry where it was not measured",
        do="Correct it or leave the gene out.",
    )
