"""A saved topology is whole, the same bytes for the same content, or refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metarisk.errors import OutputError, TopologyError
from metarisk.pathways import EdgeColumns, Topology, topology_from_columns
from metarisk.pathways.artefact import load_topology, read_manifest, save_topology


@pytest.fixture
def saved(small: Topology, tmp_path: Path) -> Path:
    save_topology(small, tmp_path / "saved")
    return tmp_path / "saved"


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / "topology.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_is_saved_is_loaded(small: Topology, saved: Path) -> None:
    loaded = load_topology(saved)
    assert loaded == small
    assert (loaded.name, loaded.licences, loaded.titles) == (small.name, small.licences, small.titles)
    assert loaded.relation.dtype == np.int8
    assert loaded.parents.shape == (2, 2)


def test_the_manifest_says_what_is_inside(small: Topology, saved: Path) -> None:
    manifest = read_manifest(saved)
    assert manifest["counts"] == {"genes": 7, "edges": 8, "pathways": 3, "memberships": 5, "hierarchy": 2}
    assert manifest["sha256"] == small.sha256
    assert manifest["licences"] == ["Apache-2.0"]


def test_equal_topologies_give_equal_bytes(small: Topology, saved: Path, tmp_path: Path) -> None:
    again, _ = topology_from_columns("small", small.edges, small.gene_sets(), small.licences)
    save_topology(again, tmp_path / "again")
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == {
        path.name: path.read_bytes() for path in saved.iterdir()
    }


def test_a_topology_without_edges_or_pathways_round_trips(tmp_path: Path) -> None:
    bare, _ = topology_from_columns("bare", replace(EdgeColumns.empty(), genes=("A", "B")))
    save_topology(bare, tmp_path / "bare")
    assert load_topology(tmp_path / "bare") == bare


def test_more_edges_than_a_block_round_trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metarisk.pathways.tables.ROWS_AT_ONCE", 100)
    rng = np.random.default_rng(0)
    ends = rng.integers(0, 60, (2, 1000), dtype=np.int32)
    small = rng.integers(-1, 2, 1000, dtype=np.int8)
    edges = EdgeColumns(tuple(f"G{i:02d}" for i in range(60)), ends[0], ends[1], np.abs(small), small)
    topology, _ = topology_from_columns("blocks", edges)
    save_topology(topology, tmp_path / "blocks")
    assert load_topology(tmp_path / "blocks") == topology


@pytest.mark.parametrize("table", ["genes", "edges", "pathways", "membership", "hierarchy"])
def test_one_flipped_byte_is_found(saved: Path, table: str) -> None:
    path = saved / f"{table}.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        TopologyError, match=rf"{table}\.parquet \({len(content)} bytes\) hashes to .*altered or cut"
    ):
        load_topology(saved)


def test_a_missing_table_is_named(saved: Path) -> None:
    (saved / "edges.parquet").unlink()
    with pytest.raises(TopologyError, match=r"edges\.parquet is missing\. The folder is partial"):
        load_topology(saved)


def test_tables_of_another_topology_under_this_manifest_are_refused(saved: Path) -> None:
    rewrite(saved, sha256="0" * 64)
    with pytest.raises(TopologyError, match=r"the content hashes to .*does not belong to these tables"):
        load_topology(saved)


@pytest.mark.parametrize(
    ("version", "advice"), [(0, "older than this metarisk reads; build"), (2, "written by a newer metarisk")]
)
def test_another_version_is_refused(saved: Path, version: int, advice: str) -> None:
    rewrite(saved, format_version=version)
    with pytest.raises(TopologyError, match=f"format version {version}; expected version 1.*{advice}"):
        load_topology(saved)


def test_something_else_is_no_topology(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"topology\.json cannot be read \(FileNotFoundError\)"):
        load_topology(tmp_path)
    rewrite(saved, format="metarisk.bundle")
    with pytest.raises(TopologyError, match=r"topology\.json is not a topology's"):
        load_topology(saved)


def test_a_manifest_without_its_hashes_is_refused(saved: Path) -> None:
    manifest = json.loads((saved / "topology.json").read_text())
    del manifest["files"]
    (saved / "topology.json").write_text(json.dumps(manifest))
    with pytest.raises(TopologyError, match="lacks files"):
        load_topology(saved)


def test_a_relation_of_a_newer_vocabulary_is_refused(saved: Path) -> None:
    rewrite(saved, relations=["entanglement"] * 7)
    with pytest.raises(TopologyError, match="relation 'entanglement' is not known"):
        load_topology(saved)


def test_relations_are_stored_by_name(small: Topology, saved: Path) -> None:
    names = read_manifest(saved)["relations"]
    rewrite(saved, relations=["binding", *names[1:]])  # what was 0 is now called binding
    with pytest.raises(TopologyError, match="the content hashes to"):
        load_topology(saved)


def test_an_existing_folder_is_replaced_only_when_asked(small: Topology, saved: Path) -> None:
    with pytest.raises(OutputError, match="saved exists"):
        save_topology(small, saved)
    other = replace(small, sign=-small.sign)
    save_topology(other, saved, overwrite=True)
    assert load_topology(saved) == other
    assert [path.name for path in saved.parent.iterdir()] == ["saved"]


def test_a_folder_of_something_else_is_never_replaced(small: Topology, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"exists and has no topology\.json"):
        save_topology(small, tmp_path, overwrite=True)


def test_a_failed_write_leaves_nothing(
    small: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("metarisk.pathways.artefact.write_tables", full)
    with pytest.raises(OutputError, match="cannot be written \\(No space left on device\\)"):
        save_topology(small, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_copied_folder_loads(small: Topology, saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "elsewhere")
    assert load_topology(tmp_path / "elsewhere") == small
