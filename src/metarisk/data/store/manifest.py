"""The manifest of a stored cohort: what stands in the folder, and the hashes that vouch for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from metarisk import __version__
from metarisk.errors import InputError, first_ten
from metarisk.files import sha256_of
from metarisk.schema.assays import Assay

FORMAT_VERSION = 2
MANIFEST = "cohort.json"
CLINICAL, ENDPOINTS, DATED = "clinical.parquet", "endpoints.parquet", "dated.parquet"
TABLES = (CLINICAL, ENDPOINTS, DATED)

AGAIN = "Copy it again, or write the cohort again from its study."


def is_stored_cohort(path: Path) -> bool:
    """True for a folder with a manifest."""
    return (path / MANIFEST).is_file()


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write ``cohort.json``: the facts, every parquet file's fingerprint, and a hash over both."""
    tree = {
        "format": "metarisk cohort",
        "format_version": FORMAT_VERSION,
        "written_by": f"metarisk {__version__}",
        **facts,
        "files": {path.name: _fingerprint(path) for path in sorted(folder.glob("*.parquet"))},
    }
    text = json.dumps(tree | {"manifest_sha256": _sha256_of(tree)}, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Facts of a stored cohort.

    Raises
    ------
    InputError
        If there is no manifest, it was altered, or it is of another format.
    """
    path = folder / MANIFEST
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as caught:
        raise InputError(
            f"{folder} has no {MANIFEST}", do="Name a folder that metarisk wrote, or read the study again."
        ) from caught
    except (json.JSONDecodeError, UnicodeDecodeError) as caught:
        raise InputError(f"{path} is damaged ({caught})", do=AGAIN) from caught
    if not isinstance(tree, dict):
        raise InputError(f"{path} is damaged (it is no JSON object)", do=AGAIN)
    _check_version(path, tree)
    recorded = tree.pop("manifest_sha256", None)
    if recorded != _sha256_of(tree):
        raise InputError(
            f"{path} was altered after it was written (its SHA-256 is not the one it states)", do=AGAIN
        )
    _check_contents(path, tree)
    return tree


def verify_file(folder: Path, name: str, recorded: Mapping[str, Any], *, whole: bool) -> None:
    """Compare a file with its fingerprint; raises `InputError` if it was removed, cut or altered.

    Parameters
    ----------
    whole
        Hash every byte. Without it only the size is compared, and damage is found page by page, when read.
    """
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
    if whole and sha256_of(path) != recorded["sha256"]:
        raise InputError(
            f"{folder.name}: {name} was altered after it was written (its SHA-256 is not the manifest's)",
            do=AGAIN,
        )


def _check_version(path: Path, tree: Mapping[str, Any]) -> None:
    version = tree.get("format_version")
    if version == FORMAT_VERSION:
        return
    reader = tree.get("written_by", "the development versions of metarisk 0.1.0 that wrote format 1")
    raise InputError(
        f"{path} is of format version {version}",
        expected=f"version {FORMAT_VERSION}",
        do=f"Read it with {reader}, or write it again from its study with metarisk {__version__}.",
    )


def _check_contents(path: Path, tree: Mapping[str, Any]) -> None:
    """Refuse a manifest that vouches for less than the cohort, or names an assay nobody knows."""
    unknown = sorted(set(tree["assays"]) - set(Assay))
    needed = {*TABLES, *(f"{assay}.parquet" for assay in tree["assays"])}
    if unknown or not needed <= set(tree["files"]):
        raise InputError(
            f"{path} names {first_ten(unknown or sorted(needed - set(tree['files'])))}",
            expected="assays of metarisk.schema.assays, and a fingerprint of every file",
            do="Write the cohort again from its study.",
        )


def _fingerprint(path: Path) -> dict[str, Any]:
    return {
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
        "rows": pq.read_metadata(path).num_rows,
    }


def _sha256_of(tree: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()
