"""The topology as a folder: checksummed parquet, a manifest of hashes, one immutable version."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from metarisk.errors import TopologyError
from metarisk.files import placed, sha256_of
from metarisk.pathways.edges import RELATIONS
from metarisk.pathways.tables import TABLES, read_tables, write_tables
from metarisk.pathways.topology import Topology

FORMAT = "metarisk.topology"
FORMAT_VERSION = 1
MANIFEST = "topology.json"

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
    with placed(folder, overwrite=overwrite, marker=MANIFEST) as draft:
        return _write(topology, draft)


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


def _check_file(path: Path, expected: object) -> None:
    if not path.is_file():
        raise TopologyError(
            f"{path.parent.name}: {path.name} is missing",
            do="The folder is partial; copy all of it, or build it again.",
        )
    found = sha256_of(path)
    if found != expected:
        raise TopologyError(
            f"{path.parent.name}: {path.name} ({path.stat().st_size} bytes) hashes to {found[:12]}",
            expected=f"{str(expected)[:12]} as {MANIFEST} says",
            do="The file was altered or cut; restore it or build the topology again.",
        )


def _write(topology: Topology, folder: Path) -> Manifest:
    write_tables(topology, folder)
    manifest = _manifest(topology, folder)
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
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
        "files": {f"{table}.parquet": sha256_of(folder / f"{table}.parquet") for table in TABLES},
    }
