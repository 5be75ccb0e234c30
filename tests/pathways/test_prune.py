"""Pruning keeps circuits connected through what was not measured."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarisk.errors import TopologyError
from metarisk.pathways import Edge, Topology, assemble, curated_topology
from metarisk.pathways.agreement import named_edges
from metarisk.pathways.prune import prune_to


def edges_of(topology: Topology) -> set[tuple[str, str, str, int]]:
    return {(edge.source, edge.target, edge.relation, edge.sign) for edge in named_edges(topology)}


def test_a_path_through_an_unmeasured_gene_becomes_one_edge_with_the_product_of_signs(
    small: Topology,
) -> None:
    pruned, report = prune_to(small, ["SMAD3", "CDH1", "TGFB1", "ZEB1"])
    assert ("SMAD3", "CDH1", "tf_target", -1) in edges_of(pruned)  # SMAD3 -> SNAI1 -| CDH1
    assert ("TGFB1", "SMAD3", "association", 1) in edges_of(pruned)  # ligand_receptor, then phosphorylation
    assert report.bridged == 2


def test_two_inhibitions_in_a_row_raise() -> None:
    chain = assemble("t", [Edge("A", "X", "tf_target", -1), Edge("X", "B", "tf_target", -1)], [])
    assert edges_of(prune_to(chain, "AB")[0]) == {("A", "B", "tf_target", 1)}


def test_an_unknown_sign_on_the_way_makes_the_whole_unknown() -> None:
    chain = assemble("t", [Edge("A", "X", "tf_target", 0), Edge("X", "B", "tf_target", -1)], [])
    assert edges_of(prune_to(chain, "AB")[0]) == {("A", "B", "tf_target", 0)}


def test_paths_that_disagree_cancel_and_are_counted() -> None:
    edges = [Edge("A", "X", "binding", 1), Edge("X", "B", "binding", 1), Edge("A", "Y", "binding", 1)]
    pruned, report = prune_to(assemble("t", [*edges, Edge("Y", "B", "binding", -1)], []), "AB")
    assert edges_of(pruned) == {("A", "B", "binding", 0)}
    assert (report.bridged, report.cancelled) == (1, 1)


def test_genes_that_are_joined_already_get_no_bridge() -> None:
    edges = [Edge("A", "B", "binding", 1), Edge("A", "X", "binding", 1), Edge("X", "B", "binding", -1)]
    pruned, report = prune_to(assemble("t", edges, []), "AB")
    assert edges_of(pruned) == {("A", "B", "binding", 1)}
    assert report.bridged == 0


def test_the_shortest_path_counts() -> None:
    edges = [Edge("A", "X", "binding", 1), Edge("X", "B", "binding", 1)]
    longer = [Edge("A", "Y", "binding", -1), Edge("Y", "Z", "binding", 1), Edge("Z", "B", "binding", 1)]
    assert edges_of(prune_to(assemble("t", edges + longer, []), "AB")[0]) == {("A", "B", "binding", 1)}


def test_no_path_is_longer_than_asked() -> None:
    names = ["A", "X", "Y", "Z", "B"]
    chain = assemble("t", [Edge(a, b, "binding", 1) for a, b in pairwise(names)], [])
    assert [prune_to(chain, "AB", max_bridged=hops)[1].bridged for hops in (0, 1, 2, 3)] == [0, 0, 0, 1]


def test_a_hub_is_not_contracted_and_is_named() -> None:
    edges = [Edge("A", "HUB", "binding", 1)] + [Edge("HUB", f"T{index}", "binding", 1) for index in range(9)]
    topology = assemble("t", edges, [])
    measured = [gene for gene in topology.genes if gene != "HUB"]
    assert prune_to(topology, measured, max_degree=10)[1].bridged == 9
    _, report = prune_to(topology, measured, max_degree=9)
    assert (report.bridged, report.hubs) == (0, ("HUB",))
    assert len(report.isolated) == 10


def test_a_way_back_to_the_start_is_no_edge() -> None:
    edges = [Edge("A", "X", "binding", 1), Edge("X", "A", "binding", -1), Edge("X", "B", "binding", 1)]
    assert edges_of(prune_to(assemble("t", edges, []), "AB")[0]) == {("A", "B", "binding", 1)}


def test_pathways_lose_unmeasured_members_and_vanish_when_none_is_left(small: Topology) -> None:
    pruned, report = prune_to(small, ["CDH1", "ZEB1", "UNHEARD"])
    assert pruned.members("emt") == ("CDH1", "ZEB1")
    assert report.pathways_dropped == ("tgfb",)
    assert pruned.pathways == ("emt", "family:plasticity")
    assert pruned.title("emt") == "Core EMT"
    assert report.absent == 1


def test_pruning_to_every_gene_changes_nothing(small: Topology) -> None:
    pruned, report = prune_to(small, small.genes)
    assert pruned == small
    assert report.isolated == report.hubs == ()


def test_the_report_says_what_it_did(small: Topology) -> None:
    lines = prune_to(small, ["SMAD3", "CDH1", "NONE"])[1].lines()
    assert lines[0] == "2 of 7 genes of the topology were measured; 1 measured genes are not in it."
    assert lines[1].startswith("0 of 8 edges join two measured genes; 1 more bridge up to 2 unmeasured")


def test_a_cohort_with_other_names_is_refused(small: Topology) -> None:
    with pytest.raises(TopologyError, match="none of the 2 measured genes is among the 7 of small"):
        prune_to(small, ["ENSG1", "ENSG2"])


def test_a_panel_keeps_more_of_the_curated_circuits_with_bridges() -> None:
    panel = [
        "TP53",
        "KRAS",
        "PTEN",
        "PIK3CA",
        "BRAF",
        "EGFR",
        "SMAD4",
        "CDH1",
        "RB1",
        "MYC",
        "NOTCH1",
        "MAP2K1",
    ]
    joined = [
        len({*(p := prune_to(curated_topology(), panel, max_bridged=k)[0]).source, *p.target}) for k in (0, 2)
    ]
    assert joined[1] >= joined[0]


SIGNED = st.tuples(st.sampled_from("ABXYZ"), st.sampled_from("ABXYZ"), st.sampled_from([-1, 0, 1]))


@settings(max_examples=150, deadline=None)
@given(st.lists(SIGNED, max_size=14))
def test_bridges_equal_a_walk_over_every_path(drawn: list[tuple[str, str, int]]) -> None:
    edges = {(a, b): sign for a, b, sign in drawn if a != b}
    edges |= {("A", "X"): 1, ("B", "Y"): 1}
    topology = assemble("t", [Edge(a, b, "binding", sign) for (a, b), sign in edges.items()], [])
    pruned, _ = prune_to(topology, "AB")
    assert {(a, b): sign for a, b, _, sign in edges_of(pruned)} == walked(edges)


def walked(edges: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    found = {}
    for start, end in (("A", "B"), ("B", "A")):
        for inner in range(3):
            paths = [[start, *middle, end] for middle in product("XYZ", repeat=inner)]
            steps = [list(pairwise(path)) for path in paths]
            known = [path for path in steps if all(step in edges for step in path)]
            if known:
                signs = {_product([edges[step] for step in path]) for path in known} - {0}
                found[start, end] = signs.pop() if len(signs) == 1 else 0
                break
    return found


def _product(signs: list[int]) -> int:
    total = 1
    for sign in signs:
        total *= sign
    return total
