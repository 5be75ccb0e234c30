"""A folder of plain tables, told by its study file, to the parts of a cohort."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study import AssayFile, ClinicalFile
from metarisk.data.clinical import map_clinical
from metarisk.data.cohort import AssayTable
from metarisk.data.endpoints import read_endpoints
from metarisk.data.found import Found, error
from metarisk.data.gene_names import name_kind
from metarisk.data.matrices import Matrix, assay_table, stack_tables
from metarisk.data.numbers import NumberTable, read_numbers
from metarisk.data.setting import Parts, Setting
from metarisk.data.source import ClinicalSource, keep_rows, tell_repeated_patients, tell_unknown_samples
from metarisk.data.text import TextTable, check_ids, read_text, require_columns
from metarisk.schema.assays import ASSAYS, Assay

COHORT_SEPARATOR = ":"


def read_tables(setting: Setting, found: Found) -> Parts | None:
    """Every table that the study file names; None where the clinical one cannot be read.

    Parameters
    ----------
    setting
        The study, its folder and genes.
    found
        Receives everything that is wrong with it.
    """
    study = setting.study
    if study.clinical_file is None:
        found.append(
            error("study file", "names no clinical_file", "Add the section, or set format: cbioportal.")
        )
        return None
    whole = _clinical_source(setting.folder, study.clinical_file, found)
    if whole is None:
        return None
    source = keep_rows(whole, study.keep, found)
    tell_repeated_patients(source, found)
    left_out = frozenset(whole.sample_ids) - frozenset(source.sample_ids)
    tables = [_assay(declared, setting, whole, found) for declared in study.assays]
    assays = _by_assay([table for table in tables if table is not None], found)
    for table in assays:
        tell_unknown_samples(table.sample_ids, source.sample_ids, left_out, str(table.assay), found)
    return Parts(
        map_clinical(source, study, found),
        read_endpoints(source, study.endpoints, found),
        tuple(assays),
        (setting.folder / study.clinical_file.file, *(setting.folder / part.file for part in study.assays)),
    )


def _clinical_source(folder: Path, declared: ClinicalFile, found: Found) -> ClinicalSource | None:
    path = _inside(folder, declared.file, found)
    table = None if path is None else read_text(path, found)
    if table is None:
        return None
    needed = [declared.sample_column, declared.patient_column, declared.cohort_column]
    if not require_columns(table, [column for column in needed if column is not None], found):
        return None
    samples = _with_cohort(table, declared, table.frame[declared.sample_column])
    full = replace(table, frame=table.frame.assign(**{declared.sample_column: samples}))
    if not check_ids(full, declared.sample_column, found, unique=True):
        return None
    patients = _with_cohort(table, declared, _patients(table.frame, declared))
    frame = table.frame.set_axis(pd.Index(samples, name="sample_id"))
    origin = dict.fromkeys(map(str, frame.columns), table.name)
    return ClinicalSource(frame, patients.to_numpy(dtype=str), origin)


def _with_cohort(table: TextTable, declared: ClinicalFile, ids: pd.Series) -> pd.Series:
    """``cohort:id`` where the study names a column of cohorts."""
    if declared.cohort_column is None:
        return ids
    return table.frame[declared.cohort_column] + COHORT_SEPARATOR + ids


def _patients(frame: pd.DataFrame, declared: ClinicalFile) -> pd.Series:
    """The patient column, else what the pattern finds in the sample id, else the sample id."""
    samples = frame[declared.sample_column]
    patients = samples
    if declared.patient_pattern is not None:
        patients = samples.str.extract(declared.patient_pattern, expand=False).fillna(samples)
    if declared.patient_column is not None:
        named = frame[declared.patient_column]
        patients = named.where(named != "", patients)
    return patients


def _assay(declared: AssayFile, setting: Setting, source: ClinicalSource, found: Found) -> AssayTable | None:
    path = _inside(setting.folder, declared.file, found)
    table = None if path is None else read_numbers(path, (declared.id_column,), found)
    if table is None:
        return None
    prefix = "" if declared.cohort is None else declared.cohort + COHORT_SEPARATOR
    if _contradicts_orientation(declared, table, prefix, source, found):
        return None
    matrix = _matrix(declared, table, prefix, found)
    if ASSAYS[declared.assay].level == "gene" and _other_id_type(declared, matrix, found):
        return None
    return assay_table(declared.assay, declared.unit, matrix, setting, found)


def _matrix(declared: AssayFile, table: NumberTable, prefix: str, found: Found) -> Matrix:
    """Samples in rows, in the declared unit, ids with their cohort."""
    names = tuple(table.ids[declared.id_column])
    values = _in_unit(declared, table.values)
    if declared.orientation == "samples_in_rows":
        ids = np.array([prefix + name for name in names], dtype=str)
        matrix = Matrix(table.name, ids, table.columns, values)
    else:
        ids = np.array([prefix + name for name in table.columns], dtype=str)
        lines = tuple(range(table.first_line, table.first_line + len(names)))
        matrix = Matrix(table.name, ids, names, values.T, lines)
    _refuse_repeated_samples(matrix, table.first_line, found)
    return matrix


def _in_unit(declared: AssayFile, values: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled = values if declared.scale == 1.0 else values * np.float32(declared.scale)
    if declared.pseudocount in (None, 1.0) or not declared.unit.startswith("log2_"):
        return scaled
    linear = np.maximum(np.exp2(scaled) - np.float32(declared.pseudocount), 0.0)
    return np.log2(linear + 1.0).astype(np.float32)


def _refuse_repeated_samples(matrix: Matrix, first_line: int, found: Found) -> None:
    ids = pd.Series(matrix.sample_ids)
    for value in ids[ids.duplicated()].unique()[:10]:
        lines = tuple((np.flatnonzero(ids == value) + first_line).tolist()) if not matrix.gene_lines else ()
        do = "Remove or rename one of them; metarisk does not choose."
        found.append(error(matrix.file, "the sample stands twice", do, lines=lines, value=str(value)))


def _contradicts_orientation(
    declared: AssayFile, table: NumberTable, prefix: str, source: ClinicalSource, found: Found
) -> bool:
    """True where the sample ids stand on the other side than declared."""
    known = set(source.sample_ids)
    in_rows = any(prefix + name in known for name in table.ids[declared.id_column])
    in_columns = any(prefix + name in known for name in table.columns)
    turned = {"genes_in_rows": in_rows and not in_columns, "samples_in_rows": in_columns and not in_rows}
    if not turned[declared.orientation]:
        return False
    where, other = ("rows", "samples_in_rows") if in_rows else ("columns", "genes_in_rows")
    message = f"is declared as {declared.orientation}, but the sample ids stand in its {where}"
    found.append(error(table.name, message, f"Declare orientation: {other} in the study file."))
    return True


def _other_id_type(declared: AssayFile, matrix: Matrix, found: Found) -> bool:
    """True where most genes are named in another way than declared."""
    kinds = Counter(name_kind(name) for name in matrix.names)
    commonest = kinds.most_common(1)[0][0] if kinds else declared.id_type
    if commonest == declared.id_type or declared.assay in (Assay.PROTEIN, Assay.MICRORNA):
        return False
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    message = f"is declared with genes as {declared.id_type}, but they look like {commonest} ({counted})"
    found.append(error(matrix.file, message, f"Declare id_type: {commonest} in the study file."))
    return True


def _by_assay(tables: Sequence[AssayTable], found: Found) -> list[AssayTable]:
    grouped: dict[Assay, list[AssayTable]] = {}
    for table in tables:
        grouped.setdefault(table.assay, []).append(table)
    return [stack_tables(group, found) for group in grouped.values()]


def _inside(folder: Path, file: Path, found: Found) -> Path | None:
    if file.is_absolute() or ".." in file.parts:
        message = f"names a file outside the study's folder ({file})"
        found.append(error("study file", message, "Name a file below the folder."))
        return None
    return folder / file
