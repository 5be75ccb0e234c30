"""Clinical columns that are rows of a matrix, samples in its columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from metarisk.config.study import ClinicalFile
from metarisk.data.found import Found, error
from metarisk.data.parquet import read_parquet
from metarisk.data.text import TextTable, read_text, require_columns, text_of_arrow
from metarisk.errors import nearest


def read_turned(path: Path, declared: ClinicalFile, found: Found) -> TextTable | None:
    """The clinical rows turned into columns, one row a sample; None with the reason added to ``found``."""
    table = _from_parquet(path, declared, found) if path.suffix == ".parquet" else read_text(path, found)
    if table is None or not require_columns(table, (declared.sample_column,), found):
        return None
    names = table.frame[declared.sample_column]
    if not _has_named_rows(table.name, names, declared.rows, found):
        return None
    clinical = table.frame[names.isin(declared.rows)].set_index(declared.sample_column)
    turned = clinical.T.rename_axis(columns=None).rename_axis(declared.sample_column).reset_index()
    return TextTable(table.name, turned, 1)


def _from_parquet(path: Path, declared: ClinicalFile, found: Found) -> TextTable | None:
    """The clinical rows as text, and no others: a matrix below them may hold millions of numbers.

    Where one of them is absent every row comes, so that the nearest name can be told.
    """
    table = read_parquet(path, found)
    if table is None:
        return None
    names = table.column(declared.sample_column) if declared.sample_column in table.column_names else None
    if names is not None and (pa.types.is_string(names.type) or pa.types.is_large_string(names.type)):
        clinical = table.filter(pc.is_in(names, pa.array(declared.rows, type=names.type)))
        table = clinical if clinical.num_rows >= len(declared.rows) else table
    return text_of_arrow(path.name, table)


def _has_named_rows(file: str, names: pd.Series, rows: Sequence[str], found: Found) -> bool:
    counts = names.value_counts()
    for row in rows:
        if counts.get(row, 0) == 0:
            found.append(error(file, f"has no row {row!r}", nearest(row, map(str, names)), value=row))
        elif counts[row] > 1:
            found.append(error(file, "the clinical row stands twice", "Keep one of the two.", value=row))
    return all(counts.get(row, 0) == 1 for row in rows)
