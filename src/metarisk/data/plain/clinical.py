"""The clinical table of a folder of plain tables, whichever way it lies, as a clinical source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from metarisk.config.study import ClinicalFile
from metarisk.config.study_annotated import is_annotated
from metarisk.data.annotated import read_obs
from metarisk.data.barcodes import sample_types, tumours
from metarisk.data.found import Found
from metarisk.data.plain.blanks import blanked
from metarisk.data.plain.further import join_further
from metarisk.data.plain.place import inside
from metarisk.data.plain.rescaled import rescaled
from metarisk.data.plain.sample_ids import patients_of_samples, tell_nameless_patients, with_cohort
from metarisk.data.plain.turned import read_turned
from metarisk.data.source import ClinicalSource
from metarisk.data.text import TextTable, check_ids, read_text, require_columns

# The portal's usual name, so that it is mapped without being declared.
SAMPLE_TYPE = "SAMPLE_TYPE"


def clinical_source(folder: Path, declared: ClinicalFile, found: Found) -> ClinicalSource | None:
    """Clinical columns as text, one row a sample; None with the reason added to ``found``."""
    table = _upright(folder, declared, found)
    if table is None or not _has_named_columns(table, declared, found):
        return None
    table = _tumours_only(table, declared, found)
    named = with_cohort(table.frame[declared.sample_column], table.frame, declared)
    full = replace(table, frame=table.frame.assign(**{declared.sample_column: named}))
    if not check_ids(full, declared.sample_column, found, unique=True):
        return None
    tell_nameless_patients(table, declared, found)
    patients = with_cohort(patients_of_samples(table.frame, declared), table.frame, declared)
    columns = join_further(table, declared, folder, found)
    frame = columns.frame.assign(**declared.constants)
    origin = columns.origin | dict.fromkeys(declared.constants, "study file")
    indexed = frame.set_axis(pd.Index(named, name="sample_id"))
    source = ClinicalSource(indexed, patients.to_numpy(dtype=str), origin)
    return blanked(rescaled(source, declared.rescale, found), declared.blank, found)


def _upright(folder: Path, declared: ClinicalFile, found: Found) -> TextTable | None:
    """The table with samples in rows; a turned one is turned, with its rows' names as columns."""
    path = inside(folder, declared.file, found)
    if path is None:
        return None
    if is_annotated(path):
        return read_obs(path, declared.modality, found)
    return read_turned(path, declared, found) if declared.rows else read_text(path, found)


def _has_named_columns(table: TextTable, declared: ClinicalFile, found: Found) -> bool:
    named = (declared.sample_column, declared.patient_column, declared.cohort_column)
    return require_columns(table, [column for column in named if column is not None], found)


def _tumours_only(table: TextTable, declared: ClinicalFile, found: Found) -> TextTable:
    """Of a table of TCGA barcodes one row a tumour, with the kind of tumour as a further column."""
    column = declared.sample_column
    # The same row twice is no second portion of the tumour: it is told as a repeated id.
    if declared.barcode is None or table.frame[column].duplicated().any():
        return table
    kept = tumours(table.frame[column].to_numpy(dtype=str), table.name, found)
    frame = table.frame.iloc[kept.rows].reset_index(drop=True).assign(**{column: kept.ids.astype(object)})
    if SAMPLE_TYPE not in frame.columns:
        frame[SAMPLE_TYPE] = sample_types(kept.ids)
    return replace(table, frame=frame)
