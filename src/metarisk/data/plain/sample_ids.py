"""Ids of samples and patients: with their cohort, from a pattern, or from a TCGA barcode."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study import ClinicalFile
from metarisk.data.barcodes import PATIENT_LENGTH, patients_of
from metarisk.data.found import Found, warning
from metarisk.data.source import COHORT_SEPARATOR, ClinicalSource
from metarisk.data.text import TextTable


def with_cohort(ids: pd.Series, frame: pd.DataFrame, declared: ClinicalFile) -> pd.Series:
    """``cohort:id`` where the study names a column of cohorts."""
    return ids if declared.cohort_column is None else frame[declared.cohort_column] + COHORT_SEPARATOR + ids


def patients_of_samples(frame: pd.DataFrame, declared: ClinicalFile) -> pd.Series:
    """The patient column, else what pattern or barcode find in the sample id, else the sample id."""
    samples = frame[declared.sample_column]
    patients = samples
    if declared.barcode is not None:
        barcodes = patients_of(samples.to_numpy(dtype=str))
        patients = pd.Series(barcodes.astype(object), index=samples.index)
    if declared.patient_pattern is not None:
        patients = samples.str.extract(declared.patient_pattern, expand=False).fillna(samples)
    if declared.patient_column is not None:
        named = frame[declared.patient_column]
        patients = named.where(named != "", patients)
    return patients


def tell_nameless_patients(table: TextTable, declared: ClinicalFile, found: Found) -> None:
    """Tell samples whose patient neither the column nor a pattern names: each is a patient of its own."""
    if (
        declared.patient_column is None
        or declared.patient_pattern is not None
        or declared.barcode is not None
    ):
        return
    nameless = (table.frame[declared.patient_column] == "").to_numpy()
    if nameless.any():
        message = f"{nameless.sum()} samples have no patient id"
        do = "Each stands for a patient of its own; fill the ids in if some of them share a patient."
        lines, column = table.lines(nameless), declared.patient_column
        found.append(warning(table.name, message, do, lines=lines, column=column))


def patients_without_a_row(samples: list[str], declared: ClinicalFile) -> NDArray[np.str_]:
    """Patients of samples that the clinical table does not have, from their ids alone, shape (N,)."""
    parts = [sample.partition(COHORT_SEPARATOR) for sample in samples]
    if declared.cohort_column is None:
        parts = [("", "", sample) for sample in samples]
    unknown = declared.model_copy(update={"patient_column": None})
    patients = patients_of_samples(
        pd.DataFrame({declared.sample_column: [plain for *_, plain in parts]}, dtype=object), unknown
    )
    named = [f"{cohort}{mark}{patient}" for (cohort, mark, _), patient in zip(parts, patients, strict=True)]
    return np.array(named, dtype=str)


def names_patients(source: ClinicalSource) -> bool:
    """True where the sample ids of a table of TCGA barcodes are those of patients."""
    ids = (sample.rpartition(COHORT_SEPARATOR)[2] for sample in source.sample_ids)
    return all(len(plain) <= PATIENT_LENGTH for plain in ids)
