"""The tidy folder, by hand and for real."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from metarisk.errors import TopologyError
from metarisk.pathways import RELATIONS, Topology
from metarisk.pathways.agreement import named_edges
from metarisk.pathways.tidy import TYPES, read_tidy

HEADER = "source target effect directed type layer sign_confidence direct n_evidence provenance license"
ROWS = [
    "A B 1 1 phosphorylation core curated 1 1 SIGNOR CC|MIT",
    "A C 1 1 tf_target core may_be_default 0 1 CollecTRI composite",
    "B C -1 1 tf_target core evidence 0 1 CollecTRI composite",
    "C D 0 0 functional_interaction extended none 0 1 Reactome CC0",
    "B D 0 0 adhesion core none 1 1 CellPhoneDB MIT",
]


def write(folder: Path, name: str, lines: list[str], separator: str = " ") -> None:
    text = "\n".join(line.replace(separator, "\t") for line in lines) + "\n"
    (folder / name).write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "edges.tsv.gz", [HEADER, *ROWS])
    write(tmp_path, "membership.tsv.gz", ["gene pathway_id weight", "A P1 ", "C P2 "])
    write(tmp_path, "pathways.tsv.gz", ["pathway_id name", "P1 One", "P2 Two"])
    write(tmp_path, "hierarchy.tsv.gz", ["child parent source", "P1 TOP x", "OTHER TOP x"])
    write(
        tmp_path, "edges_via_intermediate.tsv.gz", ["source target effect via", "A D -1 MOL:1", "D A 1 CPX:1"]
    )
    return tmp_path


def rows_of(topology: Topology) -> list[tuple[str, str, str, int]]:
    return [(edge.source, edge.target, edge.relation, edge.sign) for edge in named_edges(topology)]


def test_layers_types_signs_and_directions_follow_the_stated_table(folder: Path) -> None:
    topology, report = read_tidy(folder)
    assert rows_of(topology) == [
        ("A", "B", "phosphorylation", 1),
        ("A", "C", "tf_target", 0),  # a +1 that may be a default
        ("B", "C", "tf_target", -1),
        ("B", "D", "binding", 0),
        ("D", "B", "binding", 0),
    ]
    assert report.skipped == {"the layer was not asked for": 1}
    assert topology.licences == ("CC", "MIT", "composite")
    assert "1 edges had a +1 that may be a default" in report.lines()[-1]


def test_the_tf_targets_are_a_layer_of_their_own(folder: Path) -> None:
    assert {row[2] for row in rows_of(read_tidy(folder, ["core"]).topology)} == {"phosphorylation", "binding"}
    assert {row[2] for row in rows_of(read_tidy(folder, ["tf_target"]).topology)} == {"tf_target"}


def test_functional_interactions_go_both_ways(folder: Path) -> None:
    edges = rows_of(read_tidy(folder, ["extended"]).topology)
    assert edges == [("C", "D", "association", 0), ("D", "C", "association", 0)]


def test_intermediates_are_metabolites_or_associations(folder: Path) -> None:
    edges = rows_of(read_tidy(folder, ["via_intermediate"]).topology)
    assert edges == [("A", "D", "via_metabolite", -1), ("D", "A", "association", 1)]


def test_pathways_and_the_hierarchy_above_them_are_read(folder: Path) -> None:
    topology = read_tidy(folder).topology
    assert topology.pathways == ("P1", "P2", "TOP")
    assert (topology.title("P1"), topology.members("P1")) == ("One", ("A",))


def test_an_unknown_layer_type_or_effect_is_refused(folder: Path) -> None:
    with pytest.raises(TopologyError, match=r"no layer is named 'cor'\. Did you mean 'core'\?"):
        read_tidy(folder, ["cor"])
    write(folder, "edges.tsv.gz", [HEADER, ROWS[0].replace("phosphorylation", "phosphorilation")])
    with pytest.raises(TopologyError, match="unknown type 'phosphorilation'"):
        read_tidy(folder)
    write(folder, "edges.tsv.gz", [HEADER, ROWS[0], ROWS[2].replace("-1 1", "-2 1")])
    with pytest.raises(TopologyError, match="line 3, column effect: '-2'"):
        read_tidy(folder)


def test_the_real_folder_reads_with_these_counts(shared_data: Path) -> None:
    topology, report = read_tidy(shared_data / "topology")
    assert report.rows_read == 114_054
    assert report.skipped["the layer was not asked for"] == 49_129
    assert (topology.n_genes, topology.n_edges, topology.n_pathways) == (7_805, 62_909, 3_164)
    assert len(topology.member_gene) == 135_526
    assert (report.duplicates, report.conflicts, report.self_loops) == (2_460, 89, 0)
    unsigned = topology.sign[topology.relation == RELATIONS.index("tf_target")] == 0
    assert 0.5 < float(np.mean(unsigned)) < 0.8


def test_every_type_becomes_one_of_our_relations() -> None:
    assert set(TYPES.values()) <= set(RELATIONS)
