"""A cohort on disk: checksummed parquet with a manifest, whole or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from metarisk.data.cohort import AssayTable, Cohort, FloatArray, Provenance
from metarisk.errors import InputError
from metarisk.files import placed, sha256_of
from metarisk.schema.assays import ASSAYS, Assay

FORMAT_VERSION = 1
MANIFEST = "cohort.json"
CLINICAL, ENDPOINTS = "clinical.parquet", "endpoints.parquet"


def is_stored_cohort(path: Path) -> bool:
    """True for a folder with a manifest."""
    return (path / MANIFEST).is_file()


def write_cohort(cohort: Cohort, folder: Path, *, overwrite: bool = False) -> None:
    """Write a cohort; the folder appears under its name only when every file is on disk.

    Raises
    ------
    OutputError
        If the folder exists and may not be replaced, or cannot be written.
    """
    with placed(folder, overwrite=overwrite, marker=MANIFEST) as draft:
        _write_files(cohort, draft)


def read_cohort(folder: Path) -> Cohort:
    """Read a cohort that `write_cohort` wrote; every file's hash and page checksums are verified first.

    Raises
    ------
    InputError
        If the manifest is missing or of another format, or a file was altered, cut or removed.
    """
    manifest = _read_manifest(folder)
    for name, recorded in manifest["files"].items():
        _verify(folder, name, recorded)
    clinical, endpoints = (_read_frame(folder / name) for name in (CLINICAL, ENDPOINTS))
    assays = {
        Assay(name): _read_assay(folder, Assay(name), told, clinical.index)
        for name, told in manifest["assays"].items()
    }
    told = manifest["provenance"]
    return Cohort(clinical, assays, endpoints, Provenance(told["name"], told["licence"], told["sha256"]))


def _write_files(cohort: Cohort, draft: Path) -> None:
    _write_table(pa.Table.from_pandas(cohort.clinical), draft / CLINICAL)
    _write_table(pa.Table.from_pandas(cohort.endpoints), draft / ENDPOINTS)
    for assay, table in cohort.assays.items():
        _write_table(_arrow_of(table), draft / f"{assay}.parquet")
    text = json.dumps(_manifest(cohort, draft), indent=2, ensure_ascii=False)
    (draft / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _arrow_of(table: AssayTable) -> pa.Table:
    """One row a sample: id, unit, and its G x C float32 as little-endian bytes, NaN where unmeasured."""
    rows = np.ascontiguousarray(table.values, dtype="<f4").reshape(len(table.sample_ids), -1)
    if not rows.shape[1]:  # parquet has no bytes of length 0: an assay without genes gets a placeholder
        rows = np.zeros((len(rows), 1), dtype="<f4")
    width = rows.shape[1] * rows.itemsize
    values = pa.Array.from_buffers(pa.binary(width), len(rows), [None, pa.py_buffer(rows.tobytes())])
    return pa.table({"sample_id": table.sample_ids.tolist(), "unit": table.units.tolist(), "values": values})


def _write_table(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_page_checksum=True)


def _manifest(cohort: Cohort, draft: Path) -> dict[str, Any]:
    return {
        "format": "metarisk cohort",
        "format_version": FORMAT_VERSION,
        "samples": len(cohort),
        "provenance": {
            "name": cohort.provenance.name,
            "licence": cohort.provenance.licence,
            "sha256": cohort.provenance.sha256,
        },
        "assays": {str(assay): _told(table) for assay, table in cohort.assays.items()},
        "files": {path.name: _fingerprint(path) for path in sorted(draft.glob("*.parquet"))},
    }


def _told(table: AssayTable) -> dict[str, Any]:
    measured, counts = np.unique(table.units[table.units != ""], return_counts=True)
    return {
        "shape": list(table.values.shape),
        "channels": list(ASSAYS[table.assay].channels),
        "units": dict(zip(measured.tolist(), counts.tolist(), strict=True)),
        "genes": list(table.genes),
    }


def _fingerprint(path: Path) -> dict[str, Any]:
    return {
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
        "rows": pq.read_metadata(path).num_rows,
    }


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as caught:
        raise InputError(
            f"{folder} has no {MANIFEST}", do="Name a folder that metarisk wrote, or read the study again."
        ) from caught
    except (json.JSONDecodeError, UnicodeDecodeError) as caught:
        raise InputError(
            f"{path} is damaged ({caught})", do="Write the cohort again from its study."
        ) from caught
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path} is of format version {version}",
            expected=f"version {FORMAT_VERSION}",
            do="Read it with the metarisk that wrote it, or write it again from its study.",
        )
    return manifest


def _verify(folder: Path, name: str, recorded: Mapping[str, Any]) -> None:
    path = folder / name
    if Path(name).name != name or not path.is_file():
        raise InputError(
            f"{folder.name}: {name} is missing", do="Copy the whole folder, or write the cohort again."
        )
    size = path.stat().st_size
    if size != recorded["bytes"]:
        raise InputError(
            f"{folder.name}: {name} has {size} bytes",
            expected=f"{recorded['bytes']} bytes by the manifest",
            do="It was cut or replaced: copy it again, or write the cohort again from its study.",
        )
    if sha256_of(path) != recorded["sha256"]:
        raise InputError(
            f"{folder.name}: {name} was altered after it was written (its SHA-256 is not the manifest's)",
            do="Copy it again, or write the cohort again from its study.",
        )


def _read_arrow(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as caught:
        raise InputError(f"{path.name} is damaged ({caught})", do="Write the cohort again.") from caught


def _read_frame(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = _read_arrow(path).to_pandas()
    return frame


def _numbers_of(chunk: pa.FixedSizeBinaryArray) -> FloatArray:
    """Numbers of a chunk of rows, flat; a chunk may be a window into a longer buffer."""
    width = chunk.type.byte_width
    start, stop = chunk.offset * width, (chunk.offset + len(chunk)) * width
    return np.frombuffer(chunk.buffers()[1], dtype="<f4")[start // 4 : stop // 4].astype(
        np.float32, copy=False
    )


def _read_assay(folder: Path, assay: Assay, told: Mapping[str, Any], samples: pd.Index) -> AssayTable:
    table = _read_arrow(folder / f"{assay}.parquet")
    shape = tuple(told["shape"])
    flat = np.concatenate([_numbers_of(chunk) for chunk in table.column("values").chunks])
    values = flat[: math.prod(shape)].reshape(shape)
    ids = np.array(table.column("sample_id").to_pylist(), dtype=str)
    if not np.array_equal(ids, samples.to_numpy(dtype=str)):
        raise InputError(
            f"{folder.name}: {assay} has other samples than {CLINICAL}", do="Write the cohort again."
        )
    units = np.array(table.column("unit").to_pylist(), dtype=str)
    return AssayTable(assay, ids, tuple(told["genes"]), values, units)
