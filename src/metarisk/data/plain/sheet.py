"""Samples with a file each, as the Genomic Data Commons gives them, to one matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from metarisk.config.study_tables import AssayFile, SampleSheet
from metarisk.data.found import Found, error
from metarisk.data.numbers import NumberTable, read_numbers
from metarisk.data.plain.place import inside
from metarisk.data.text import TextTable, read_text, require_columns


def read_sheet(declared: AssayFile, sheet: SampleSheet, folder: Path, found: Found) -> NumberTable | None:
    """The files that a sample sheet lists as one matrix, genes in rows, a column a sample, in its order."""
    files = listed_files(declared, sheet, folder, found)
    if files is None:
        return None
    tables = [_one_sample(path, declared.id_column, sheet.value_column, found) for path in files["path"]]
    read = [table for table in tables if table is not None]
    if len(read) < len(files) or not _same_genes(read, declared.id_column, found):
        return None
    values = np.concatenate([table.values for table in read], axis=1)
    return NumberTable(sheet.file.name, read[0].ids, tuple(files["sample"]), values, read[0].first_line)


def listed_files(declared: AssayFile, sheet: SampleSheet, folder: Path, found: Found) -> pd.DataFrame | None:
    """Columns ``path`` and ``sample``, one row a file of the sheet; None with the reason in ``found``."""
    where = inside(folder, sheet.file, found)
    table = None if where is None else read_text(where, found)
    columns = [sheet.file_column, sheet.sample_column]
    columns += [] if sheet.folder_column is None else [sheet.folder_column]
    if table is None or not require_columns(table, columns, found):
        return None
    names = _relative(table, sheet)
    paths = [inside(folder, declared.file / name, found) for name in names]
    if any(path is None for path in paths):
        return None
    return pd.DataFrame({"path": paths, "sample": table.frame[sheet.sample_column]})


def _relative(table: TextTable, sheet: SampleSheet) -> list[Path]:
    names = [Path(name) for name in table.frame[sheet.file_column]]
    if sheet.folder_column is None:
        return names
    return [Path(place) / name for place, name in zip(table.frame[sheet.folder_column], names, strict=True)]


def _one_sample(path: Path, id_column: str, value_column: str, found: Found) -> NumberTable | None:
    return read_numbers(path, (id_column,), found, only=(value_column,))


def _same_genes(tables: list[NumberTable], id_column: str, found: Found) -> bool:
    """True if all files list the same genes in the same order, as one gene model gives them."""
    first = tables[0]
    other = [table.name for table in tables[1:] if not table.ids[id_column].equals(first.ids[id_column])]
    for name in other[:10]:
        message = f"lists other genes than {first.name}"
        found.append(error(name, message, "Fetch all files of one release: they share a gene model."))
    return not other
