"""A declared matrix to the table of its assay: the right way round, in its unit, under the study's ids."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd

from metarisk.config.study import AssayFile
from metarisk.config.study_annotated import is_annotated
from metarisk.data.annotated import read_matrix
from metarisk.data.barcodes import PATIENT_LENGTH, tumours
from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, error
from metarisk.data.gene_names import name_kind
from metarisk.data.matrices import assay_table
from metarisk.data.matrix import Matrix
from metarisk.data.numbers import NumberTable, read_numbers
from metarisk.data.plain.conversion import has_negative, in_unit
from metarisk.data.plain.names import name_features
from metarisk.data.plain.place import inside
from metarisk.data.plain.relative import as_z_scores
from metarisk.data.plain.sample_ids import names_patients
from metarisk.data.plain.sheet import read_sheet
from metarisk.data.setting import Setting
from metarisk.data.source import COHORT_SEPARATOR, ClinicalSource
from metarisk.schema.assays import ASSAYS, Assay


def read_assay(
    declared: AssayFile, setting: Setting, source: ClinicalSource, found: Found
) -> AssayTable | None:
    """Table of a declared matrix; None with the reason added to ``found``."""
    table = _numbers(declared, setting, found)
    if table is None or _contradicts_orientation(declared, table, source, found):
        return None
    matrix = _upright(declared, table)
    matrix = name_features(declared, matrix, _clinical_rows(declared, setting), setting.folder, found)
    if _other_id_type(declared, matrix, found):
        return None
    matrix = _with_study_ids(declared, matrix, table.first_line, source, found)
    if declared.linear and has_negative(matrix, found):
        return None
    matrix = replace(matrix, values=in_unit(declared, matrix.values))
    assay = assay_table(declared.assay, declared.unit, matrix, setting, found)
    return as_z_scores(assay) if declared.relative else assay


def _numbers(declared: AssayFile, setting: Setting, found: Found) -> NumberTable | None:
    if declared.sheet is not None:
        return read_sheet(declared, declared.sheet, setting.folder, found)
    path = inside(setting.folder, declared.file, found)
    if path is not None and is_annotated(path):
        return read_matrix(path, declared.part, declared.id_column, found)
    return None if path is None else read_numbers(path, (declared.id_column,), found, skip=declared.skip)


def _upright(declared: AssayFile, table: NumberTable) -> Matrix:
    """Samples in rows, everything under the file's own names."""
    names = tuple(table.ids[declared.id_column])
    on_genes = declared.id_type != "feature"
    if declared.orientation == "samples_in_rows":
        ids, columns, values = np.array(names, dtype=str), table.columns, table.values
        return Matrix(table.name, ids, columns, values, (), declared.repeated, on_genes)
    lines = tuple(range(table.first_line, table.first_line + len(names)))
    ids = np.array(table.columns, dtype=str)
    return Matrix(table.name, ids, names, table.values.T, lines, declared.repeated, on_genes)


def _clinical_rows(declared: AssayFile, setting: Setting) -> frozenset[str]:
    """Rows that the study file calls clinical, where the clinical table is this same file."""
    clinical = setting.study.clinical_file
    return frozenset(clinical.rows if clinical is not None and clinical.file == declared.file else ())


def _with_study_ids(
    declared: AssayFile, matrix: Matrix, first_line: int, source: ClinicalSource, found: Found
) -> Matrix:
    """Sample ids as the clinical table writes them; a sample that stands twice is an error."""
    if declared.barcode is not None:
        kept = tumours(matrix.sample_ids, matrix.file, found, patients=names_patients(source))
        matrix = replace(matrix.take_samples(kept.rows), sample_ids=kept.ids)
    _refuse_repeated_samples(matrix, first_line, found)
    if declared.cohort is None:
        return matrix
    prefix = declared.cohort + COHORT_SEPARATOR
    return replace(matrix, sample_ids=np.array([prefix + name for name in matrix.sample_ids], dtype=str))


def _refuse_repeated_samples(matrix: Matrix, first_line: int, found: Found) -> None:
    ids = pd.Series(matrix.sample_ids)
    for value in ids[ids.duplicated()].unique()[:10]:
        lines = tuple((np.flatnonzero(ids == value) + first_line).tolist()) if not matrix.gene_lines else ()
        do = "Remove or rename one of them; metarisk does not choose."
        found.append(error(matrix.file, "the sample stands twice", do, lines=lines, value=str(value)))


def _contradicts_orientation(
    declared: AssayFile, table: NumberTable, source: ClinicalSource, found: Found
) -> bool:
    """True where the sample ids stand on the other side than declared."""
    prefix = "" if declared.cohort is None else declared.cohort + COHORT_SEPARATOR
    # A barcode is known by its patient, since the sample may be normal tissue.
    known = set(source.sample_ids if declared.barcode is None else source.patient_ids)
    length = None if declared.barcode is None else PATIENT_LENGTH
    in_rows = any(prefix + name[:length] in known for name in table.ids[declared.id_column])
    in_columns = any(prefix + name[:length] in known for name in table.columns)
    turned = {"genes_in_rows": in_rows and not in_columns, "samples_in_rows": in_columns and not in_rows}
    if not turned[declared.orientation]:
        return False
    where, other = ("rows", "samples_in_rows") if in_rows else ("columns", "genes_in_rows")
    message = f"is declared as {declared.orientation}, but the sample ids stand in its {where}"
    found.append(error(table.name, message, f"Declare orientation: {other} in the study file."))
    return True


def _other_id_type(declared: AssayFile, matrix: Matrix, found: Found) -> bool:
    """True where most genes are named in another way than declared."""
    named_otherwise = declared.assay in (Assay.PROTEIN, Assay.MICRORNA) or declared.id_type == "feature"
    if ASSAYS[declared.assay].level != "gene" or named_otherwise:
        return False
    kinds = Counter(name_kind(name) for name in matrix.names if name)
    commonest = kinds.most_common(1)[0][0] if kinds else declared.id_type
    if commonest == declared.id_type:
        return False
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    message = f"is declared with genes as {declared.id_type}, but they look like {commonest} ({counted})"
    found.append(error(matrix.file, message, f"Declare id_type: {commonest} in the study file."))
    return True
