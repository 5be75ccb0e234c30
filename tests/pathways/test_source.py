"""A configuration's topology section finds its topology."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways import Topology, curated_topology
from metarisk.pathways.artefact import save_topology
from metarisk.pathways.source import find_topology


def test_the_curated_circuits_are_found_by_name() -> None:
    assert find_topology("curated") == curated_topology()
    assert find_topology("curated", control="no_edges").n_edges == 0


def test_a_saved_topology_is_found_by_its_folder(small: Topology, tmp_path: Path) -> None:
    save_topology(small, tmp_path / "saved")
    assert find_topology(str(tmp_path / "saved")) == small


def test_a_tidy_folder_is_found_and_its_layers_chosen(shared_data: Path) -> None:
    assert find_topology(str(shared_data / "topology"), ["tf_target"]).n_edges == 39_970


def test_anything_else_is_answered_with_what_could_stand_there(tmp_path: Path) -> None:
    with pytest.raises(
        TopologyError, match=r"is not there; expected 'curated', a folder with topology\.json"
    ):
        find_topology(str(tmp_path))
