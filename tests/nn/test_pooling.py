from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metarisk.nn.pooling import PathwayPooling
from metarisk.pathways.influence import signed_influence
from metarisk.pathways.topology import Topology, assemble


def slow_pool(pooling: PathwayPooling, topology: Topology, state: Tensor) -> Tensor:
    """One pathway and one member at a time, children before their ancestors take the mean."""
    width = state.shape[2]
    influence = signed_influence(topology)
    pooled = torch.zeros(len(topology.pathways), *state.shape[1:])
    for pathway in range(len(topology.pathways)):
        entries = np.flatnonzero(topology.member_pathway == pathway)
        if not len(entries):
            continue
        weights = {entry: torch.exp(pooling.attention[topology.member_gene[entry]]) for entry in entries}
        mean_weight = torch.stack(list(weights.values())).mean(dim=0)
        for entry, weight in weights.items():
            sent = state[topology.member_gene[entry]] * weight / mean_weight
            pooled[pathway, :, : width // 2] += sent[:, : width // 2] / len(entries) ** 0.5
            pooled[pathway, :, width // 2 :] += sent[:, width // 2 :] * influence[entry]
    below = descendants(topology)
    return torch.stack(
        [
            own + pooled[sorted(below[pathway])].mean(dim=0) if below[pathway] else own
            for pathway, own in enumerate(pooled)
        ]
    )


def descendants(topology: Topology) -> list[set[int]]:
    below: list[set[int]] = [set() for _ in topology.pathways]
    for _ in topology.pathways:  # as often as the deepest path is long
        for child, parent in topology.parents.tolist():
            below[parent] |= {child} | below[child]
    return below


def test_pooling_equals_a_loop_over_the_members(small_topology: Any) -> None:
    torch.manual_seed(0)
    pooling = PathwayPooling(small_topology, 4)
    torch.nn.init.normal_(pooling.attention)
    state = torch.randn(len(small_topology.genes), 3, 4)
    expected = slow_pool(pooling, small_topology, state)
    torch.testing.assert_close(pooling(state), expected, atol=1e-5, rtol=1e-4)


def test_a_grandparent_adds_the_mean_of_all_pathways_below_it() -> None:
    members = [("leaf_a", "A"), ("leaf_b", "B"), ("middle", "C"), ("top", "D")]
    parents = [("leaf_a", "middle"), ("leaf_b", "middle"), ("middle", "top"), ("leaf_a", "top")]
    topology = assemble("deep", [], members, parents=parents)
    pooling = PathwayPooling(topology, 2)
    state = torch.randn(4, 1, 2)
    flat = PathwayPooling(replace(topology, parents=np.empty((0, 2), np.int32)), 2)(state)
    found = pooling(state)
    torch.testing.assert_close(found[topology.pathway_index["top"]], flat[3] + flat[:3].mean(dim=0))
    torch.testing.assert_close(found[topology.pathway_index["middle"]], flat[2] + flat[:2].mean(dim=0))
    torch.testing.assert_close(found[:2], flat[:2])


def test_attention_of_zero_leaves_equal_and_signed_weights(small_topology: Any) -> None:
    pooling = PathwayPooling(small_topology, 4)
    state = torch.ones(len(small_topology.genes), 1, 4)
    circuit = small_topology.pathway_index["circuit_3"]
    members = small_topology.member_pathway == circuit
    found = pooling(state)[circuit, 0].tolist()
    influence = signed_influence(small_topology)[members].sum()
    np.testing.assert_allclose(found, [14 / 14**0.5] * 2 + [influence] * 2, rtol=1e-5)


def test_adding_a_constant_to_a_pathways_attention_changes_nothing(small_topology: Any) -> None:
    pooling = PathwayPooling(small_topology, 4)
    state = torch.randn(len(small_topology.genes), 2, 4)
    before = pooling(state)
    with torch.no_grad():
        pooling.attention += 1.7
    torch.testing.assert_close(pooling(state), before, atol=1e-5, rtol=1e-4)


def test_losing_an_inhibitor_and_gaining_an_activator_push_a_pathway_the_same_way(
    small_topology: Any,
) -> None:
    pooling = PathwayPooling(small_topology, 2)
    activator, inhibitor = (small_topology.gene_index[gene] for gene in ("G2C", "G2B"))
    circuit = small_topology.pathway_index["circuit_2"]
    pushed = []
    for gene, change in ((activator, 1.0), (inhibitor, -1.0)):
        state = torch.zeros(len(small_topology.genes), 1, 2)
        state[gene] = change
        pushed.append(pooling(state)[circuit, 0, 1].item())
    assert pushed[0] > 0
    assert pushed[1] > 0


def test_genes_outside_a_pathway_do_not_reach_it(small_topology: Any) -> None:
    state = torch.zeros(len(small_topology.genes), 1, 4)
    state[[small_topology.gene_index[gene] for gene in small_topology.genes if gene.startswith("G5")]] = 1.0
    pooled = PathwayPooling(small_topology, 4)(state)
    reached = {name for name, row in zip(small_topology.pathways, pooled, strict=True) if row.any()}
    assert reached == {"circuit_5"}
