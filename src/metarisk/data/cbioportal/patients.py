"""The clinical tables of a study folder, patients and samples, as one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cbioportal.headers import check_types
from metarisk.data.cbioportal.meta import Meta
from metarisk.data.found import Found, error, warning
from metarisk.data.source import ClinicalSource
from metarisk.data.text import TextTable, check_ids, read_text, require_columns
from metarisk.errors import first_ten

SAMPLE, PATIENT = "SAMPLE_ID", "PATIENT_ID"


def read_patients(metas: Sequence[Meta], found: Found) -> ClinicalSource | None:
    """One row a sample with its patient's columns; None with the reason added to ``found``.

    The first table of each kind says who there is; further ones, such as supplements, add columns.
    """
    samples = _tables(metas, "SAMPLE_ATTRIBUTES", (SAMPLE, PATIENT), found)
    patients = _tables(metas, "PATIENT_ATTRIBUTES", (PATIENT,), found)
    if samples is None or patients is None:
        return None
    if not samples:
        do = "Add meta_clinical_sample.txt (datatype: SAMPLE_ATTRIBUTES) and its data file."
        found.append(error("study folder", "no meta file names a clinical sample table", do))
        return None
    source = _source(samples[0])
    if patients:
        _tell_difference(samples[0], patients[0], found)
    for table in samples[1:]:
        source = _with_columns(source, table, SAMPLE, found)
    for table in patients:
        source = _with_columns(source, table, PATIENT, found)
    return source


def _tables(
    metas: Sequence[Meta], datatype: str, ids: tuple[str, ...], found: Found
) -> list[TextTable] | None:
    """Tables of a kind in the order of their meta files' names; None if one of them cannot be used."""
    files = [meta.file for meta in metas if meta.kind == "CLINICAL" and meta.datatype == datatype]
    read = [_checked(file, ids, found) for file in dict.fromkeys(files)]
    usable = [table for table in read if table is not None]
    return usable if len(usable) == len(read) else None


def _checked(file: Path, columns: tuple[str, ...], found: Found) -> TextTable | None:
    """The table if it has its ids; the first column's stand once each."""
    table = read_text(file, found)
    if table is None or not require_columns(table, columns, found):
        return None
    check_types(file, table, found)
    sound = [check_ids(table, column, found, unique=column == columns[0]) for column in columns]
    return table if all(sound) else None


def _source(samples: TextTable) -> ClinicalSource:
    frame = samples.frame.set_index(SAMPLE)
    origin = dict.fromkeys(map(str, samples.frame.columns), samples.name)
    return ClinicalSource(frame, frame[PATIENT].to_numpy(dtype=str), origin)


def _with_columns(source: ClinicalSource, table: TextTable, key: str, found: Found) -> ClinicalSource:
    """The source with the columns that it lacks; a row that the table lacks is unknown there."""
    theirs = table.frame.set_index(key)
    ids = source.sample_ids if key == SAMPLE else source.patient_ids
    if key == SAMPLE:
        _tell_further_samples(table, ids, found)
    # A column of both is the sample's, or the first table's.
    added = [column for column in theirs.columns if column not in source.frame.columns and column != PATIENT]
    columns = theirs[added].reindex(ids, fill_value="").set_axis(source.frame.index)
    return replace(
        source,
        frame=pd.concat([source.frame, columns], axis=1),
        origin={**source.origin, **dict.fromkeys(map(str, added), table.name)},
    )


def _tell_further_samples(table: TextTable, ids: NDArray[np.str_], found: Found) -> None:
    strange = sorted(set(table.frame[SAMPLE]) - set(ids))
    if strange:
        message = f"{len(strange)} samples are not in the first sample table ({first_ten(strange)})"
        found.append(warning(table.name, message, "They were left out; add them there."))


def _tell_difference(samples: TextTable, patients: TextTable, found: Found) -> None:
    of_samples, of_patients = (set(table.frame[PATIENT]) for table in (samples, patients))
    undescribed, without = sorted(of_samples - of_patients), sorted(of_patients - of_samples)
    if undescribed:
        message = f"{len(undescribed)} patients of the samples are not described ({first_ten(undescribed)})"
        found.append(error(patients.name, message, "Add them, or remove their samples."))
    if without:
        message = f"{len(without)} patients have no sample ({first_ten(without)})"
        found.append(warning(patients.name, message, "They were left out."))
