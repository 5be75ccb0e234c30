from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from metarisk.pathways.influence import DECAY, STEPS, signed_influence
from metarisk.pathways.topology import Edge, Topology, assemble


def slow_influence(topology: Topology, pathway: str) -> dict[str, float]:
    """Influence of a pathway's genes, passed edge by edge against the arrows."""
    genes = topology.members(pathway)
    signs: dict[tuple[str, str], float] = {}
    for source, target, sign in zip(topology.source, topology.target, topology.sign, strict=True):
        pair = topology.genes[source], topology.genes[target]
        if sign and set(pair) <= set(genes):
            signs[pair] = float(np.sign(signs.get(pair, 0.0) + sign))
    arriving = {gene: sum(abs(sign) for (_, end), sign in signs.items() if end == gene) for gene in genes}
    leaving = {gene: sum(abs(sign) for (start, _), sign in signs.items() if start == gene) for gene in genes}
    step = {gene: arriving[gene] / max(arriving.values()) for gene in genes}
    total = dict(step)
    for _ in range(STEPS):
        passed = {
            gene: sum(sign * step[end] for (start, end), sign in signs.items() if start == gene)
            for gene in genes
        }
        step = {gene: DECAY * passed[gene] / max(leaving[gene], 1.0) ** 0.5 for gene in genes}
        total = {gene: total[gene] + step[gene] for gene in genes}
    norm = sum(value**2 for value in total.values()) ** 0.5
    return {gene: value / norm for gene, value in total.items()}


def influence_in(topology: Topology, pathway: str) -> dict[str, float]:
    chosen = topology.member_pathway == topology.pathway_index[pathway]
    genes = [topology.genes[gene] for gene in topology.member_gene[chosen]]
    return dict(zip(genes, signed_influence(topology)[chosen].tolist(), strict=True))


def test_influence_equals_a_loop_over_the_edges(small_topology: Any) -> None:
    found = influence_in(small_topology, "circuit_4")
    assert found == pytest.approx(slow_influence(small_topology, "circuit_4"), abs=1e-12)


def test_two_inhibitors_in_a_row_raise_and_one_lowers() -> None:
    edges = [Edge("A", "B", "binding", -1), Edge("B", "C", "binding", -1), Edge("D", "C", "tf_target", 1)]
    topology = assemble("chain", edges, [("p", gene) for gene in "ABCD"])
    found = influence_in(topology, "p")
    assert found == pytest.approx(slow_influence(topology, "p"), abs=1e-12)
    assert found["C"] > 0
    assert found["D"] > 0
    assert found["B"] < found["A"]


def test_squares_sum_to_one_in_each_pathway(small_topology: Any) -> None:
    influence = signed_influence(small_topology)
    totals = np.bincount(small_topology.member_pathway, weights=influence**2)
    np.testing.assert_allclose(totals[totals > 0], 1.0)


def test_a_pathway_without_signed_edges_gives_its_members_equal_influence() -> None:
    topology = assemble("plain", [Edge("A", "B", "binding", 0)], [("p", gene) for gene in "ABCD"])
    assert list(influence_in(topology, "p").values()) == [0.5] * 4


def test_edges_that_leave_the_pathway_do_not_count() -> None:
    members = [("p", "A"), ("p", "B")]
    inside = assemble("in", [Edge("A", "B", "binding", -1)], members)
    outside = assemble("out", [Edge("A", "B", "binding", -1), Edge("B", "X", "binding", 1)], members)
    assert influence_in(inside, "p") == influence_in(outside, "p")
