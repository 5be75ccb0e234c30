"""More clinical tables that join the first one by an id."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from metarisk.config.study_tables import ClinicalFile, FurtherTable
from metarisk.data.barcodes import SAMPLE_LENGTH
from metarisk.data.found import Found, error, warning
from metarisk.data.plain.place import inside
from metarisk.data.text import TextTable, check_ids, read_text, require_columns
from metarisk.errors import first_ten


class Columns(NamedTuple):
    """Clinical columns as text, and the file that each one comes from."""

    frame: pd.DataFrame
    origin: dict[str, str]


def join_further(first: TextTable, declared: ClinicalFile, folder: Path, found: Found) -> Columns:
    """Columns of the first table and of every further one; empty in the rows that a further table lacks."""
    columns = Columns(first.frame, dict.fromkeys(map(str, first.frame.columns), first.name))
    for further in declared.further:
        table = _readable(further, folder, found)
        if table is not None and require_columns(first, (further.joins,), found):
            columns = _joined(columns, table, further, declared.barcode is not None, found)
    return columns


def _readable(further: FurtherTable, folder: Path, found: Found) -> TextTable | None:
    path = inside(folder, further.file, found)
    table = None if path is None else read_text(path, found)
    if table is None or not require_columns(table, (further.column,), found):
        return None
    return table if check_ids(table, further.column, found, unique=True) else None


def _joined(
    columns: Columns, table: TextTable, further: FurtherTable, barcodes: bool, found: Found
) -> Columns:
    indexed = table.frame.set_index(further.column)
    if barcodes:
        # Xena names the vial (-01A) in one table and the sample (-01) in another: the first vial by name.
        indexed = indexed.sort_index().rename(index=lambda barcode: str(barcode)[:SAMPLE_LENGTH])
        indexed = indexed[~indexed.index.duplicated()]
    twice = [name for name in indexed.columns if name in columns.frame.columns]
    if twice:
        message = f"has columns that another clinical table has already ({first_ten(twice)})"
        found.append(warning(table.name, message, "The first table's were read; rename them to read these."))
    ids = columns.frame[further.joins]
    _tell_strangers(set(indexed.index), set(ids), table.name, found)
    new = indexed.drop(columns=twice)
    joined = new.reindex(ids, fill_value="").set_axis(columns.frame.index)
    origin = columns.origin | dict.fromkeys(map(str, new.columns), table.name)
    return Columns(pd.concat([columns.frame, joined], axis=1), origin)


def _tell_strangers(theirs: set[str], ours: set[str], file: str, found: Found) -> None:
    if not theirs & ours:
        message = f"shares no id with the first clinical table ({first_ten(sorted(theirs))})"
        do = f"Its ids should look like {first_ten(sorted(ours)[:3])}; check `column` and `joins`."
        found.append(error(file, message, do))
    elif strange := sorted(theirs - ours):
        message = f"{len(strange)} of its {len(theirs)} ids are not in the first clinical table"
        found.append(warning(file, f"{message} ({first_ten(strange)})", "Their rows were left out."))
