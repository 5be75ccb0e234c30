"""TCGA barcodes: the patient, the kind of tissue, and which of several portions of a tumour is read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.found import Found, error, warning
from metarisk.errors import first_ten

PATIENT_LENGTH, SAMPLE_LENGTH = len("TCGA-OR-A5J1"), len("TCGA-OR-A5J1-01")
_BARCODE = r"TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}(?:-\d{2}[A-Z]?(?:-.+)?)?"

# Sample type codes of the Genomic Data Commons' code tables. Every other code is normal tissue (10-14), a
# control (20), or a cell line or xenograft made from the tumour (50, 60, 61), and is no tumour of a patient.
TUMOUR_TYPES: dict[str, str] = {
    "01": "Primary",
    "02": "Recurrence",
    "03": "Primary",  # blood-derived cancer, peripheral blood
    "04": "Recurrence",  # blood-derived cancer, bone marrow
    "05": "Primary",  # an additional new primary
    "06": "Metastasis",
    "07": "Metastasis",  # an additional one
    "09": "Primary",  # blood-derived cancer, bone marrow
    "40": "Recurrence",  # blood-derived cancer, peripheral blood
}


class Tumours(NamedTuple):
    """Rows to read of those that barcodes name: their positions, and their shortened ids, both shape (N,)."""

    rows: NDArray[np.intp]
    ids: NDArray[np.str_]


def tumours(barcodes: NDArray[np.str_], file: str, found: Found, *, patients: bool = False) -> Tumours:
    """One row for each tumour, in the order of the file.

    Normal tissue and controls are left out and counted. Of several portions of one tumour the first by name
    is kept; where patients are asked for, of several tumours the one with the lowest code (primary first).

    Parameters
    ----------
    barcodes
        TCGA barcodes of patients, samples or aliquots, shape (M,); anything else is an error.
    patients
        Shorten to the patient, not to the sample.
    """
    names = pd.Series(barcodes, dtype=object)
    sound = names.str.fullmatch(_BARCODE).to_numpy(dtype=bool)
    if not sound.all():
        message = f"{(~sound).sum()} sample ids are no TCGA barcodes ({first_ten(names[~sound])})"
        found.append(error(file, message, "Correct them, or remove `barcode` from the study file."))
    tumour = sample_types(barcodes) != "Normal"
    _tell_normal(names[sound & ~tumour], file, found)
    kept = names[sound & tumour]
    short = kept.str.slice(0, PATIENT_LENGTH if patients else SAMPLE_LENGTH)
    first = ~short.loc[kept.sort_values(kind="stable").index].duplicated()
    chosen = first[first].index.sort_values()
    _tell_portions(kept.drop(chosen), file, found)
    return Tumours(chosen.to_numpy(dtype=np.intp), short.loc[chosen].to_numpy(dtype=str))


def sample_types(barcodes: NDArray[np.str_]) -> NDArray[np.object_]:
    """``Primary``, ``Recurrence``, ``Metastasis`` or ``Normal``; empty text for a patient, shape (N,)."""
    codes = pd.Series(barcodes, dtype=object).str.slice(PATIENT_LENGTH + 1, SAMPLE_LENGTH)
    types: NDArray[np.object_] = codes.map({**TUMOUR_TYPES, "": ""}).fillna("Normal").to_numpy(dtype=object)
    return types


def patients_of(barcodes: NDArray[np.str_]) -> NDArray[np.str_]:
    """The patient that each barcode begins with, shape (N,)."""
    return np.array([barcode[:PATIENT_LENGTH] for barcode in barcodes], dtype=str)


def _tell_normal(names: pd.Series, file: str, found: Found) -> None:
    if len(names):
        message = f"{len(names)} samples are normal tissue, controls or models ({first_ten(names)})"
        found.append(warning(file, message, "They were left out: metarisk reads patients' tumours."))


def _tell_portions(names: pd.Series, file: str, found: Found) -> None:
    if len(names):
        message = f"{len(names)} samples are further portions of one tumour or patient ({first_ten(names)})"
        found.append(warning(file, message, "They were left out: the first by name was read."))
