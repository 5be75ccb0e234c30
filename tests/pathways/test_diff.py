"""A diff names every change, once."""

from __future__ import annotations

import json

from metarisk.pathways import Edge, Topology, assemble
from metarisk.pathways.agreement import named_edges
from metarisk.pathways.diff import diff


def test_a_topology_differs_in_nothing_from_itself(small: Topology) -> None:
    same = diff(small, small)
    assert same.same
    assert same.lines() == ["The two topologies have the same content."]
    assert not any(same.counts().values())


def test_every_kind_of_change_is_named(small: Topology) -> None:
    edges = [edge for edge in named_edges(small) if (edge.source, edge.target) != ("TGFB1", "TGFBR2")]
    edges = [edge if edge.source != "SNAI1" else Edge("SNAI1", "CDH1", "tf_target", 1) for edge in edges]
    sets = small.gene_sets()
    membership = [pair for pair in sets.membership if pair[0] == "emt"] + [("emt", "VIM"), ("new", "VIM")]
    parents = [pair for pair in sets.parents if pair[0] == "emt"]
    found = diff(small, assemble("next", edges, membership, parents=parents))
    assert found.lines() == [
        "+ gene VIM",
        "- gene TGFB1",
        "- edge TGFB1 -> TGFBR2 (ligand_receptor)",
        "~ sign SNAI1 -> CDH1 (tf_target): -1 became +1",
        "+ pathway new",
        "- pathway tgfb",
        "+ member VIM in emt",
        "+ member VIM in new",
        "- member SMAD3 in tgfb",
        "- member TGFB1 in tgfb",
        "- parent tgfb below family:plasticity",
    ]
    assert found.counts()["members_removed"] == 2


def test_the_way_back_swaps_added_and_removed(small: Topology) -> None:
    other = assemble("other", [Edge("A", "B", "binding", 1)], [])
    there, back = diff(small, other), diff(other, small)
    assert (there.genes_added, there.edges_removed) == (back.genes_removed, back.edges_added)


def test_a_diff_is_json(small: Topology) -> None:
    other = assemble("other", [Edge("A", "B", "binding", 1)], [])
    assert json.loads(json.dumps(diff(small, other).as_dict()))["genes_added"] == ["A", "B"]
