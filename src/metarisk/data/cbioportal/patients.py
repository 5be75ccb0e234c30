"""The clinical tables of a study folder, patients and samples, as one source."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from metarisk.data.cbioportal.meta import Meta
from metarisk.data.found import Found, error, warning
from metarisk.data.source import ClinicalSource
from metarisk.data.text import TextTable, check_ids, read_text, require_columns
from metarisk.errors import first_ten


def read_patients(metas: Sequence[Meta], found: Found) -> ClinicalSource | None:
    """One row a sample with its patient's columns; None with the reason added to ``found``."""
    tables = {meta.datatype: meta.file for meta in metas if meta.kind == "CLINICAL"}
    if "SAMPLE_ATTRIBUTES" not in tables:
        do = "Add meta_clinical_sample.txt (datatype: SAMPLE_ATTRIBUTES) and its data file."
        found.append(error("study folder", "no meta file names a clinical sample table", do))
        return None
    samples = _checked(read_text(tables["SAMPLE_ATTRIBUTES"], found), ("SAMPLE_ID", "PATIENT_ID"), found)
    if samples is None:
        return None
    if "PATIENT_ATTRIBUTES" not in tables:
        return _joined(samples, None, found)
    patients = _checked(read_text(tables["PATIENT_ATTRIBUTES"], found), ("PATIENT_ID",), found)
    return None if patients is None else _joined(samples, patients, found)


def _checked(table: TextTable | None, columns: tuple[str, ...], found: Found) -> TextTable | None:
    """The table if it has its ids; the first column's stand once each."""
    if table is None or not require_columns(table, columns, found):
        return None
    sound = [check_ids(table, column, found, unique=column == columns[0]) for column in columns]
    return table if all(sound) else None


def _joined(samples: TextTable, patients: TextTable | None, found: Found) -> ClinicalSource:
    frame = samples.frame.set_index("SAMPLE_ID")
    origin = dict.fromkeys(map(str, samples.frame.columns), samples.name)
    patient_ids = frame["PATIENT_ID"].to_numpy(dtype=str)
    if patients is not None:
        _tell_difference(samples, patients, found)
        extra = patients.frame.set_index("PATIENT_ID")
        # A column of both tables is the sample's.
        extra = extra[[column for column in extra.columns if column not in frame.columns]]
        theirs = extra.reindex(patient_ids, fill_value="").set_axis(frame.index)
        frame = pd.concat([frame, theirs], axis=1)
        origin |= dict.fromkeys(map(str, extra.columns), patients.name)
    return ClinicalSource(frame, patient_ids, origin)


def _tell_difference(samples: TextTable, patients: TextTable, found: Found) -> None:
    of_samples, of_patients = (set(table.frame["PATIENT_ID"]) for table in (samples, patients))
    undescribed, without = sorted(of_samples - of_patients), sorted(of_patients - of_samples)
    if undescribed:
        message = f"{len(undescribed)} patients of the samples are not described ({first_ten(undescribed)})"
        found.append(error(patients.name, message, "Add them, or remove their samples."))
    if without:
        message = f"{len(without)} patients have no sample ({first_ten(without)})"
        found.append(warning(patients.name, message, "They were left out."))
