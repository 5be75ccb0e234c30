"""Reactome's three files."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways.importers import read_reactome

GMT = "Signalling by X\tR-HSA-1\tAKT1\tMTOR\nLeaf\tR-HSA-2\tAKT1\nMouse\tR-MMU-2\tAkt1\n"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    texts = {
        "gmt": GMT,
        "names": "R-HSA-1\tSignalling by X, renamed\tHomo sapiens\nR-MMU-2\tMouse\tMus musculus\n",
        "relations": "R-HSA-1\tR-HSA-2\nR-HSA-9\tR-HSA-1\nR-HSA-9\tR-HSA-8\nR-MMU-1\tR-MMU-2\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


def test_ids_titles_members_and_hierarchy_are_read(files: dict[str, Path]) -> None:
    topology, report = read_reactome(files["gmt"], names=files["names"], relations=files["relations"])
    assert topology.pathways == ("R-HSA-1", "R-HSA-2", "R-HSA-9")
    assert topology.title("R-HSA-1") == "Signalling by X, renamed"
    assert topology.members("R-HSA-2") == ("AKT1",)
    pairs = {(topology.pathways[child], topology.pathways[parent]) for child, parent in topology.parents}
    assert pairs == {("R-HSA-2", "R-HSA-1"), ("R-HSA-1", "R-HSA-9")}
    assert report.skipped == {"another species than R-HSA": 1}


def test_the_gmt_alone_is_enough(files: dict[str, Path]) -> None:
    topology = read_reactome(files["gmt"]).topology
    assert (topology.title("R-HSA-2"), len(topology.parents)) == ("Leaf", 0)


def test_a_cycle_is_refused(files: dict[str, Path]) -> None:
    files["relations"].write_text("R-HSA-1\tR-HSA-2\nR-HSA-2\tR-HSA-1\n")
    with pytest.raises(TopologyError, match="Reactome: the pathway hierarchy has a cycle R-HSA-"):
        read_reactome(files["gmt"], relations=files["relations"])


def test_a_relation_of_three_cells_is_refused(files: dict[str, Path]) -> None:
    files["relations"].write_text("R-HSA-1\tR-HSA-2\tx\n")
    with pytest.raises(TopologyError, match="relations line 1 has 3 cells; expected parent and child"):
        read_reactome(files["gmt"], relations=files["relations"])


def test_the_native_files_read_with_these_counts(shared_data: Path) -> None:
    native = shared_data / "topology" / "native"
    topology, report = read_reactome(
        native / "ReactomePathways.gmt.gz",
        names=native / "ReactomePathways.txt.gz",
        relations=native / "ReactomePathwaysRelation.txt.gz",
    )
    assert report.rows_read == 2_484
    assert (topology.n_pathways, len(topology.parents)) == (2_485, 2_504)
    assert "TGFBR1" in topology.members("R-HSA-170834")
    assert topology.title("R-HSA-170834") == "Signaling by TGF-beta Receptor Complex"
