"""Structural variants: a gene is present where it is a partner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.build import settle_build, weigh_build
from metarisk.data.calls import Calls
from metarisk.data.found import Found, error, warning
from metarisk.data.places import CHROMOSOME, START, places_in
from metarisk.data.setting import Setting
from metarisk.data.text import TextTable, in_capitals, read_text, require_columns, stripped

SAMPLE_COLUMN, STATUS_COLUMN, BUILD_COLUMN = "Sample_Id", "SV_Status", "NCBI_Build"
SIDES = ("Site1", "Site2")
# The older format: a row a gene of the fusion.
OLD_SAMPLE_COLUMN, OLD_STATUS_COLUMN = "Tumor_Sample_Barcode", "Fusion_Status"
OLD_GENE_COLUMNS = ("Hugo_Symbol", "Entrez_Gene_Id")


def read_structural_variants(path: Path, setting: Setting, found: Found) -> Calls | None:
    """Genes with a structural variant, one row a sample and partner; None with the reason in ``found``.

    Germline variants are left out where the file says so. A partner is named by symbol, else by Entrez id.
    """
    names = [column for side in SIDES for column in _gene_columns(side)]
    places = [f"{side}_{part}" for side in SIDES for part in ("Chromosome", "Position")]
    table = read_text(path, found, (SAMPLE_COLUMN, STATUS_COLUMN, BUILD_COLUMN, *names, *places))
    if table is None or not require_columns(table, (SAMPLE_COLUMN,), found):
        return None
    if not set(names) & set(table.frame.columns):
        message = f"names no partner (none of {', '.join(names)})"
        found.append(error(table.name, message, "Name the genes of each variant as cBioPortal does."))
        return None
    _tell_absent(table, found)
    somatic = table.frame[_somatic(table.frame, STATUS_COLUMN)]
    partners = [_partners(somatic, SAMPLE_COLUMN, _gene_columns(side), setting) for side in SIDES]
    return _calls(pd.concat(partners), table, setting, _build(table, setting, found), found)


def read_old_fusions(path: Path, setting: Setting, found: Found) -> Calls | None:
    """Genes of fusions in the portal's older format; None with the reason added to ``found``."""
    table = read_text(path, found, (OLD_SAMPLE_COLUMN, OLD_STATUS_COLUMN, *OLD_GENE_COLUMNS))
    if table is None or not require_columns(table, (OLD_SAMPLE_COLUMN, OLD_GENE_COLUMNS[0]), found):
        return None
    somatic = table.frame[_somatic(table.frame, OLD_STATUS_COLUMN)]
    return _calls(_partners(somatic, OLD_SAMPLE_COLUMN, OLD_GENE_COLUMNS, setting), table, setting, "", found)


def _tell_absent(table: TextTable, found: Found) -> None:
    """Tell columns that the portal's format has and the file has not, and what their absence means."""
    present = set(table.frame.columns)
    for side in SIDES:
        if present.isdisjoint(_gene_columns(side)):
            message = f"has no column {' or '.join(_gene_columns(side))}"
            found.append(warning(table.name, message, "Partners on that side count as not altered; add it."))
    if STATUS_COLUMN not in present:
        message = f"has no column {STATUS_COLUMN}"
        found.append(warning(table.name, message, "Every variant counts as somatic; add the column."))


def _gene_columns(side: str) -> tuple[str, str]:
    return f"{side}_Hugo_Symbol", f"{side}_Entrez_Gene_Id"


def _somatic(frame: pd.DataFrame, column: str) -> NDArray[np.bool_]:
    """True where a variant is not inherited, shape (M,)."""
    if column not in frame.columns:
        return np.ones(len(frame), dtype=bool)
    return in_capitals(stripped(frame[column])).ne("GERMLINE").to_numpy(dtype=bool)


def _partners(frame: pd.DataFrame, sample: str, columns: tuple[str, str], setting: Setting) -> pd.Series:
    """Name of the gene of each row, index sample id; rows without one are left out."""
    symbol, entrez = columns
    blank = pd.Series("", index=frame.index, dtype=object)
    names = stripped(frame[symbol]) if symbol in frame.columns else blank
    if entrez in frame.columns and setting.genes.entrez:
        ids = frame[entrez].str.strip().str.removesuffix(".0")
        names = names.where(names != "", ids.where(ids != "0", ""))
    named = names.set_axis(pd.Index(frame[sample]))
    return named[named != ""]


def _build(table: TextTable, setting: Setting, found: Found) -> str:
    """Genome build of the breakpoints; each side's are weighed."""
    names = table.frame[BUILD_COLUMN] if BUILD_COLUMN in table.frame.columns else None
    builds = []
    for side in SIDES:
        places = places_in(table.frame, {CHROMOSOME: f"{side}_Chromosome", START: f"{side}_Position"})
        # A breakpoint lies anywhere in its gene, so no codon is asked.
        evidence = weigh_build(np.full(len(table.frame), "", dtype=object), places, names)
        if evidence.positions:
            builds.append(settle_build(setting.build, evidence, table, found))
    return next(filter(None, builds), "")


def _calls(partners: pd.Series, table: TextTable, setting: Setting, build: str, found: Found) -> Calls:
    resolution = setting.resolve(partners, table.name)
    found.extend(resolution.findings)
    symbols = partners.map(resolution.by_name).dropna()
    if setting.only is not None:
        symbols = symbols[symbols.isin(setting.only)]
    return Calls(
        symbols.index.to_numpy(dtype=str),
        symbols.to_numpy(dtype=str),
        np.zeros(len(symbols), dtype=np.intp),
        build=build,
    )
