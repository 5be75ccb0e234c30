"""Mutations of a MAF by class: truncating, missense, in frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metarisk.data.calls import Calls
from metarisk.data.found import Found, error, warning
from metarisk.data.mutation_classes import (
    CLASS_CHANNELS,
    IN_FRAME,
    LEFT_OUT,
    MISSENSE,
    PROMOTER_CLASS,
    PROMOTER_GENE,
    SILENT_CLASSES,
    TRUNCATING,
)
from metarisk.data.setting import Setting
from metarisk.data.text import TextTable, read_text, require_columns
from metarisk.errors import first_ten

COLUMNS = ("Hugo_Symbol", "Tumor_Sample_Barcode")
CLASS_COLUMN = "Variant_Classification"
ALLELE_COLUMNS = ("Reference_Allele", "Tumor_Seq_Allele2")
TYPE_COLUMN = "Variant_Type"

SUBSTITUTIONS = frozenset({"SNP", "SNV", "DNP", "TNP", "ONP", "MNP"})


def read_mutations(path: Path, setting: Setting, found: Found) -> Calls | None:
    """Protein-changing mutations of a MAF; None with the reason added to ``found``.

    Without a column of classes the alleles tell: a substitution is missense (a nonsense or splice
    substitution cannot be told apart there), an insertion or deletion of a multiple of three bases is in
    frame, any other truncates.
    """
    table = read_text(path, found, (*COLUMNS, CLASS_COLUMN, *ALLELE_COLUMNS, TYPE_COLUMN))
    if table is None or not require_columns(table, COLUMNS, found):
        return None
    channels = _channels(table, setting.study.mutation_class, found)
    if channels is None:
        return None
    names = table.frame["Hugo_Symbol"].str.strip().replace("Unknown", "")
    nameless = (names == "").to_numpy()
    _tell_nameless(table, nameless, found)
    resolution = setting.resolve(names[~nameless], path.name)
    found.extend(resolution.findings)
    symbols = names.map(resolution.by_name)
    kept = symbols.notna().to_numpy() & (channels != LEFT_OUT)
    return Calls(
        table.frame["Tumor_Sample_Barcode"][kept].to_numpy(dtype=str),
        symbols[kept].to_numpy(dtype=str),
        channels[kept],
    )


def _channels(table: TextTable, source: str, found: Found) -> NDArray[np.intp] | None:
    """Channel of each mutation, `LEFT_OUT` where no protein changes, shape (M,)."""
    has_classes = CLASS_COLUMN in table.frame.columns
    if source == "classification" or (source == "auto" and has_classes):
        return _by_class(table, found) if require_columns(table, (CLASS_COLUMN,), found) else None
    if not require_columns(table, ALLELE_COLUMNS, found):
        return None
    by_alleles = _by_alleles(table)
    if has_classes:
        by_alleles[_by_class(table, found) == LEFT_OUT] = LEFT_OUT
    return by_alleles


def _by_class(table: TextTable, found: Found) -> NDArray[np.intp]:
    classes = table.frame[CLASS_COLUMN].str.upper()
    channels = np.array([CLASS_CHANNELS.get(name, LEFT_OUT) for name in classes], dtype=np.intp)
    promoter = (classes == PROMOTER_CLASS) & (table.frame["Hugo_Symbol"] == PROMOTER_GENE)
    channels[promoter.to_numpy()] = MISSENSE
    unknown = sorted(set(classes.unique()) - set(CLASS_CHANNELS) - SILENT_CLASSES)
    if unknown:
        rows = classes.isin(unknown).to_numpy()
        message = f"{rows.sum()} mutations are of unknown class ({first_ten(unknown)}) and were left out"
        do = "Use the MAF's own names of variant classes."
        found.append(warning(table.name, message, do, lines=table.lines(rows), column=CLASS_COLUMN))
    return channels


def _by_alleles(table: TextTable) -> NDArray[np.intp]:
    before, after = (table.frame[column].replace("-", "") for column in ALLELE_COLUMNS)
    change = (after.str.len() - before.str.len()).to_numpy()
    substituted = change == 0
    if TYPE_COLUMN in table.frame.columns:
        substituted |= table.frame[TYPE_COLUMN].str.upper().isin(SUBSTITUTIONS).to_numpy()
    indel = np.where(change % 3 == 0, IN_FRAME, TRUNCATING)
    channels: NDArray[np.intp] = np.array(np.where(substituted, MISSENSE, indel), dtype=np.intp)
    return channels


def _tell_nameless(table: TextTable, rows: NDArray[np.bool_], found: Found) -> None:
    if rows.all():
        found.append(error(table.name, "names no gene at all", "Fill in Hugo_Symbol.", column="Hugo_Symbol"))
    elif rows.any():
        message = f"{rows.sum()} mutations name no gene and were left out"
        do = "Fill in Hugo_Symbol where the gene is known."
        found.append(warning(table.name, message, do, lines=table.lines(rows), column="Hugo_Symbol"))
