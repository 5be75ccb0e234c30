"""Scores as CSV for people who open them in a spreadsheet; no id there can act as a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pyarrow.parquet as pq

from metarisk.errors import OutputError
from metarisk.files import written
from metarisk.schema.scores import COLUMNS, DTYPES
from metarisk.score.layout import SCORES
from metarisk.score.reading import check_scores

# OWASP, "CSV injection": a spreadsheet reads a cell that starts with one of these as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def export_csv(scores: Path, csv_file: Path, *, overwrite: bool = False) -> None:
    """Write a folder of scores as one CSV file, row by row in the same order.

    Text that a spreadsheet would run as a formula gets an apostrophe before it; numbers are written so that
    they read back to the same double, unknown ones as nothing.

    Parameters
    ----------
    scores
        Folder that `score_to` wrote.
    csv_file
        File to make; it appears only when it is whole.
    overwrite
        Replace a file that stands there.

    Raises
    ------
    InputError
        If the scores were altered or cut.
    OutputError
        If the file exists and may not be replaced, or cannot be written.
    """
    if csv_file.is_dir() or (csv_file.exists() and not overwrite):
        raise OutputError(f"{csv_file} exists", do="Choose another file, or allow it with --overwrite.")
    check_scores(scores)
    with written(csv_file) as draft, draft.open("x", encoding="utf-8", newline="") as stream:
        _write_rows(stream, scores / SCORES)


def escape_formula(text: str) -> str:
    """Text that a spreadsheet shows and does not run."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _write_rows(stream: TextIO, path: Path) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    with pq.ParquetFile(path, page_checksum_verification=True) as table:
        for part in table.iter_batches(columns=list(COLUMNS)):
            writer.writerows(_cells(part.to_pydict()))


def _cells(columns: dict[str, list[str | float | None]]) -> Iterator[tuple[str, ...]]:
    shown = [[_cell(name, value) for value in columns[name]] for name in COLUMNS]
    return zip(*shown, strict=True)


def _cell(name: str, value: str | float | None) -> str:
    if value is None:
        return ""
    return repr(value) if name in DTYPES else escape_formula(str(value))
