"""Values of a patient at several times, such as circulating tumour DNA: dated rows beside the samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.errors import InputError, first_ten
from metarisk.schema.clinical import is_clinical_number

# One row a value: whose, when (days from the patient's baseline), of which clinical number, how much.
DATED_COLUMNS: dict[str, str] = {
    "patient_id": "object",
    "time_days": "float64",
    "variable": "object",
    "value": "float64",
}
# What one value is of: a table is in this order.
DATED_KEY = ["patient_id", "time_days", "variable"]


def no_dated_values() -> pd.DataFrame:
    """A table of dated values without rows."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in DATED_COLUMNS.items()})


def unite_dated(*tables: pd.DataFrame) -> pd.DataFrame:
    """One table of several, sorted by patient, time and variable."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return no_dated_values()
    return pd.concat(filled, ignore_index=True).sort_values(DATED_KEY, kind="stable", ignore_index=True)


def check_dated(dated: pd.DataFrame) -> None:
    """Refuse a table that is not one of dated values; raises `InputError`."""
    if list(dated.columns) != list(DATED_COLUMNS):
        raise InputError(
            f"dated values have columns {first_ten(dated.columns)}",
            expected=", ".join(DATED_COLUMNS),
            do="Build the table with one row a value.",
        )
    unknown = sorted({name for name in dated["variable"].unique() if not is_clinical_number(str(name))})
    if unknown:
        raise InputError(
            f"dated values name {first_ten(unknown)}",
            expected="clinical numbers of metarisk.schema.clinical, or extra.<name>",
            do="Map them in the study file.",
        )


def latest_before(
    dated: pd.DataFrame,
    patient_ids: NDArray[np.str_],
    time_days: float | NDArray[np.float64],
    variables: Sequence[str],
) -> NDArray[np.float64]:
    """The latest value of each variable at or before a time, NaN where there is none, shape (N, V).

    Parameters
    ----------
    dated
        One row a value, columns `DATED_COLUMNS`; of two values at one time the last row stands.
    patient_ids
        Whose values, shape (N,).
    time_days
        Days from each patient's baseline, one for all or shape (N,).
    variables
        Clinical numbers, length V.
    """
    asked = pd.DataFrame(
        {"patient_id": patient_ids.astype(object), "time_days": np.broadcast_to(time_days, patient_ids.shape)}
    )
    latest = np.full((len(asked), len(variables)), np.nan)
    order = np.argsort(asked["time_days"].to_numpy(), kind="stable")
    for column, variable in enumerate(variables):
        rows = dated.loc[dated["variable"] == variable, ["patient_id", "time_days", "value"]]
        known = rows.dropna().sort_values("time_days", kind="stable")
        found = pd.merge_asof(asked.iloc[order], known, on="time_days", by="patient_id")
        latest[order, column] = found["value"].to_numpy()
    return latest


def dated_variables(dated: pd.DataFrame) -> tuple[str, ...]:
    """Names of the clinical numbers that a table of dated values holds, sorted."""
    return tuple(sorted(map(str, dated["variable"].unique())))
