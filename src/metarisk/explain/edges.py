"""How much of each answer each edge adds: integrated over the strength of all edges.

An edge speaks in two ways: its messages, down and up, in every step of message passing, and the sign with
which its source counts for the pathways that both ends belong to (`influence_by_edge`). Both are turned up
together, from none to full, with what was measured as it is. At each strength an edge's share is its value
times the answer's gradient by it: the sender's state, scaled by weights and the edge's value, times the
gradient where it arrives. Shares add up to the answer with edges minus the answer without (Sundararajan, Taly
and Yan, Axiomatic Attribution for Deep Networks, 2017; here the path runs through the strength of edges).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.explain.quadrature import gauss_legendre
from metarisk.models.network import GeneStates, GraphPath, Network
from metarisk.nn.encoders import AssayEncoder
from metarisk.nn.pooling import PathwayPooling
from metarisk.nn.propagation import RelationalPropagation, messages_of
from metarisk.nn.segments import Edges
from metarisk.nn.squash import add_tanh
from metarisk.nn.wired_sum import WiredSum
from metarisk.pathways.influence import influence_by_edge
from metarisk.pathways.topology import Topology

SIGNED_HALF = 1  # of the wires of `PathwayPooling`
GATHERED = 1 << 20  # numbers of the endpoints' states that are laid out at once


class Carriers(NamedTuple):
    """Lines along which something is carried, each the doing of one edge of the topology.

    Attributes
    ----------
    edges
        Sender, receiver, wire and value of each.
    origin
        Edge of the topology that each is of.
    """

    edges: Edges
    origin: NDArray[np.int64]


class Wiring(NamedTuple):
    """Everything that edges carry in a network.

    Attributes
    ----------
    messages
        From gene to gene, in each step.
    influence
        From gene to pathway, where pathways read their members by signs.
    signed
        The same summed: takes weighted gene states, gives what edges make of the pathways' sums.
    n_edges
        Edges E of the topology.
    """

    messages: Carriers
    influence: Carriers
    signed: WiredSum
    n_edges: int

    @classmethod
    def of(cls, topology: Topology) -> Wiring:
        """Wiring of a topology."""
        sent, by_edge = messages_of(topology), influence_by_edge(topology)
        pathway, gene = topology.member_pathway[by_edge.member], topology.member_gene[by_edge.member]
        lines = Edges(pathway, gene, np.full(len(gene), SIGNED_HALF), by_edge.value)
        shape = (len(topology.pathways), len(topology.genes))
        return cls(
            Carriers(sent.edges, sent.origin),
            Carriers(lines, by_edge.edge.astype(np.int64)),
            WiredSum(lines, shape),
            topology.n_edges,
        )


class _Sent(NamedTuple):
    """What was carried at once: the senders' states (G, n, D), weights of the wires, and what arrived."""

    carriers: Carriers
    state: Tensor
    weight: Tensor
    arrived: Tensor


def has_edges(member: Network, topology: Topology) -> bool:
    """Whether edges have a say in a network: genes enter the graph, and it has edges."""
    return member.graph is not None and member.graph.genes is not None and topology.n_edges > 0


def edge_shares(
    member: Network,
    wiring: Wiring,
    inputs: tuple[Mapping[str, Tensor], Tensor],
    weight: Tensor,
    points: int,
) -> tuple[Tensor, Tensor]:
    """Share of each edge, and answers through the graph without any edge.

    Parameters
    ----------
    member
        A network with edges, see `has_edges`.
    wiring
        That of its topology.
    inputs
        Assay -> standardised values (n, Ga, C), and the flat table (n, F).
    weight
        How much of each output each answer is made of in each sample, shape (Q, n, O).
    points
        Nodes of the quadrature.

    Returns
    -------
    tuple
        Shares (Q, E, n) and the answers without edges, gate included, (n, O).
    """
    graph = cast("GraphPath", member.graph)
    assays, flat = inputs
    total = weight.new_zeros(len(weight), wiring.n_edges, len(flat))
    for node, node_weight in gauss_legendre(points):
        states, sent = _with_strength(graph, wiring, assays, node)
        answer = torch.sigmoid(member.gate.detach()) * graph.read(states, flat)  # (n, O)
        taps = [step.arrived for step in sent]
        gradients = [torch.autograd.grad((answer * read).sum(), taps, retain_graph=True) for read in weight]
        for at, step in enumerate(sent):
            _gather(total, step, [each[at] for each in gradients], node_weight)
    with torch.no_grad():
        states, _ = _with_strength(graph, wiring, assays, 0.0)
        alone: Tensor = torch.sigmoid(member.gate) * graph.read(states, flat)
    return total, alone


def _with_strength(
    graph: GraphPath, wiring: Wiring, assays: Mapping[str, Tensor], strength: float
) -> tuple[Tensor, list[_Sent]]:
    """Pathway states (P, n, D) with all edges scaled, and what they carried.

    Identities take their walk sample by sample here, so that a gradient by a message is a sample's own.
    """
    genes = cast("GeneStates", graph.genes)
    n_samples = len(next(iter(assays.values())))
    sent: list[_Sent] = []

    def step(layer: nn.Module, state: Tensor) -> Tensor:
        walk = cast("RelationalPropagation", layer)
        weight = walk.relation_weight.detach()
        message = strength * walk.neighbours(state, weight)  # (G, n, D)
        sent.append(_Sent(wiring.messages, state, weight, message))
        return add_tanh(state, walk.mix(message))

    identity = genes.identity.detach()[:, None, :].repeat(1, n_samples, 1).requires_grad_()  # (G, n, D)
    for layer in genes.effects:
        identity = step(layer, identity)
    state = genes.adapters[0](_encoded(genes, assays, identity))
    for layer, adapter in zip(genes.states, genes.adapters[1:], strict=True):
        state = adapter(step(layer, state))
    pathways = _pooled(genes.pooling, wiring, state, strength, sent)
    return pathways if graph.signatures is None else pathways + graph.signatures(assays), sent


def _pooled(
    pooling: PathwayPooling, wiring: Wiring, state: Tensor, strength: float, sent: list[_Sent]
) -> Tensor:
    """Pathway states from gene states, the signs that edges give scaled, (G, n, D) to (P, n, D)."""
    weighted = pooling.weighted(state)
    signed = wiring.signed(weighted, pooling.halves)  # (P, n, D)
    arrived = strength * signed
    sent.append(_Sent(wiring.influence, weighted, pooling.halves, arrived))
    return pooling.settled(pooling.pool(weighted, pooling.halves) - signed + arrived)


def _encoded(genes: GeneStates, assays: Mapping[str, Tensor], identity: Tensor) -> Tensor:
    """State of each gene before messages, identities given sample by sample, shape (G, n, D)."""
    state = torch.zeros_like(identity)
    for name, module in genes.encoders.items():
        encoder = cast("AssayEncoder", module)
        values = encoder.place(assays[name])  # (G, n, C)
        state = state + values @ encoder.shared + (values @ encoder.own) * identity
    return state


def _gather(total: Tensor, step: _Sent, gradients: list[Tensor], node_weight: float) -> None:
    """Add each edge's value times its gradient to the totals (Q, E, n), some lines at a time."""
    edges, state = step.carriers.edges, step.state.detach()
    few = max(GATHERED // (state.shape[1] * state.shape[2]), 1)
    for start in range(0, len(step.carriers.origin), few):
        part = slice(start, start + few)
        sender, receiver, wire, origin = (
            torch.from_numpy(np.asarray(index[part], dtype=np.int64))
            for index in (edges.sender, edges.receiver, edges.wire, step.carriers.origin)
        )
        value = torch.from_numpy(edges.value[part].astype(np.float32)) * node_weight
        carried = state[sender] * (step.weight[wire] * value[:, None])[:, None, :]  # (some, n, D)
        for place, gradient in enumerate(gradients):
            total[place].index_add_(0, origin, torch.einsum("end,end->en", carried, gradient[receiver]))
