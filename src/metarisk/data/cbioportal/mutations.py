"""Mutations of a MAF by class, and whether each stands at a recurrent position."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.build import settle_build, weigh_build
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
from metarisk.data.places import ALTERNATE, PLACE_COLUMNS, REFERENCE, Places, places_in
from metarisk.data.recurrence import at_hotspots
from metarisk.data.setting import Setting
from metarisk.data.text import TextTable, in_capitals, read_text, require_columns, stripped
from metarisk.errors import first_ten

SAMPLE_COLUMN = "Tumor_Sample_Barcode"
GENE_COLUMNS = ("Hugo_Symbol", "Entrez_Gene_Id")
CLASS_COLUMN = "Variant_Classification"
ALLELE_COLUMNS = (REFERENCE, ALTERNATE)
OTHER_ALLELE_COLUMN = "Tumor_Seq_Allele1"
TYPE_COLUMN = "Variant_Type"
STATUS_COLUMN = "Mutation_Status"
BUILD_COLUMN = "NCBI_Build"
CHANGE_COLUMNS = ("HGVSp_Short", "HGVSp", "Amino_Acid_Change")
POSITION_COLUMN = "Protein_position"
COLUMNS = (
    SAMPLE_COLUMN,
    *GENE_COLUMNS,
    CLASS_COLUMN,
    *PLACE_COLUMNS,
    OTHER_ALLELE_COLUMN,
    TYPE_COLUMN,
    STATUS_COLUMN,
    BUILD_COLUMN,
    *CHANGE_COLUMNS,
    POSITION_COLUMN,
)

SUBSTITUTIONS = frozenset({"SNP", "SNV", "DNP", "TNP", "ONP", "MNP"})
# Not mutations of the tumour: inherited, the reference itself, or a lost copy.
NOT_SOMATIC = frozenset({"GERMLINE", "WILDTYPE", "LOH", "NONE", "REDACTED"})


def read_mutations(path: Path, setting: Setting, found: Found) -> Calls | None:
    """Protein-changing somatic mutations of a MAF; None with the reason added to ``found``.

    Without a column of classes the alleles tell: a substitution is missense (a nonsense or splice
    substitution cannot be told apart there), an insertion or deletion of a multiple of three bases is in
    frame, any other truncates.
    """
    table = read_text(path, found, COLUMNS)
    if table is None or not require_columns(table, (SAMPLE_COLUMN, _gene_column(table)), found):
        return None
    table = _with_tumours_allele(table)
    channels = _channels(table, setting.study.mutation_class, found)
    if channels is None:
        return None
    symbols = _symbols(table, setting, found)
    places = places_in(table.frame)
    build = _build(table, symbols, places, setting, found)
    kept = symbols.notna().to_numpy() & (channels != LEFT_OUT) & _somatic(table, found)
    rows, genes = table.frame[kept], symbols[kept].to_numpy(dtype=str)
    return Calls(
        rows[SAMPLE_COLUMN].to_numpy(dtype=str),
        genes,
        channels[kept],
        at_hotspots(
            genes, channels[kept], _changes(rows), rows.get(POSITION_COLUMN), places.take(kept), build
        ),
        build,
    )


def _gene_column(table: TextTable) -> str:
    """Symbols where the file has them, else Entrez ids."""
    symbol, entrez = GENE_COLUMNS
    return entrez if symbol not in table.frame.columns and entrez in table.frame.columns else symbol


def _with_tumours_allele(table: TextTable) -> TextTable:
    """The table with the tumour's allele in one column: the first, where the second is the reference."""
    if not {OTHER_ALLELE_COLUMN, *ALLELE_COLUMNS} <= set(table.frame.columns):
        return table
    before, after = (table.frame[column] for column in ALLELE_COLUMNS)
    mended = after.where(after != before, table.frame[OTHER_ALLELE_COLUMN])
    return replace(table, frame=table.frame.assign(**{ALTERNATE: mended}))


def _somatic(table: TextTable, found: Found) -> NDArray[np.bool_]:
    """True where a mutation is the tumour's own, shape (M,); the others are counted."""
    if STATUS_COLUMN not in table.frame.columns:
        return np.ones(len(table.frame), dtype=bool)
    status = in_capitals(stripped(table.frame[STATUS_COLUMN]))
    other = status.isin(NOT_SOMATIC).to_numpy(dtype=bool)
    if other.any():
        kinds = ", ".join(sorted(status[other].str.lower().unique()))
        message = f"{other.sum()} rows are no somatic mutations ({kinds}) and were left out"
        found.append(warning(table.name, message, "Nothing to do.", column=STATUS_COLUMN))
    return ~other


def _symbols(table: TextTable, setting: Setting, found: Found) -> pd.Series:
    """Approved symbol of each row, missing where the gene is not known."""
    column = _gene_column(table)
    names = stripped(table.frame[column]).replace({"Unknown": "", "0": ""})
    nameless = (names == "").to_numpy()
    _tell_nameless(table, nameless, column, found)
    resolution = setting.resolve(names[~nameless], table.name)
    found.extend(resolution.findings)
    symbols = names.map(resolution.by_name)
    return symbols if setting.only is None else symbols.where(symbols.isin(setting.only))


def _build(table: TextTable, symbols: pd.Series, places: Places, setting: Setting, found: Found) -> str:
    names = table.frame[BUILD_COLUMN] if BUILD_COLUMN in table.frame.columns else None
    genes = symbols.fillna("").to_numpy(dtype=object)
    evidence = weigh_build(genes, places, names)
    return settle_build(setting.build, evidence, table, found)


def _changes(frame: pd.DataFrame) -> pd.Series:
    """Protein change of each row by the first of the columns that tells it."""
    told = pd.Series("", index=frame.index, dtype=object)
    for column in CHANGE_COLUMNS:
        if column in frame.columns:
            told = told.where(told != "", frame[column])
    return told


def _channels(table: TextTable, source: str, found: Found) -> NDArray[np.intp] | None:
    """Channel of each mutation, `LEFT_OUT` where no protein changes, shape (M,)."""
    has_classes = CLASS_COLUMN in table.frame.columns
    if source == "classification" or (source == "auto" and has_classes):
        return _by_class(table, found) if require_columns(table, (CLASS_COLUMN,), found) else None
    if not require_columns(table, ALLELE_COLUMNS, found):
        return None
    if source == "auto":
        message = f"has no column {CLASS_COLUMN}: alleles tell the class, and no stop is told from a missense"
        do = "Add the column, or say mutation_class: alleles in the study file if that is all there is."
        found.append(warning(table.name, message, do))
    by_alleles = _by_alleles(table)
    if has_classes:
        by_alleles[_by_class(table, found) == LEFT_OUT] = LEFT_OUT
    return by_alleles


def _by_class(table: TextTable, found: Found) -> NDArray[np.intp]:
    classes = in_capitals(table.frame[CLASS_COLUMN])
    channels = np.array([CLASS_CHANNELS.get(name, LEFT_OUT) for name in classes], dtype=np.intp)
    promoter = (classes == PROMOTER_CLASS) & (table.frame[_gene_column(table)] == PROMOTER_GENE)
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
        substituted |= in_capitals(table.frame[TYPE_COLUMN]).isin(SUBSTITUTIONS).to_numpy()
    indel = np.where(change % 3 == 0, IN_FRAME, TRUNCATING)
    channels: NDArray[np.intp] = np.array(np.where(substituted, MISSENSE, indel), dtype=np.intp)
    return channels


def _tell_nameless(table: TextTable, rows: NDArray[np.bool_], column: str, found: Found) -> None:
    if rows.all():
        found.append(error(table.name, "names no gene at all", f"Fill in {column}.", column=column))
    elif rows.any():
        message = f"{rows.sum()} mutations name no gene and were left out"
        do = f"Fill in {column} where the gene is known."
        found.append(warning(table.name, message, do, lines=table.lines(rows), column=column))
