"""The clinical table of a folder of plain tables, whichever way it lies, as a clinical source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study import ClinicalFile
from metarisk.config.study_annotated import is_annotated
from metarisk.data.annotated import read_obs
from metarisk.data.barcodes import PATIENT_LENGTH, patients_of, sample_types, tumours
from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, error, warning
from metarisk.data.plain.blanks import blanked
from metarisk.data.plain.further import join_further
from metarisk.data.plain.place import inside
from metarisk.data.source import ClinicalSource
from metarisk.data.text import TextTable, check_ids, read_text, require_columns
from metarisk.errors import first_ten, nearest

COHORT_SEPARATOR = ":"
# The portal's usual name, so that it is mapped without being declared.
SAMPLE_TYPE = "SAMPLE_TYPE"


def clinical_source(folder: Path, declared: ClinicalFile, found: Found) -> ClinicalSource | None:
    """Clinical columns as text, one row a sample; None with the reason added to ``found``."""
    table = _upright(folder, declared, found)
    if table is None or not _has_named_columns(table, declared, found):
        return None
    table = _tumours_only(table, declared, found)
    plain_ids = table.frame[declared.sample_column]
    named = _with_cohort(table, declared, plain_ids)
    full = replace(table, frame=table.frame.assign(**{declared.sample_column: named}))
    if not check_ids(full, declared.sample_column, found, unique=True):
        return None
    patients = _with_cohort(table, declared, _patients(table.frame, declared))
    columns = join_further(table, declared, folder, found)
    frame = columns.frame.assign(**declared.constants)
    origin = columns.origin | dict.fromkeys(declared.constants, "study file")
    indexed = frame.set_axis(pd.Index(named, name="sample_id"))
    source = ClinicalSource(indexed, patients.to_numpy(dtype=str), origin)
    return blanked(source, declared.blank, found)


def names_patients(source: ClinicalSource) -> bool:
    """True where the sample ids of a table of TCGA barcodes are those of patients."""
    ids = (sample.rpartition(COHORT_SEPARATOR)[2] for sample in source.sample_ids)
    return all(len(plain) <= PATIENT_LENGTH for plain in ids)


def with_assays_only(
    source: ClinicalSource, tables: Sequence[AssayTable], left_out: frozenset[str], found: Found
) -> ClinicalSource:
    """The source with one more row, everything unknown, for each sample that has an assay only.

    Parameters
    ----------
    left_out
        Samples that the study file left out; they stay out.
    """
    named = set().union(*(table.sample_ids.tolist() for table in tables))
    added = sorted(named - set(source.sample_ids) - left_out)
    if not added:
        return source
    message = f"has no row for {len(added)} samples that an assay has ({first_ten(added)})"
    found.append(warning(source.file, message, "They were kept; everything clinical is unknown of them."))
    unknown = pd.DataFrame("", index=pd.Index(added, name="sample_id"), columns=source.frame.columns)
    patients = np.concatenate([source.patient_ids, np.array(added, dtype=str)])
    return replace(source, frame=pd.concat([source.frame, unknown]), patient_ids=patients)


def _upright(folder: Path, declared: ClinicalFile, found: Found) -> TextTable | None:
    """The table with samples in rows; a turned one is turned, with its rows' names as columns."""
    path = inside(folder, declared.file, found)
    if path is not None and is_annotated(path):
        return read_obs(path, declared.modality, found)
    table = None if path is None else read_text(path, found)
    if table is None or declared.orientation == "samples_in_rows":
        return table
    if not require_columns(table, (declared.sample_column,), found):
        return None
    names = table.frame[declared.sample_column]
    if not _has_named_rows(table.name, names, declared.rows, found):
        return None
    clinical = table.frame[names.isin(declared.rows)].set_index(declared.sample_column)
    turned = clinical.T.rename_axis(columns=None).rename_axis(declared.sample_column).reset_index()
    return TextTable(table.name, turned, 1)


def _has_named_rows(file: str, names: pd.Series, rows: Sequence[str], found: Found) -> bool:
    counts = names.value_counts()
    for row in rows:
        if counts.get(row, 0) == 0:
            found.append(error(file, f"has no row {row!r}", nearest(row, map(str, names)), value=row))
        elif counts[row] > 1:
            found.append(error(file, "the clinical row stands twice", "Keep one of the two.", value=row))
    return all(counts.get(row, 0) == 1 for row in rows)


def _has_named_columns(table: TextTable, declared: ClinicalFile, found: Found) -> bool:
    named = (declared.sample_column, declared.patient_column, declared.cohort_column)
    return require_columns(table, [column for column in named if column is not None], found)


def _tumours_only(table: TextTable, declared: ClinicalFile, found: Found) -> TextTable:
    """Of a table of TCGA barcodes one row a tumour, with the kind of tumour as a further column."""
    if declared.barcode is None:
        return table
    column = declared.sample_column
    kept = tumours(table.frame[column].to_numpy(dtype=str), table.name, found)
    frame = table.frame.iloc[kept.rows].reset_index(drop=True).assign(**{column: kept.ids.astype(object)})
    if SAMPLE_TYPE not in frame.columns:
        frame[SAMPLE_TYPE] = sample_types(kept.ids)
    return replace(table, frame=frame)


def _with_cohort(table: TextTable, declared: ClinicalFile, ids: pd.Series) -> pd.Series:
    """``cohort:id`` where the study names a column of cohorts."""
    if declared.cohort_column is None:
        return ids
    return table.frame[declared.cohort_column] + COHORT_SEPARATOR + ids


def _patients(frame: pd.DataFrame, declared: ClinicalFile) -> pd.Series:
    """The patient column, else what pattern or barcode find in the sample id, else the sample id."""
    samples = frame[declared.sample_column]
    patients = samples
    if declared.barcode is not None:
        patients = _like(samples, patients_of(samples.to_numpy(dtype=str)))
    if declared.patient_pattern is not None:
        patients = samples.str.extract(declared.patient_pattern, expand=False).fillna(samples)
    if declared.patient_column is not None:
        named = frame[declared.patient_column]
        patients = named.where(named != "", patients)
    return patients


def _like(series: pd.Series, values: NDArray[np.str_]) -> pd.Series:
    return pd.Series(values.astype(object), index=series.index)
