"""Merging keeps everything and says where sources disagree."""

from __future__ import annotations

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways import Edge, Topology, assemble
from metarisk.pathways.agreement import named_edges
from metarisk.pathways.merge import merge


def test_two_providers_that_disagree_on_a_sign_are_told_and_kept_unsigned(small: Topology) -> None:
    other = assemble("other", [Edge("SNAI1", "CDH1", "tf_target", 1), Edge("CDH1", "X", "binding", 1)], [])
    merged, report = merge("both", [small, other])
    signs = {(edge.source, edge.target): edge.sign for edge in named_edges(merged)}
    assert signs["SNAI1", "CDH1"] == 0
    assert report.lines() == [
        "small (8 edges), other (2 edges) gave 9 edges; 1 stand in more than one.",
        "1 edges have unlike signs in two sources and are kept unsigned (SNAI1 -> CDH1 (tf_target)).",
    ]


def test_merging_with_itself_changes_nothing(small: Topology) -> None:
    merged, report = merge("twice", [small, small])
    assert merged == small
    assert (merged.licences, merged.titles) == (small.licences, small.titles)
    assert (report.shared, report.conflicts) == (small.n_edges, 0)


def test_the_order_of_the_parts_does_not_matter(small: Topology) -> None:
    other = assemble("other", [Edge("A", "CDH1", "binding", 0)], [("emt", "A")], licences=("MIT",))
    assert merge("m", [small, other])[0] == merge("m", [other, small])[0]


def test_a_pathway_of_two_sources_holds_the_members_of_both(small: Topology) -> None:
    other = assemble("other", [], [("emt", "VIM")], titles={"emt": "Another title"}, licences=("MIT",))
    merged, report = merge("m", [small, other])
    assert merged.members("emt") == ("CDH1", "SNAI1", "VIM", "ZEB1")
    assert merged.title("emt") == "Core EMT"
    assert merged.licences == ("Apache-2.0", "MIT")
    assert report.shared_pathways == ("emt",)
    assert "1 pathways stand in more than one source" in report.lines()[-1]


def test_hierarchies_that_contradict_each_other_are_refused(small: Topology) -> None:
    other = assemble("other", [], [("emt", "VIM")], parents=[("family:plasticity", "emt")])
    with pytest.raises(TopologyError, match="m: the pathway hierarchy has a cycle"):
        merge("m", [small, other])


def test_nothing_cannot_be_merged() -> None:
    with pytest.raises(TopologyError, match="no topology was given"):
        merge("m", [])
