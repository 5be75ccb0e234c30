"""A single table of samples, one row each with a map an assay, as a file: parquet, TSV or CSV."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from metarisk.data.cohort import Cohort
from metarisk.data.found import Found, error
from metarisk.data.parquet import read_parquet
from metarisk.data.rows import cohort_of
from metarisk.data.text import TextTable, check_ids, is_missing, read_text, require_columns
from metarisk.errors import InvalidStudyError
from metarisk.files import sha256_of
from metarisk.schema.assays import ASSAYS
from metarisk.schema.clinical import NUMERIC, is_clinical_number
from metarisk.schema.findings import errors_of
from metarisk.score.cells import GeneMaps, as_map, maps_of, numbers_of

SUFFIXES = (".parquet", ".tsv", ".csv", ".txt", ".tsv.gz", ".csv.gz", ".txt.gz")
ID = "sample_id"


def is_table(path: Path) -> bool:
    """True for a file whose name ends like a table's."""
    return path.is_file() and path.name.lower().endswith(SUFFIXES)


def read_table(path: Path) -> Cohort:
    """Cohort of one table in the row format of `metarisk.data.rows`.

    Parameters
    ----------
    path
        Parquet, tab-separated or comma-separated text (gzipped or not), one row a sample. An assay's column
        holds a map from gene to number: a map or struct in parquet, a JSON object in text, nothing where the
        assay was not measured.

    Raises
    ------
    InvalidStudyError
        If the table cannot be read, an id is empty, repeated or holds white space, or a cell is no number or
        no JSON object; all of its faults are in ``findings``.
    InputError
        If a unit, a gene's channel or a value is not what the row format allows.
    """
    found: Found = []
    rows = _read_maps(path, found) if path.suffix == ".parquet" else _read_cells(path, found)
    if rows is None or errors_of(found):
        raise refusal_of(path, found)
    cohort = cohort_of(rows, path.name)
    return replace(cohort, provenance=replace(cohort.provenance, sha256=sha256_of(path)))


def _read_maps(path: Path, found: Found) -> pd.DataFrame | None:
    """Rows of a parquet table; a map arrives as pairs, a struct as a dict with None for what it lacks."""
    table = read_parquet(path, found)
    if table is None:
        return None
    frame: pd.DataFrame = with_text_ids(table).to_pandas()
    named = TextTable(path.name, frame, 1)
    if not require_columns(named, [ID], found) or not check_ids(named, ID, found, unique=True):
        return None
    for name in assay_columns(frame):
        cells = [as_map(cell) for cell in frame[name]]
        if any(isinstance(cell, str) for cell in cells):
            cells = _parsed(named, name, frame[name].fillna("").astype(str), found)
        frame[name] = pd.Series(cells, index=frame.index, dtype=object)
    return frame


def with_text_ids(table: pa.Table) -> pa.Table:
    """The table with its sample ids as text, empty where there is none."""
    if ID not in table.column_names:
        return table
    text = table.column(ID).cast(pa.string()).fill_null("")
    return table.set_column(table.column_names.index(ID), ID, text)


def _read_cells(path: Path, found: Found) -> pd.DataFrame | None:
    """Rows of a text table, every cell what its column must be."""
    table = read_text(path, found)
    if table is None or not require_columns(table, [ID], found):
        return None
    check_ids(table, ID, found, unique=True)
    columns = {str(name): _typed(table, str(name), found) for name in table.frame.columns}
    return pd.DataFrame(columns, index=table.frame.index)


def _typed(table: TextTable, name: str, found: Found) -> pd.Series:
    cells = table.frame[name]
    if name == ID:
        return cells
    if is_clinical_number(name):
        return _numbers(table, name, found)
    if name in set(ASSAYS):
        return pd.Series(_parsed(table, name, cells, found), index=cells.index, dtype=object)
    return cells.mask(is_missing(cells), None)


def _numbers(table: TextTable, name: str, found: Found) -> pd.Series:
    cells = table.frame[name]
    numbers, wrong = numbers_of(cells)
    if wrong.any():
        message = f"{wrong.sum()} cells are not numbers"
        unit = NUMERIC[name].unit if name in NUMERIC else "a number"
        do = f"Write {unit} with a decimal point, or leave the cell empty."
        found.append(error(table.name, message, do, lines=table.lines(wrong), column=name))
    return numbers


def _parsed(table: TextTable, name: str, cells: pd.Series, found: Found) -> GeneMaps:
    maps, wrong = maps_of(cells)
    if wrong.any():
        message = f"{wrong.sum()} cells are not JSON objects"
        do = 'Write {"GENE": number, ...}, or leave the cell empty where the assay was not measured.'
        found.append(error(table.name, message, do, lines=table.lines(wrong), column=name))
    return maps


def assay_columns(frame: pd.DataFrame) -> list[str]:
    """Columns that hold an assay's maps."""
    return [str(name) for name in frame.columns if name in set(ASSAYS)]


def refusal_of(path: Path, found: Found) -> InvalidStudyError:
    """The first error of a table in a sentence, with all findings."""
    errors = errors_of(found)
    first = errors[0]
    more = f" ({len(errors) - 1} more errors)" if len(errors) > 1 else ""
    where = f", column {first.column}" if first.column else ""
    return InvalidStudyError(f"{path.name}{where}: {first.message}{more}", do=first.do, findings=found)
