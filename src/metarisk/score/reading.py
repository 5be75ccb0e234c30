"""Scores read back, their hash and page checksums verified first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from metarisk.errors import InputError
from metarisk.files import sha256_of
from metarisk.schema.scores import COLUMNS, DTYPES
from metarisk.score.layout import FORMAT, FORMAT_VERSION, MANIFEST, SCORES


def read_scores(folder: Path) -> pd.DataFrame:
    """Table of scores of a folder that `score_to` wrote.

    Returns
    -------
    DataFrame
        Columns of `metarisk.schema.scores`; ``probability`` is higher for worse, for ``response`` for better.

    Raises
    ------
    InputError
        If the folder holds no scores, or they are of another format or were altered or cut.
    """
    manifest = check_scores(folder)
    try:
        table = pq.read_table(folder / SCORES, page_checksum_verification=True, use_threads=False)
    except (pa.ArrowException, OSError) as caught:
        raise InputError(f"{folder.name}: {SCORES} is damaged ({caught})", do="Score again.") from caught
    if table.num_rows != manifest["rows"] or tuple(table.column_names) != COLUMNS:
        raise InputError(
            f"{folder.name}: {SCORES} has {table.num_rows} rows and {table.num_columns} columns",
            expected=f"{manifest['rows']} rows and {len(COLUMNS)} columns",
            do="The manifest belongs to another table; score again.",
        )
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype(DTYPES)


def check_scores(folder: Path) -> dict[str, Any]:
    """Manifest of a folder of scores, the table's hash verified; raises like `read_scores`."""
    manifest = _read_manifest(folder)
    path = folder / SCORES
    if not path.is_file():
        raise InputError(f"{folder.name}: {SCORES} is missing", do="Copy the whole folder, or score again.")
    found, recorded = sha256_of(path), str(manifest["files"][SCORES])
    if found != recorded:
        raise InputError(
            f"{folder.name}: {SCORES} ({path.stat().st_size} bytes) hashes to {found[:12]}",
            expected=f"{recorded[:12]} as {MANIFEST} says",
            do="It was altered or cut: copy it again, or score again.",
        )
    return manifest


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        version = manifest["format_version"] if manifest["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError) as caught:
        raise InputError(
            f"{folder} holds no readable {MANIFEST}",
            expected="a folder that `metarisk score` wrote",
            do="Name that folder, or score again.",
        ) from caught
    if version != FORMAT_VERSION:
        raise InputError(
            f"{folder.name}: {MANIFEST} is of format version {version}",
            expected=f"version {FORMAT_VERSION}",
            do="Read it with the metarisk that wrote it, or score again.",
        )
    return manifest
