"""SIF files and the relations declared for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways.agreement import named_edges
from metarisk.pathways.importers import PATHWAY_COMMONS, SIGNED, Imported, SifRelation, read_sif


def read(path: Path, text: str, relations: dict[str, SifRelation]) -> Imported:
    path.write_text(text)
    return read_sif(path, relations=relations, provider="Test", licence="CC0")


def edges(imported: Imported) -> list[tuple[str, str, str, int]]:
    return [(edge.source, edge.target, edge.relation, edge.sign) for edge in named_edges(imported.topology)]


def test_lines_with_several_targets_and_lone_nodes_are_read(tmp_path: Path) -> None:
    imported = read(tmp_path / "x.sif", "AKT1 inhibits GSK3B FOXO3\nLONELY\nKRAS activates BRAF\n", SIGNED)
    assert edges(imported) == [
        ("AKT1", "FOXO3", "association", -1),
        ("AKT1", "GSK3B", "association", -1),
        ("KRAS", "BRAF", "association", 1),
    ]
    assert imported.report.skipped == {"a node without an edge": 1}


def test_undirected_relations_go_both_ways(tmp_path: Path) -> None:
    text = "A\tin-complex-with\tB\nA\tcontrols-expression-of\tC\n"
    assert edges(read(tmp_path / "x.sif", text, PATHWAY_COMMONS)) == [
        ("A", "B", "binding", 0),
        ("A", "C", "tf_target", 0),
        ("B", "A", "binding", 0),
    ]


def test_an_unknown_relation_is_refused_with_the_nearest(tmp_path: Path) -> None:
    sentence = r"x\.sif line 2 has the unknown relation 'inhibit'; .*Did you mean 'inhibits'\?"
    with pytest.raises(TopologyError, match=sentence):
        read(tmp_path / "x.sif", "A activates B\nA inhibit C\n", SIGNED)


def test_a_relation_without_a_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"x\.sif line 1 has 2 cells"):
        read(tmp_path / "x.sif", "A activates\n", SIGNED)
    with pytest.raises(TopologyError, match=r"x\.sif line 1 has 3 cells, or empty ones"):
        read(tmp_path / "x.sif", "A\tactivates\t\n", SIGNED)


def test_self_loops_are_counted_also_after_names_resolve(tmp_path: Path) -> None:
    (tmp_path / "x.sif").write_text("IL8 activates CXCL8\nIL8 activates CXCR1\n")
    known = {"IL8": "CXCL8", "CXCL8": "CXCL8", "CXCR1": "CXCR1"}
    imported = read_sif(tmp_path / "x.sif", relations=SIGNED, provider="T", licence="x", resolve=known.get)
    assert edges(imported) == [("CXCL8", "CXCR1", "association", 1)]
    assert imported.report.self_loops == 1
    assert "1 edges from a gene to itself were dropped." in imported.report.lines()
