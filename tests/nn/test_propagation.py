from __future__ import annotations

import warnings
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from metarisk.nn.propagation import RelationalPropagation
from metarisk.pathways.topology import RELATIONS, Edge, Topology, assemble

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*torch.jit.script", category=DeprecationWarning)
    from torch_geometric.nn import GCNConv, RGCNConv


def random_topology(seed: int, *, genes: int = 12, edges: int = 40) -> Topology:
    """Random edges of three relations and all signs; gene Z has none."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(edges):
        source, target = rng.choice(genes, size=2, replace=False)
        relation, sign = RELATIONS[rng.integers(3)], int(rng.integers(-1, 2))
        drawn.append(Edge(f"G{source:02d}", f"G{target:02d}", relation, sign))
    return assemble("random", drawn, [("p", f"G{gene:02d}") for gene in range(genes)] + [("p", "Z")])


def slow_step(layer: RelationalPropagation, topology: Topology, state: Tensor) -> Tensor:
    """One edge at a time, from the layer's docstring."""
    heard = torch.zeros_like(state)
    for number, name in enumerate(layer.names):
        kind, direction = name.rsplit("_", 1)
        unsigned = kind.endswith("_unsigned")
        relation = RELATIONS.index(kind.removesuffix("_unsigned"))
        columns = (topology.source, topology.target, topology.relation, topology.sign)
        edges = [
            (source, target, 1 if unsigned else sign)
            for source, target, kind_of_edge, sign in zip(*(c.tolist() for c in columns), strict=True)
            if kind_of_edge == relation and (sign == 0) == unsigned
        ]
        leaving = Counter(source for source, _, _ in edges)
        arriving = Counter(target for _, target, _ in edges)
        for source, target, sign in edges:
            sender, receiver = (source, target) if direction == "down" else (target, source)
            share = sign / (leaving[source] * arriving[target]) ** 0.5
            heard[receiver] += share * layer.relation_weight[number] * state[sender]
    return state + torch.tanh(heard @ layer.mix.weight.T)


@pytest.mark.parametrize("seed", range(4))
def test_a_step_equals_a_loop_over_the_edges(seed: int) -> None:
    torch.manual_seed(seed)
    topology = random_topology(seed)
    layer = RelationalPropagation(topology, 4)
    state = torch.randn(len(topology.genes), 3, 4)
    torch.testing.assert_close(layer(state), slow_step(layer, topology, state), atol=1e-5, rtol=1e-5)


def test_the_gradient_equals_that_of_the_loop() -> None:
    torch.manual_seed(0)
    topology = random_topology(7)
    layer = RelationalPropagation(topology, 3)
    state = torch.randn(len(topology.genes), 2, 3, requires_grad=True)
    quick = torch.autograd.grad(layer(state).square().sum(), [state, *layer.parameters()])
    slow = torch.autograd.grad(slow_step(layer, topology, state).square().sum(), [state, *layer.parameters()])
    for found, expected in zip(quick, slow, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_one_relation_of_activators_both_ways_is_the_graph_convolution_of_torch_geometric() -> None:
    rng = np.random.default_rng(3)
    pairs = {tuple(sorted(rng.choice(10, size=2, replace=False).tolist())) for _ in range(20)}
    both_ways = [*pairs, *((b, a) for a, b in pairs)]
    edges = [Edge(f"G{a}", f"G{b}", "binding", 1) for a, b in both_ways]
    topology = assemble("symmetric", edges, [])
    layer = RelationalPropagation(topology, 5)
    with torch.no_grad():  # each edge stands twice, so one direction is enough
        layer.relation_weight[layer.names.index("binding_down")] = 1.0
        layer.relation_weight[layer.names.index("binding_up")] = 0.0
    reference = GCNConv(5, 5, add_self_loops=False, bias=False)
    with torch.no_grad():
        reference.lin.weight.copy_(layer.mix.weight)
    state = torch.randn(len(topology.genes), 5)
    edge_index = torch.from_numpy(np.stack([topology.source, topology.target]).astype(np.int64))
    expected = state + torch.tanh(reference(state, edge_index))
    torch.testing.assert_close(layer(state[:, None])[:, 0], expected, atol=1e-5, rtol=1e-5)


def test_relations_with_one_edge_a_gene_are_the_relational_convolution_of_torch_geometric() -> None:
    rng = np.random.default_rng(5)
    edges = []
    for relation in RELATIONS[:3]:
        order = rng.permutation(12)
        edges += [Edge(f"G{a}", f"G{b}", relation, 1) for a, b in order.reshape(6, 2).tolist()]
    topology = assemble("matchings", edges, [])
    layer = RelationalPropagation(topology, 4)
    reference = RGCNConv(4, 4, num_relations=len(layer.names), aggr="add", root_weight=False, bias=False)
    with torch.no_grad():
        reference.weight.copy_(layer.relation_weight[:, :, None] * layer.mix.weight.T)
    ends, kinds = [], []
    for number, name in enumerate(layer.names):
        relation, direction = name.rsplit("_", 1)
        chosen = topology.relation == RELATIONS.index(relation)
        pair = np.stack([topology.source[chosen], topology.target[chosen]])
        ends.append(pair if direction == "down" else pair[::-1])
        kinds += [number] * int(chosen.sum())
    edge_index = torch.from_numpy(np.concatenate(ends, axis=1).astype(np.int64))
    state = torch.randn(len(topology.genes), 4)
    expected = state + torch.tanh(reference(state, edge_index, torch.tensor(kinds)))
    torch.testing.assert_close(layer(state[:, None])[:, 0], expected, atol=1e-5, rtol=1e-5)


def test_an_inhibitor_sends_the_negative_of_what_an_activator_sends() -> None:
    topology = assemble(
        "chain", [Edge("A", "B", "phosphorylation", 1), Edge("B", "C", "phosphorylation", 1)], []
    )
    flipped = replace(topology, sign=-topology.sign)
    raising, lowering = RelationalPropagation(topology, 3), RelationalPropagation(flipped, 3)
    lowering.load_state_dict(raising.state_dict())
    state = torch.randn(3, 2, 3)
    torch.testing.assert_close(raising(state) - state, state - lowering(state))


def test_an_edge_of_unknown_sign_is_a_relation_of_its_own() -> None:
    topology = assemble("two", [Edge("A", "B", "binding", 0), Edge("C", "B", "binding", 1)], [])
    assert RelationalPropagation(topology, 2).names == (
        "binding_down",
        "binding_up",
        "binding_unsigned_down",
        "binding_unsigned_up",
    )


def test_a_gene_without_neighbours_keeps_its_state() -> None:
    topology = random_topology(1)
    lonely = topology.gene_index["Z"]
    state = torch.randn(len(topology.genes), 3, 4)
    moved = RelationalPropagation(topology, 4)(state)
    assert torch.equal(moved[lonely], state[lonely])
    assert not torch.equal(moved, state)


def test_a_topology_without_edges_leaves_every_state() -> None:
    topology = assemble("bare", [], [("p", "A"), ("p", "B")])
    state = torch.randn(2, 3, 4)
    assert torch.equal(RelationalPropagation(topology, 4)(state), state)


def test_nothing_in_gives_nothing_out() -> None:
    topology = random_topology(2)
    assert (RelationalPropagation(topology, 4)(torch.zeros(len(topology.genes), 2, 4)) == 0).all()


def test_samples_do_not_talk_to_each_other() -> None:
    topology = random_topology(3)
    layer = RelationalPropagation(topology, 4)
    state = torch.randn(len(topology.genes), 5, 4)
    torch.testing.assert_close(layer(state)[:, 2:3], layer(state[:, 2:3]), atol=1e-6, rtol=1e-5)


def test_a_copy_and_its_weights_give_the_same_step() -> None:
    topology = random_topology(4)
    layer = RelationalPropagation(topology, 4)
    state = torch.randn(len(topology.genes), 2, 4)
    twin = deepcopy(layer)
    assert torch.equal(twin(state), layer(state))
    other = RelationalPropagation(topology, 4)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(state), layer(state))


@pytest.mark.parametrize("width", [1, 8, 12, 16, 20, 32, 40])
@pytest.mark.parametrize("samples", [0, 1, 5])
def test_a_step_without_gradients_is_the_step_that_is_trained(width: int, samples: int) -> None:
    torch.manual_seed(width)
    layer, state = RelationalPropagation(random_topology(5), width), torch.randn(13, samples, width)
    trained = layer(state).detach()
    with torch.no_grad():
        torch.testing.assert_close(layer(state), trained, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("width", [8, 12, 16, 32])
def test_without_gradients_a_samples_bits_do_not_depend_on_the_samples_beside_it(width: int) -> None:
    layer, state = RelationalPropagation(random_topology(6), width), torch.randn(13, 11, width)
    with torch.no_grad():
        together = layer(state)
        alone = torch.cat([layer(state[:, sample : sample + 1]) for sample in range(11)], dim=1)
        state[:, 4] = torch.nan
        beside_nothing = layer(state)
    assert torch.equal(together, alone)
    others = [sample for sample in range(11) if sample != 4]
    assert torch.equal(beside_nothing[:, others], together[:, others])
    assert beside_nothing[:, 4].isnan().all()


def test_without_gradients_any_number_of_threads_gives_the_same_bits() -> None:
    layer, state = RelationalPropagation(random_topology(7), 32), torch.randn(13, 9, 32)
    threads = torch.get_num_threads()
    with torch.no_grad():
        alone = layer(state)
        try:
            torch.set_num_threads(3)
            together = layer(state)
        finally:
            torch.set_num_threads(threads)
    assert torch.equal(alone, together)


def test_without_gradients_double_precision_stays_double() -> None:
    layer, state = RelationalPropagation(random_topology(8), 8).double(), torch.randn(13, 3, 8).double()
    with torch.no_grad():
        assert layer(state).dtype == torch.float64
        torch.testing.assert_close(layer(state), layer.requires_grad_(False)(state))


class LargestTensor(TorchDispatchMode):
    """Counts the numbers of the largest dense tensor that an operation returns."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.layout == torch.strided:
            self.numbers = max(self.numbers, result.numel())
        return result


def test_no_tensor_of_samples_times_edges_times_width_is_made() -> None:
    n_genes, n_samples, width = 40, 6, 4
    names = [f"G{gene:02d}" for gene in range(n_genes)]
    edges = [Edge(a, b, "binding", 1) for a in names for b in names if a != b]
    topology = assemble("complete", edges, [])
    layer = RelationalPropagation(topology, width)
    state = torch.randn(n_genes, n_samples, width, requires_grad=True)
    with LargestTensor() as seen:
        layer(state).sum().backward()
    assert n_genes * n_samples * width <= seen.numbers <= 4 * n_genes * n_samples * width
    assert seen.numbers < n_samples * len(edges) * width / 10
