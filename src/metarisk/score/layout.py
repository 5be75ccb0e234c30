"""What stands in a folder of scores: a parquet table and the manifest that vouches for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from metarisk.schema.scores import COLUMNS, DTYPES

FORMAT = "metarisk.scores"
FORMAT_VERSION = 3
MANIFEST, SCORES = "scores.json", "scores.parquet"

SCHEMA = pa.schema([(name, pa.float64() if name in DTYPES else pa.string()) for name in COLUMNS])


def open_writer(path: Path) -> pq.ParquetWriter:
    """Writer of a table of scores; equal tables written in equal parts give equal bytes."""
    return pq.ParquetWriter(path, SCHEMA, compression="zstd", write_page_checksum=True)


def arrow_of(scores: pd.DataFrame) -> pa.Table:
    """Scores as they stand on disk: NaN is null, nothing of pandas beside the columns."""
    return pa.Table.from_pandas(scores, schema=SCHEMA, preserve_index=False).replace_schema_metadata(None)


def write_manifest(folder: Path, tree: dict[str, Any]) -> None:
    """Write ``scores.json``; it holds no time and no place, so equal scores have equal manifests."""
    text = json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
