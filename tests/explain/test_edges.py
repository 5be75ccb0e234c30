from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from metarisk.config.network import NetworkSection
from metarisk.explain.edges import Wiring, edge_shares, has_edges
from metarisk.explain.parts import Subject, explain_rows
from metarisk.explain.questions import choose_questions
from metarisk.models.network import Network, NetworkPlan
from metarisk.nn.heads import TaskLayout
from metarisk.nn.propagation import messages_of
from metarisk.pathways.influence import influence_by_edge, signed_influence
from metarisk.pathways.topology import Edge, Topology, assemble
from metarisk.schema.assays import Assay


def network(topology: Topology, **section: Any) -> Network:
    """One network on expression of every gene, with weights as they are drawn, and a gate half open."""
    torch.manual_seed(3)
    plan = NetworkPlan(
        section=NetworkSection.model_validate({"width": 4, "readout": 2, "direct_hidden": 0, **section}),
        layout=TaskLayout(("response", "site.bone"), {}, {}),
        assay_nodes={Assay.EXPRESSION: np.arange(len(topology.genes))},
        groups=("expression",),
        centre=np.zeros(1, np.float32),
        scale=np.ones(1, np.float32),
        number_columns=(),
        edges=np.empty((0, 2), np.float32),
    )
    made = Network(plan, topology).eval()
    if made.graph is not None:
        torch.nn.init.normal_(cast("Any", made.graph).head.weight, std=0.5)
        torch.nn.init.normal_(cast("Any", made.graph).genes.pooling.attention, std=0.5)
    return made


def measured(topology: Topology, n_samples: int) -> tuple[dict[str, Tensor], Tensor]:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(n_samples, len(topology.genes), 1)).astype(np.float32)
    return {"expression": torch.from_numpy(values)}, torch.zeros(n_samples, 1)


def answer_at(member: Any, topology: Topology, values: Tensor, strength: Tensor) -> Tensor:
    """The graph's answers for one sample, edge by edge, each with a strength of its own, (E,) to (O,)."""
    genes, sent, by_edge = member.graph.genes, messages_of(topology), influence_by_edge(topology)

    def step(layer: Any, state: Tensor) -> Tensor:
        message = torch.zeros_like(state)
        lines = zip(
            *(getattr(sent.edges, name).tolist() for name in sent.edges._fields), sent.origin, strict=True
        )
        for receiver, sender, wire, value, origin in lines:
            carried = strength[origin] * value * layer.relation_weight[wire] * state[sender]
            message = message.index_add(0, torch.tensor([receiver]), carried[None])
        return state + torch.tanh(layer.mix(message))

    identity = genes.identity
    for layer in genes.effects:
        identity = step(layer, identity)
    encoder = genes.encoders["expression"]
    state = values * (encoder.shared + encoder.own * identity)  # (G, D)
    for layer in genes.states:
        state = step(layer, state)
    weight = torch.exp(genes.pooling.attention)
    signed = torch.from_numpy(signed_influence(topology)).float()
    for member_at, edge, value in zip(*by_edge, strict=True):
        signed = signed.index_add(0, torch.tensor([int(member_at)]), value * (strength[edge] - 1.0)[None])
    pathways = []
    for pathway in range(len(topology.pathways)):
        inside = torch.from_numpy(np.flatnonzero(topology.member_pathway == pathway))
        rows = torch.tensor(topology.member_gene.tolist())[inside]
        weighted = state[rows] * weight[rows]
        equal = weighted.sum(0) / len(inside) ** 0.5
        by_sign = (signed[inside, None] * weighted).sum(0)
        half = torch.cat([equal[:2], by_sign[2:]])
        pathways.append(half / weight[rows].mean(0))
    answer: Tensor = torch.sigmoid(member.gate) * member.graph.read(torch.stack(pathways)[:, None])[0]
    return answer


@pytest.mark.parametrize("layers", [(0, 0), (1, 0), (0, 1), (2, 2)])
def test_shares_equal_gradients_by_each_edge_s_own_strength(layers: tuple[int, int]) -> None:
    edges = [
        Edge("A", "B", "tf_target", 1),
        Edge("A", "B", "binding", 1),
        Edge("C", "B", "tf_target", -1),
        Edge("B", "D", "binding", 1),
        Edge("C", "D", "phosphorylation", 0),
        Edge("D", "A", "tf_target", -1),
    ]
    topology = assemble("toy", edges, [("p", gene) for gene in "ABCD"] + [("q", "B"), ("q", "C")])
    member = network(topology, effect_layers=layers[0], state_layers=layers[1])
    inputs = measured(topology, 2)
    weight = torch.tensor([[[1.0, 0.0]] * 2, [[0.3, -0.7]] * 2])  # two answers, the second a mixture
    shares, alone = edge_shares(member, Wiring.of(topology), inputs, weight, 16)
    ones = torch.ones(topology.n_edges)
    for row in range(2):
        values = inputs[0]["expression"][row]
        slow = torch.zeros(2, topology.n_edges)
        for at in (np.arange(40) + 0.5) / 40:
            here = (ones * float(at)).requires_grad_()
            answers = (weight[:, row] * answer_at(member, topology, values, here)).sum(dim=1)
            slow += (
                torch.stack([torch.autograd.grad(one, here, retain_graph=True)[0] for one in answers]) / 40
            )
        torch.testing.assert_close(shares[:, :, row], slow, atol=2e-4, rtol=0.0)
        torch.testing.assert_close(
            alone[row], answer_at(member, topology, values, 0.0 * ones), atol=1e-5, rtol=0.0
        )
        whole = member(*inputs).graph[row]
        added = (weight[:, row] * (whole - alone[row])).sum(dim=1)
        torch.testing.assert_close(shares[:, :, row].sum(dim=1), added, atol=1e-4, rtol=0.0)
    assert shares.abs().max() > 1e-3


@pytest.mark.parametrize(("members", "layers"), [("T", 1), ("AIT", 0)])
def test_an_activator_s_edge_pulls_the_other_way_than_an_inhibitor_s(members: str, layers: int) -> None:
    """Twins in all but the sign of their edge, by messages alone and by what pathways read alone."""
    edges = [Edge("A", "T", "tf_target", 1), Edge("I", "T", "tf_target", -1)]
    topology = assemble("twins", edges, [("p", gene) for gene in members])
    member = network(topology, effect_layers=0, state_layers=layers)
    genes = cast("Any", member.graph).genes
    with torch.no_grad():
        for table in (genes.identity, genes.pooling.attention):
            table[topology.gene_index["I"]] = table[topology.gene_index["A"]]
    assays, flat = measured(topology, 4)
    assays["expression"][:, topology.gene_index["I"]] = assays["expression"][:, topology.gene_index["A"]]
    weight = torch.ones(1, 4, 2)
    shares, _ = edge_shares(member, Wiring.of(topology), (assays, flat), weight, 16)
    activator, inhibitor = shares[0]
    assert activator.abs().min() > 1e-5
    torch.testing.assert_close(activator, -inhibitor, atol=1e-6, rtol=1e-3)


def test_planted_edges_stand_above_the_others(easy: Any, small_topology: Topology) -> None:
    """Edges among genes of the circuit that truly drives an answer, against all other edges."""
    trained, drawn = easy
    subject = Subject(trained.bundle, choose_questions(trained.bundle, []))
    found = explain_rows(subject, trained.bundle.transform.apply(trained.test))
    size = np.abs(found.shares["edge"].mean(axis=0)).mean(axis=1)[:, :-2]  # (Q, E)
    topology = trained.bundle.topology
    effects = {
        circuit.endpoint: dict(zip(small_topology.genes, circuit.effect, strict=True))
        for circuit in drawn.planted
    }
    for place, asked in enumerate(subject.questions.values()):
        effect = np.array([effects[asked.endpoint][gene] for gene in topology.genes])
        planted = (effect[topology.source] != 0) & (effect[topology.target] != 0)
        assert roc_auc_score(planted, size[place]) > 0.9


def test_edges_of_influence_and_what_a_gene_has_as_an_output_add_up(small_topology: Topology) -> None:
    whole, by_edge = signed_influence(small_topology), influence_by_edge(small_topology)
    own = whole - np.bincount(by_edge.member, weights=by_edge.value, minlength=len(whole))
    assert (own > -1e-12).all()  # an output is one, whatever its edges
    sources = small_topology.member_gene[by_edge.member]
    np.testing.assert_array_equal(sources, small_topology.source[by_edge.edge])
    direct = small_topology.target[by_edge.edge] % 14 == 0  # the gene that the others of a circuit act on
    np.testing.assert_array_equal(np.sign(by_edge.value[direct]), small_topology.sign[by_edge.edge[direct]])


def test_without_edges_or_genes_on_the_graph_there_is_nothing_to_tell_of_edges() -> None:
    bare = assemble("bare", [], [("p", "A"), ("p", "B")])
    assert not has_edges(network(bare), bare)
    joined = assemble("joined", [Edge("A", "B", "binding", 1)], [("p", "A")])
    assert has_edges(network(joined), joined)
    assert not has_edges(network(joined, graph=False), joined)
