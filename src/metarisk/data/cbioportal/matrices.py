"""Matrices of a study folder, genes in rows: copy number, expression, methylation, protein."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from metarisk.data.cbioportal.meta import Meta
from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, error, warning
from metarisk.data.matrices import Matrix, assay_table
from metarisk.data.numbers import NumberTable, read_numbers
from metarisk.data.profile import Profile
from metarisk.data.setting import Setting
from metarisk.schema.assays import ASSAYS, Assay

SYMBOL, ENTREZ = "Hugo_Symbol", "Entrez_Gene_Id"
ID_COLUMNS = (SYMBOL, ENTREZ, "Composite.Element.REF", "ENTITY_STABLE_ID", "Cytoband", "NAME", "DESCRIPTION")

ASSAY_OF_KIND = {
    "COPY_NUMBER_ALTERATION": Assay.COPY_NUMBER,
    "MRNA_EXPRESSION": Assay.EXPRESSION,
    "METHYLATION": Assay.METHYLATION,
    "PROTEIN_LEVEL": Assay.PROTEIN,
    "MICRO_RNA_EXPRESSION": Assay.MICRORNA,
}
# The meta file's datatype says the unit only here; for anything else the study file must.
UNIT_OF = {
    (Assay.COPY_NUMBER, "DISCRETE"): "discrete",
    (Assay.COPY_NUMBER, "LOG2-VALUE"): "log2_ratio",
    (Assay.COPY_NUMBER, "CONTINUOUS"): "log2_ratio",
    (Assay.EXPRESSION, "Z-SCORE"): "z_score",
    (Assay.METHYLATION, "CONTINUOUS"): "beta",
    (Assay.PROTEIN, "Z-SCORE"): "z_score",
    (Assay.PROTEIN, "LOG2-VALUE"): "log2_intensity",
    (Assay.MICRORNA, "Z-SCORE"): "z_score",
}


def choose_matrices(
    metas: Sequence[Meta], units: Mapping[str, str], found: Found
) -> dict[Assay, tuple[Meta, str]]:
    """Of each assay the file to read and its unit: declared ones first, measured ones before z-scores.

    A file whose unit nobody declares is refused if the assay has no other, and passed over if it has.
    """
    by_assay: dict[Assay, list[Meta]] = {}
    for meta in metas:
        if meta.kind in ASSAY_OF_KIND:
            by_assay.setdefault(ASSAY_OF_KIND[meta.kind], []).append(meta)
    chosen = {}
    for assay, files in by_assay.items():
        known = [(meta, unit) for meta in files if (unit := _unit(assay, meta, units))]
        known.sort(
            key=lambda pair: (pair[0].file.name not in units, pair[1] != "discrete", pair[1] == "z_score")
        )
        _tell_unread(
            assay, [meta for meta in files if not known or meta is not known[0][0]], bool(known), found
        )
        if known and _belongs(assay, *known[0], found):
            chosen[assay] = known[0]
    return chosen


def _unit(assay: Assay, meta: Meta, units: Mapping[str, str]) -> str:
    return units.get(meta.file.name, UNIT_OF.get((assay, meta.datatype), ""))


def _belongs(assay: Assay, meta: Meta, unit: str, found: Found) -> bool:
    known = ASSAYS[assay].units
    if unit not in known:
        message = f"declared as {unit}, which is no unit of {assay}"
        found.append(error(meta.file.name, message, f"Choose one of: {', '.join(known)}."))
    return unit in known


def _tell_unread(assay: Assay, metas: Sequence[Meta], other: bool, found: Found) -> None:
    for meta in metas:
        declared = ", ".join(ASSAYS[assay].units)
        do = f"Declare its unit under units in the study file: {meta.file.name}: one of {declared}."
        if other:
            found.append(warning(meta.file.name, f"was not read: another file gives {assay}", do))
        else:
            message = f"is {assay} of datatype {meta.datatype}, which says no unit"
            found.append(error(meta.file.name, message, do))


def read_matrix(assay: Assay, meta: Meta, unit: str, setting: Setting, found: Found) -> AssayTable | None:
    """Table of an assay from a matrix of the study; None with the reason added to ``found``."""
    table = read_numbers(meta.file, ID_COLUMNS, found)
    if table is None:
        return None
    names = _gene_names(table, setting, found)
    if names is None:
        return None
    lines = tuple(range(table.first_line, table.first_line + len(names)))
    matrix = Matrix(table.name, np.array(table.columns, dtype=str), names, table.values.T, lines)
    return assay_table(assay, unit, matrix, setting, found)


def _gene_names(table: NumberTable, setting: Setting, found: Found) -> tuple[str, ...] | None:
    """Symbols where the file has them, else what stands in its place."""
    for column in (SYMBOL, "Composite.Element.REF", ENTREZ, "ENTITY_STABLE_ID"):
        if column in table.ids.columns and (table.ids[column] != "").any():
            return tuple(table.ids[column])
    message = f"has no column {SYMBOL} and no column {ENTREZ}"
    found.append(error(table.name, message, "Name the column of genes as cBioPortal does."))
    return None


def mask_unmeasured(table: AssayTable, profile: Profile) -> AssayTable:
    """NaN where a gene is not on the sample's panel; samples that were not measured are left out."""
    rows = np.flatnonzero(np.isin(table.sample_ids, profile.sample_ids))
    taken = table.take(rows)
    order = {sample: n for n, sample in enumerate(profile.sample_ids)}
    position = np.array([order[sample] for sample in taken.sample_ids], dtype=np.intp)
    measured = profile.measured(table.genes)[position]
    values = np.where(measured[:, :, None], taken.values, np.float32(np.nan))
    return AssayTable(table.assay, taken.sample_ids, table.genes, values, taken.units)
