"""Controls keep what they promise and destroy the rest."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from metarisk.errors import TopologyError
from metarisk.pathways import RELATIONS, Edge, Topology, assemble, curated_topology
from metarisk.pathways.controls import (
    CONTROLS,
    control,
    merged_types,
    rewired,
    shuffled_members,
    shuffled_signs,
    without_edges,
)


def degrees(topology: Topology) -> tuple[Counter[tuple[int, int, int]], Counter[tuple[int, int, int]]]:
    """Edges that leave and that enter each gene, by relation and sign."""
    kinds = list(zip(topology.relation.tolist(), topology.sign.tolist(), strict=True))
    return (
        Counter((gene, *kind) for gene, kind in zip(topology.source.tolist(), kinds, strict=True)),
        Counter((gene, *kind) for gene, kind in zip(topology.target.tolist(), kinds, strict=True)),
    )


def keys(topology: Topology) -> set[tuple[int, int, int]]:
    return set(
        zip(topology.source.tolist(), topology.target.tolist(), topology.relation.tolist(), strict=True)
    )


def test_rewiring_keeps_every_degree_of_each_relation_and_sign() -> None:
    real = curated_topology()
    random = rewired(real, seed=1)
    assert degrees(random) == degrees(real)


def test_rewiring_makes_no_self_loop_and_no_repeat() -> None:
    random = rewired(curated_topology(), seed=2)
    assert not (random.source == random.target).any()
    assert len(keys(random)) == random.n_edges == curated_topology().n_edges


def test_rewiring_leaves_few_edges_where_they_were() -> None:
    real = curated_topology()
    shared = len(keys(real) & keys(rewired(real, seed=3))) / real.n_edges
    assert shared < 0.25


def test_a_graph_that_cannot_be_rewired_stays() -> None:
    star = assemble("star", [Edge("A", gene, "binding", 1) for gene in "BCD"], [])
    assert rewired(star, seed=0) == star


def test_shuffled_signs_keep_their_counts_and_the_edges() -> None:
    real = curated_topology()
    random = shuffled_signs(real, seed=1)
    assert keys(random) == keys(real)
    for relation in range(len(RELATIONS)):
        chosen = real.relation == relation
        assert Counter(random.sign[chosen].tolist()) == Counter(real.sign[chosen].tolist())
    assert (random.sign != real.sign).mean() > 0.1


def test_merged_types_have_one_relation_and_unlike_signs_cancel() -> None:
    edges = [
        Edge("A", "B", "binding", 1),
        Edge("A", "B", "phosphorylation", -1),
        Edge("B", "C", "tf_target", 1),
    ]
    merged = merged_types(assemble("t", edges, []))
    assert {RELATIONS[index] for index in merged.relation} == {"association"}
    assert merged.sign.tolist() == [0, 1]


def test_shuffled_members_keep_pathway_sizes_and_the_memberships_of_each_gene() -> None:
    real = curated_topology()
    random = shuffled_members(real, seed=1)
    assert Counter(random.member_pathway.tolist()) == Counter(real.member_pathway.tolist())
    assert Counter(random.member_gene.tolist()) == Counter(real.member_gene.tolist())
    pairs = set(zip(random.member_pathway.tolist(), random.member_gene.tolist(), strict=True))
    assert len(pairs) == len(real.member_gene)
    before = set(zip(real.member_pathway.tolist(), real.member_gene.tolist(), strict=True))
    assert len(pairs & before) / len(pairs) < 0.4


def test_without_edges_keeps_genes_and_pathways(small: Topology) -> None:
    bare = without_edges(small)
    assert (bare.n_edges, bare.genes, bare.pathways) == (0, small.genes, small.pathways)


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_a_seed_gives_one_graph_and_never_touches_the_real_one(name: str, small: Topology) -> None:
    before = small.sha256
    assert control(name, small, 5) == control(name, small, 5)
    del small.__dict__["sha256"]
    assert small.sha256 == before


@pytest.mark.parametrize("name", ["rewired", "shuffled_signs", "shuffled_members"])
def test_another_seed_gives_another_graph(name: str) -> None:
    assert control(name, curated_topology(), 1) != control(name, curated_topology(), 2)


def test_every_control_of_the_configuration_exists() -> None:
    from typing import get_args

    from metarisk.config.topology import TopologySection

    names = get_args(TopologySection.model_fields["control"].annotation)
    assert set(names) <= set(CONTROLS)


def test_an_unknown_control_is_refused(small: Topology) -> None:
    with pytest.raises(TopologyError, match=r"no control is named 'rewire'\. Did you mean 'rewired'\?"):
        control("rewire", small, 0)


def test_more_rounds_would_not_rewire_further(monkeypatch: pytest.MonkeyPatch) -> None:
    real = curated_topology()
    overlap = []
    for rounds in (20, 60):
        monkeypatch.setattr("metarisk.pathways.controls.ROUNDS", rounds)
        shared = [len(keys(real) & keys(rewired(real, seed))) / real.n_edges for seed in range(3)]
        overlap.append(float(np.mean(shared)))
    assert abs(overlap[0] - overlap[1]) < 0.02
