"""Which matrix of a study folder gives which assay, and in which unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from metarisk.data.cbioportal.meta import Meta
from metarisk.data.found import Found, error, warning
from metarisk.errors import nearest
from metarisk.schema.assays import ASSAYS, CENTRED_UNITS, Assay

ASSAY_OF_KIND = {
    "COPY_NUMBER_ALTERATION": Assay.COPY_NUMBER,
    "MRNA_EXPRESSION": Assay.EXPRESSION,
    "METHYLATION": Assay.METHYLATION,
    "PROTEIN_LEVEL": Assay.PROTEIN,
    "MICRO_RNA_EXPRESSION": Assay.MICRORNA,
    "GENESET_SCORE": Assay.SIGNATURE,
}
GENERIC = "GENERIC_ASSAY"
ASSAY_OF_GENERIC_TYPE = {
    "METABOLITE": Assay.METABOLITE,
    "METABOLITES": Assay.METABOLITE,
    "METABOLOMICS": Assay.METABOLITE,
    "MUTATIONAL_SIGNATURE": Assay.SIGNATURE,
    "GENE_SIGNATURE": Assay.SIGNATURE,
    "CELL_FRACTION": Assay.CELL_FRACTION,
}
# Of these assays the entities are no genes; a generic assay of any other type is one of them by its unit.
_OF_NO_GENES = (Assay.METABOLITE, Assay.SIGNATURE, Assay.CELL_FRACTION)
# The meta file's datatype says the unit only here; for anything else the study file must. Continuous copy
# number is not here: studies hold copies less two, or a ratio, under that one name.
UNIT_OF = {
    (Assay.COPY_NUMBER, "DISCRETE"): "discrete",
    (Assay.COPY_NUMBER, "DISCRETE_LONG"): "discrete",
    (Assay.COPY_NUMBER, "LOG2-VALUE"): "log2_ratio",
    (Assay.EXPRESSION, "Z-SCORE"): "z_score",
    (Assay.METHYLATION, "CONTINUOUS"): "beta",
    (Assay.PROTEIN, "Z-SCORE"): "z_score",
    (Assay.PROTEIN, "LOG2-VALUE"): "log2_intensity",
    (Assay.MICRORNA, "Z-SCORE"): "z_score",
    (Assay.SIGNATURE, "GSVA-SCORE"): "score",
}
# Matrices of an assay's kind that hold no measurement: segments, classes, p-values.
NO_MEASUREMENT = frozenset({"SEG", "P-VALUE", "CATEGORICAL", "BINARY"})
# Best first where several files of one assay are usable: discrete levels as the panels report them, then
# measured values, then what is relative to the cohort.
_BEST_FIRST = ("discrete",)


def is_matrix(meta: Meta) -> bool:
    """True for a file that holds numbers of an assay, genes or entities in rows."""
    discrete_expression = meta.kind == "MRNA_EXPRESSION" and meta.datatype == "DISCRETE"
    known = meta.kind in ASSAY_OF_KIND or meta.kind == GENERIC
    return known and meta.datatype not in NO_MEASUREMENT and not discrete_expression


def choose_matrices(
    metas: Sequence[Meta], units: Mapping[str, str], found: Found
) -> dict[Assay, tuple[Meta, str]]:
    """Of each assay the file to read and its unit: declared ones first, measured ones before z-scores.

    A file whose unit nobody declares is refused if the assay has no other, and passed over if it has.

    Parameters
    ----------
    units
        Data file -> unit, by the study file; the file's name with or without ``.gz``.
    """
    _tell_units_of_no_file(metas, units, found)
    by_assay: dict[Assay, list[Meta]] = {}
    for meta in metas:
        assay = _assay_of(meta, units, found) if is_matrix(meta) else None
        if assay is not None:
            by_assay.setdefault(assay, []).append(meta)
    chosen = {}
    for assay, files in by_assay.items():
        known = [(meta, unit) for meta in files if (unit := _unit(assay, meta, units))]
        known.sort(key=lambda pair: _rank(pair[0], pair[1], units))
        passed_over = [meta for meta in files if not known or meta is not known[0][0]]
        _tell_unread(assay, passed_over, known[0][0] if known else None, found)
        if known and _belongs(assay, *known[0], found):
            chosen[assay] = known[0]
    return chosen


def _tell_units_of_no_file(metas: Sequence[Meta], units: Mapping[str, str], found: Found) -> None:
    files = [name for meta in metas for name in (meta.file.name, meta.file.name.removesuffix(".gz"))]
    for name in units:
        if name not in files:
            message = f"units names {name}, which no meta file of the study names"
            found.append(error("study file", message, nearest(name, dict.fromkeys(files))))


def _assay_of(meta: Meta, units: Mapping[str, str], found: Found) -> Assay | None:
    """Assay of a matrix; None with the reason added to ``found`` for an entity that nobody explains."""
    if meta.kind != GENERIC:
        return ASSAY_OF_KIND[meta.kind]
    kind = meta.fields.get("generic_assay_type", "").upper()
    if kind in ASSAY_OF_GENERIC_TYPE:
        return ASSAY_OF_GENERIC_TYPE[kind]
    unit = _declared(meta, units)
    possible = [assay for assay in _OF_NO_GENES if unit in ASSAYS[assay].units]
    if len(possible) == 1:
        return possible[0]
    message = f"is a generic assay of type {kind or 'unknown'}, which is no assay of metarisk"
    do = "To read it as signatures or cell fractions declare its unit under units: score or fraction."
    found.append(warning(meta.file.name, message + "; it was left out", do))
    return None


def _declared(meta: Meta, units: Mapping[str, str]) -> str:
    return units.get(meta.file.name, units.get(meta.file.name.removesuffix(".gz"), ""))


def _unit(assay: Assay, meta: Meta, units: Mapping[str, str]) -> str:
    return _declared(meta, units) or UNIT_OF.get((assay, meta.datatype), "")


def _rank(meta: Meta, unit: str, units: Mapping[str, str]) -> tuple[bool, bool, bool]:
    return not _declared(meta, units), unit not in _BEST_FIRST, unit in CENTRED_UNITS


def _belongs(assay: Assay, meta: Meta, unit: str, found: Found) -> bool:
    known = ASSAYS[assay].units
    if unit not in known:
        message = f"declared as {unit}, which is no unit of {assay}"
        found.append(error(meta.file.name, message, f"Choose one of: {', '.join(known)}."))
    return unit in known


def _tell_unread(assay: Assay, metas: Sequence[Meta], read: Meta | None, found: Found) -> None:
    for meta in metas:
        declared = ", ".join(ASSAYS[assay].units)
        do = f"Declare its unit under units in the study file: {meta.file.name}: one of {declared}."
        if read is not None:
            message = f"was not read: another file gives {assay} ({read.file.name})"
            found.append(warning(meta.file.name, message, do))
        else:
            message = f"is {assay} of datatype {meta.datatype or 'unknown'}, which says no unit"
            found.append(error(meta.file.name, message, do))
