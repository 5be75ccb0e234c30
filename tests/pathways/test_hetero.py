"""The topology as a torch-geometric graph, there and back."""

from __future__ import annotations

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways import RELATIONS, Edge, Topology, assemble, curated_topology
from metarisk.pathways.hetero import from_hetero, to_hetero

# torch-geometric compiles scripts while it is imported
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def test_there_and_back_is_the_same(small: Topology) -> None:
    back = from_hetero(to_hetero(small))
    assert back == small
    assert (back.name, back.licences, back.titles) == (small.name, small.licences, small.titles)


def test_the_curated_circuits_survive_the_trip() -> None:
    assert from_hetero(to_hetero(curated_topology())) == curated_topology()


def test_the_graph_has_an_edge_type_for_each_relation(small: Topology) -> None:
    data = to_hetero(small)
    data.validate()
    counts = {kind[1]: data[kind].edge_index.shape[1] for kind in data.edge_types}
    assert counts == {
        "ligand_receptor": 1,
        "phosphorylation": 1,
        "tf_target": 5,
        "binding": 1,
        "member_of": 5,
        "part_of": 2,
    }
    assert sum(counts.get(relation, 0) for relation in RELATIONS) == small.n_edges
    source, target = data["gene", "ligand_receptor", "gene"].edge_index[:, 0].tolist()
    assert (data["gene"].names[source], data["gene"].names[target]) == ("TGFB1", "TGFBR2")


def test_a_topology_without_edges_or_pathways_goes_there_and_back() -> None:
    bare = assemble("bare", [], [("P", "A")])
    assert from_hetero(to_hetero(bare)) == bare


def test_a_graph_of_other_relations_is_refused(small: Topology) -> None:
    data = to_hetero(small)
    data["gene", "sings_to", "gene"].edge_index = data["gene", "binding", "gene"].edge_index
    with pytest.raises(TopologyError, match="gene edges of type 'sings_to'; expected one of ligand_receptor"):
        from_hetero(data)


def test_nodes_without_names_are_refused(small: Topology) -> None:
    data = to_hetero(assemble("t", [Edge("A", "B", "binding", 1)], []))
    del data["gene"].names
    with pytest.raises(TopologyError, match="the graph's gene nodes have no names"):
        from_hetero(data)
