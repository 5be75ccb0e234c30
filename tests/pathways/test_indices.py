from __future__ import annotations

from collections import Counter

import numpy as np

from metarisk.pathways.indices import INDICES, StateEdges, state_edges
from metarisk.pathways.states import STATES
from metarisk.schema.endpoints import endpoint_columns, event_column


def out_degrees(edges: StateEdges) -> Counter[tuple[int, int, int]]:
    columns = edges.columns
    kinds = (columns.source, columns.relation, columns.sign)
    return Counter(zip(*(column.tolist() for column in kinds), strict=True))


def test_the_curated_edges_give_each_state_the_genes_that_it_has() -> None:
    assert state_edges().genes(STATES) == tuple(state.genes for state in STATES)


def test_rewired_states_read_as_many_edges_of_the_same_effectors_to_other_genes() -> None:
    real, other = state_edges(), state_edges().rewired(3)
    assert out_degrees(other) == out_degrees(real)
    moved = np.mean(other.columns.target != real.columns.target)
    assert moved > 0.5
    for state, genes in zip(STATES, other.genes(STATES), strict=True):
        assert genes != state.genes, state.name
    assert other.genes(STATES) == state_edges().rewired(3).genes(STATES)
    assert other.genes(STATES) != state_edges().rewired(4).genes(STATES)


def test_shuffled_signs_keep_the_targets_and_how_many_signs_of_each_kind_there_are() -> None:
    real, other = state_edges().columns, state_edges().shuffled_signs(3).columns
    np.testing.assert_array_equal(other.target, real.target)
    assert (other.sign != real.sign).any()
    for columns in (real, other):
        assert Counter(zip(columns.relation.tolist(), columns.sign.tolist(), strict=True)) == Counter(
            zip(real.relation.tolist(), real.sign.tolist(), strict=True)
        )


def test_an_index_names_states_and_endpoints_that_there_are() -> None:
    columns = set(endpoint_columns())
    for index in INDICES.values():
        assert [state.name for state in index.states] == list(index.directions)
        assert set(index.directions.values()) == {1, -1}
        assert all(each.reference.split(", ")[-1].split()[-1].isdecimal() for each in index.directed)
        for endpoint in index.signs:
            assert endpoint in columns or event_column(endpoint) in columns
