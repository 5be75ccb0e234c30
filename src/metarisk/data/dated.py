"""Values of a patient at several times, such as circulating tumour DNA: dated rows beside the samples."""

from __future__ import annotations

import pandas as pd

from metarisk.errors import InputError, first_ten
from metarisk.schema.clinical import is_clinical_number

# One row a value: whose, when (days from the patient's baseline), of which clinical number, how much.
DATED_COLUMNS: dict[str, str] = {
    "patient_id": "object",
    "time_days": "float64",
    "variable": "object",
    "value": "float64",
}


def no_dated_values() -> pd.DataFrame:
    """A table of dated values without rows."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in DATED_COLUMNS.items()})


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
