"""The topology as a value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metarisk.errors import TopologyError
from metarisk.pathways import Edge, EdgeColumns, GeneSets, Topology, assemble, topology_from_columns
from metarisk.pathways.agreement import named_edges


def test_the_order_of_the_rows_does_not_matter(small: Topology) -> None:
    sets = small.gene_sets()
    again = assemble("again", named_edges(small)[::-1], list(sets.membership)[::-1], parents=sets.parents)
    assert again == small
    assert again.genes == small.genes
    assert np.array_equal(again.source, small.source)


def test_the_hash_ignores_the_name_and_sees_everything_else(small: Topology) -> None:
    assert replace(small, name="other").sha256 == small.sha256
    changed = [
        replace(small, sign=-small.sign),
        replace(small, source=small.target, target=small.source),
        replace(small, relation=np.zeros_like(small.relation)),
        replace(small, member_gene=small.member_gene[::-1].copy()),
        replace(small, parents=small.parents[:1]),
        replace(small, genes=tuple(f"{gene}X" for gene in small.genes)),
    ]
    assert len({small.sha256, *(each.sha256 for each in changed)}) == 7


def test_a_topology_cannot_be_changed_and_leaves_its_source_alone(small: Topology) -> None:
    with pytest.raises(ValueError, match="read-only"):
        small.sign[0] = 1
    signs = small.sign.copy()
    replace(small, sign=signs)
    signs[0] = 0


def test_names_that_run_together_hash_apart() -> None:
    one = assemble("a", [], [("P", "A"), ("P", "B")])
    two = replace(one, genes=("A\tB", "C"))
    assert one.sha256 != two.sha256


def test_members_are_those_of_the_pathway_itself(small: Topology) -> None:
    assert small.members("emt") == ("CDH1", "SNAI1", "ZEB1")
    assert small.members("family:plasticity") == ()
    assert small.title("emt") == "Core EMT"
    assert small.title("tgfb") == "tgfb"


def test_a_misspelt_pathway_is_answered_with_the_nearest(small: Topology) -> None:
    with pytest.raises(TopologyError, match=r"has no pathway 'emmt'\. Did you mean 'emt'\?"):
        small.members("emmt")


def test_columns_and_named_edges_build_the_same(small: Topology) -> None:
    built, tally = topology_from_columns("columns", small.edges, small.gene_sets(), small.licences)
    assert built == small
    assert tally.kept == small.n_edges


def test_a_listed_gene_without_an_edge_is_a_node() -> None:
    index, none = np.array([0], np.int32), np.array([0], np.int8)
    built, _ = topology_from_columns("t", EdgeColumns(("B", "A"), index, index + 1, none, none))
    assert built.genes == ("A", "B")
    assert (built.genes[built.source[0]], built.genes[built.target[0]]) == ("B", "A")


@pytest.mark.parametrize(
    ("edge", "sentence"),
    [
        (Edge("A", "B", "kisses", 1), "A -> B has relation 'kisses'; expected one of ligand_receptor"),
        (Edge("A", "B", "binding", 2), "A -> B has sign 2; expected -1, 0 or 1"),
        (Edge("A", "A", "binding", 1), "A -> A joins a gene to itself"),
    ],
)
def test_an_edge_that_is_none_is_refused(edge: Edge, sentence: str) -> None:
    with pytest.raises(TopologyError, match=sentence):
        assemble("t", [edge], [])


def test_a_cycle_in_the_hierarchy_is_walked_in_the_sentence() -> None:
    with pytest.raises(TopologyError, match=r"t: the pathway hierarchy has a cycle .*(a -> b|b -> a)"):
        assemble("t", [], [("a", "X")], parents=[("a", "b"), ("b", "a")])
    with pytest.raises(TopologyError, match="the pathway hierarchy has a cycle"):
        topology_from_columns("t", EdgeColumns.empty(), GeneSets(parents=[("a", "a")]))
