"""Matrices of a study folder, genes or entities in rows, to tables of an assay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from metarisk.data.cbioportal.meta import Meta
from metarisk.data.cbioportal.scope import Scope
from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, error, warning
from metarisk.data.matrices import Matrix, assay_table
from metarisk.data.numbers import NumberTable, read_numbers
from metarisk.data.profile import Profile
from metarisk.data.text import TextTable, check_ids, is_missing, read_text, require_columns
from metarisk.schema.assays import Assay

SYMBOL, ENTREZ, ENTITY = "Hugo_Symbol", "Entrez_Gene_Id", "ENTITY_STABLE_ID"
# Columns that name a row, best first.
NAMING_COLUMNS = (SYMBOL, "Composite.Element.REF", ENTREZ, ENTITY, "geneset_id")
TEXT_COLUMNS = ("Cytoband", "NAME", "DESCRIPTION", "URL")
META_PROPERTIES = "generic_entity_meta_properties"
LONG = "DISCRETE_LONG"
LONG_SAMPLE, LONG_VALUE = "Sample_Id", "Value"


def read_matrix(assay: Assay, meta: Meta, unit: str, scope: Scope, found: Found) -> AssayTable | None:
    """Table of an assay from a matrix of the study; None with the reason added to ``found``."""
    matrix = _long(meta, found) if meta.datatype == LONG else _wide(meta, found)
    if matrix is None or _is_turned(matrix, scope, found):
        return None
    return assay_table(assay, unit, matrix, scope.setting, found)


def _is_turned(matrix: Matrix, scope: Scope, found: Found) -> bool:
    """True, with an error, where samples stand in the rows and none in the columns."""
    known = frozenset(scope.samples.tolist()) | scope.left_out
    turned = not known.isdisjoint(matrix.names) and known.isdisjoint(matrix.sample_ids)
    if turned:
        message = "has the sample ids in its rows, where genes were expected"
        do = "Turn it: a study folder's matrix has a row a gene and a column a sample."
        found.append(error(matrix.file, message, do))
    return turned


def _wide(meta: Meta, found: Found) -> Matrix | None:
    """A row a gene, a column a sample."""
    properties = [name.strip() for name in meta.fields.get(META_PROPERTIES, "").split(",") if name.strip()]
    table = read_numbers(meta.file, (*NAMING_COLUMNS, *TEXT_COLUMNS, *properties), found)
    names = None if table is None else _names_of_rows(table, found)
    if table is None or names is None:
        return None
    lines = tuple(range(table.first_line, table.first_line + len(names)))
    return Matrix(table.name, np.array(table.columns, dtype=str), names, table.values.T, lines)


def _names_of_rows(table: NumberTable, found: Found) -> tuple[str, ...] | None:
    """Symbols where the file has them, else what stands in their place."""
    for column in NAMING_COLUMNS:
        if column in table.ids.columns and (table.ids[column] != "").any():
            return tuple(table.ids[column])
    message = f"has no column {SYMBOL} and no column {ENTREZ}"
    found.append(error(table.name, message, "Name the column of genes as cBioPortal does."))
    return None


def _long(meta: Meta, found: Found) -> Matrix | None:
    """A row a gene and sample; a pair that has no row was not measured."""
    table = read_text(meta.file, found, (SYMBOL, ENTREZ, LONG_SAMPLE, LONG_VALUE))
    if table is None:
        return None
    gene = ENTREZ if SYMBOL not in table.frame.columns and ENTREZ in table.frame.columns else SYMBOL
    if not require_columns(table, (gene, LONG_SAMPLE, LONG_VALUE), found):
        return None
    if not check_ids(table, LONG_SAMPLE, found, unique=False) or _repeats(table, gene, found):
        return None
    values = pd.to_numeric(table.frame[LONG_VALUE].str.strip(), errors="coerce")
    wrong = values.isna().to_numpy() & ~is_missing(table.frame[LONG_VALUE])
    if wrong.any():
        message = f"holds {wrong.sum()} values that are not numbers"
        do = "Write the level as a number, and NA where nothing was measured."
        found.append(error(table.name, message, do, lines=table.lines(wrong), column=LONG_VALUE))
        return None
    grid = pd.DataFrame({"gene": table.frame[gene], "sample": table.frame[LONG_SAMPLE], "value": values})
    square = grid.pivot(index="sample", columns="gene", values="value")
    _tell_pairs_without_rows(square.size - len(grid), square.shape, table.name, found)
    return Matrix(
        table.name,
        square.index.to_numpy(dtype=str),
        tuple(map(str, square.columns)),
        square.to_numpy(dtype=np.float32, copy=True),
    )


def _repeats(table: TextTable, gene: str, found: Found) -> bool:
    twice = table.frame.duplicated([gene, LONG_SAMPLE], keep=False).to_numpy()
    if twice.any():
        message = f"{twice.sum()} rows tell one gene of one sample more than once"
        found.append(error(table.name, message, "Keep one row of each.", lines=table.lines(twice)))
    return bool(twice.any())


def _tell_pairs_without_rows(count: int, shape: tuple[int, ...], file: str, found: Found) -> None:
    if count:
        message = f"{count} of {shape[0] * shape[1]} pairs of gene and sample have no row"
        do = "They count as not measured; write level 0 where a gene was measured and is not altered."
        found.append(warning(file, message, do))


def mask_unmeasured(table: AssayTable, profile: Profile) -> AssayTable:
    """NaN where a gene is not on the sample's panel; samples that were not measured are left out."""
    rows = np.flatnonzero(np.isin(table.sample_ids, profile.sample_ids))
    taken = table.take(rows)
    order = {sample: n for n, sample in enumerate(profile.sample_ids)}
    position = np.array([order[sample] for sample in taken.sample_ids], dtype=np.intp)
    measured = profile.measured(table.genes)[position]
    values = np.where(measured[:, :, None], taken.values, np.float32(np.nan))
    return replace(taken, values=values, panels=profile.panels[position])
