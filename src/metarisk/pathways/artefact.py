"""The topology as a folder: checksummed parquet, a manifest of hashes, one immutable version."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from metarisk.errors import OutputError, TopologyError
from metarisk.pathways.edges import RELATIONS
from metarisk.pathways.tables import TABLES, read_tables, write_tables
from metarisk.pathways.topology import Topology

FORMAT = "metarisk.topology"
FORMAT_VERSION = 1
MANIFEST = "topology.json"
BYTES_AT_ONCE = 1 << 22

Manifest = dict[str, Any]


def save_topology(topology: Topology, folder: Path, *, overwrite: bool = False) -> Manifest:
    """Write a topology under its final name in one step; equal topologies give equal bytes.

    Parameters
    ----------
    topology
        What to write.
    folder
        Folder to make: five parquet tables and ``topology.json``.
    overwrite
        Replace a topology that stands there; anything else is never replaced.

    Returns
    -------
    Manifest
        What ``topology.json`` says.

    Raises
    ------
    OutputError
        If the folder exists, or cannot be written.
    """
    folder = Path(folder)
    _check_free(folder, overwrite)
    partial = folder.with_name(f".{folder.name}.{uuid4().hex}.partial")
    try:
        partial.mkdir(parents=True)
        manifest = _write(topology, partial)
        _put_in_place(partial, folder)
    except OSError as error:
        raise OutputError(
            f"{folder.name}: the topology could not be written ({error.strerror or error})",
            do="Free space or choose a folder you may write to; nothing was left under that name.",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def load_topology(folder: Path) -> Topology:
    """Topology of a folder, every hash checked before it is believed.

    Raises
    ------
    TopologyError
        If the folder is no topology, is of another format version, lacks a file, or was altered.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    for table in TABLES:
        _check_file(folder / f"{table}.parquet", manifest["files"].get(f"{table}.parquet"))
    topology = replace(
        read_tables(folder, manifest["relations"]),
        name=manifest["name"],
        licences=tuple(manifest["licences"]),
    )
    if topology.sha256 != manifest["sha256"]:
        raise TopologyError(
            f"{folder.name}: the content hashes to {topology.sha256[:12]}",
            expected=f"{str(manifest['sha256'])[:12]} as {MANIFEST} says",
            do="The manifest does not belong to these tables; restore the folder or build it again.",
        )
    return topology


def read_manifest(folder: Path) -> Manifest:
    """Manifest of a topology folder, its format checked and nothing else read.

    Raises
    ------
    TopologyError
        If there is none, or it is of another format or version.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TopologyError(
            f"{folder.name}: {MANIFEST} cannot be read ({type(error).__name__})",
            expected="a folder that save_topology wrote",
            do="Point to the folder itself, or build the topology again.",
        ) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise TopologyError(
            f"{folder.name}: {MANIFEST} is not a topology's", do="Point to a folder that save_topology wrote."
        )
    _check_version(folder.name, manifest.get("format_version"))
    missing = {"name", "relations", "counts", "licences", "sha256", "files"} - manifest.keys()
    if missing:
        raise TopologyError(
            f"{folder.name}: {MANIFEST} lacks {', '.join(sorted(missing))}",
            do="The manifest was altered; restore it or build the topology again.",
        )
    return manifest


def _check_version(name: str, version: object) -> None:
    if version == FORMAT_VERSION:
        return
    older = isinstance(version, int) and version < FORMAT_VERSION
    raise TopologyError(
        f"{name}: topology format version {version!r}",
        expected=f"version {FORMAT_VERSION}",
        do="It is older than this metarisk reads; build the topology again from its sources."
        if older
        else "It was written by a newer metarisk; install that one to read it.",
    )


def _check_free(folder: Path, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not overwrite:
        raise OutputError(
            f"{folder.name} exists already", do="Choose another folder, or ask for it to be overwritten."
        )
    if not (folder / MANIFEST).is_file() and any(folder.iterdir()):
        raise OutputError(
            f"{folder.name} exists and is no topology", do="Choose another folder; this one is left as it is."
        )


def _check_file(path: Path, expected: object) -> None:
    if not path.is_file():
        raise TopologyError(
            f"{path.parent.name}: {path.name} is missing",
            do="The folder is partial; copy all of it, or build it again.",
        )
    found = _file_sha256(path)
    if found != expected:
        raise TopologyError(
            f"{path.parent.name}: {path.name} ({path.stat().st_size} bytes) hashes to {found[:12]}",
            expected=f"{str(expected)[:12]} as {MANIFEST} says",
            do="The file was altered or cut; restore it or build the topology again.",
        )


def _write(topology: Topology, folder: Path) -> Manifest:
    write_tables(topology, folder)
    manifest = _manifest(topology, folder)
    with (folder / MANIFEST).open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return manifest


def _manifest(topology: Topology, folder: Path) -> Manifest:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": topology.name,
        "relations": list(RELATIONS),
        "licences": list(topology.licences),
        "counts": {
            "genes": topology.n_genes,
            "edges": topology.n_edges,
            "pathways": topology.n_pathways,
            "memberships": len(topology.member_gene),
            "hierarchy": len(topology.parents),
        },
        "sha256": topology.sha256,
        "files": {f"{table}.parquet": _file_sha256(folder / f"{table}.parquet") for table in TABLES},
    }


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename the finished folder; one that it replaces stands aside until the new one is there."""
    if not folder.exists():
        partial.rename(folder)
        return
    aside = folder.with_name(f".{folder.name}.{uuid4().hex}.old")
    folder.rename(aside)
    try:
        partial.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BYTES_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()
