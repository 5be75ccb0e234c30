"""How much of each answer the message along each edge adds: integrated over the messages' strength.

All messages are turned up together, from none to full, with what was measured as it is. At each strength an
edge's share is its value times the answer's gradient by it: the sender's state, scaled by the relation's
weights and the normalised sign, times the gradient at the receiver. Shares add up to the answer with messages
minus the answer without (Sundararajan, Taly and Yan, Axiomatic Attribution for Deep Networks, 2017; here the
path runs through the strength of edges). Both directions of an edge and every step count. What pooling makes
of signs is no message and stands with the pathway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from metarisk.models.network import GeneStates, GraphPath, Network
from metarisk.nn.encoders import AssayEncoder
from metarisk.nn.propagation import Messages, RelationalPropagation
from metarisk.nn.squash import add_tanh

GATHERED = 1 << 20  # numbers of the endpoints' states that are laid out at once


class _Sent(NamedTuple):
    """What one step sent: the senders' states and the summed messages at the receivers, (G, n, D) each."""

    layer: RelationalPropagation
    state: Tensor
    message: Tensor


def has_messages(member: Network, messages: Messages) -> bool:
    """Whether anything is sent in a network: it has steps, and the topology has edges."""
    genes = None if member.graph is None else member.graph.genes
    return genes is not None and bool(len(messages.origin)) and bool(len(genes.effects) + len(genes.states))


def edge_shares(
    member: Network,
    messages: Messages,
    inputs: tuple[Mapping[str, Tensor], Tensor],
    weight: Tensor,
    points: int,
) -> tuple[Tensor, Tensor]:
    """Share of each edge, and answers through the graph without any message.

    Parameters
    ----------
    member
        A network with messages, see `has_messages`.
    messages
        Those of its topology.
    inputs
        Assay -> standardised values (n, Ga, C), and the flat table (n, F).
    weight
        How much of each output each answer is made of in each sample, shape (Q, n, O).
    points
        Nodes of the quadrature.

    Returns
    -------
    tuple
        Shares (Q, E, n) and the answers without messages, gate included, (n, O).
    """
    graph = cast("GraphPath", member.graph)
    assays, flat = inputs
    n_edges = int(messages.origin.max()) + 1
    total = weight.new_zeros(len(weight), n_edges, len(flat))
    nodes, node_weights = np.polynomial.legendre.leggauss(points)
    for node, node_weight in zip((nodes + 1.0) / 2.0, node_weights / 2.0, strict=True):
        states, sent = _with_strength(graph, assays, float(node))
        answer = torch.sigmoid(member.gate.detach()) * graph.read(states, flat)  # (n, O)
        taps = [step.message for step in sent]
        gradients = [torch.autograd.grad((answer * read).sum(), taps, retain_graph=True) for read in weight]
        for at, step in enumerate(sent):
            _gather(total, step, [each[at] for each in gradients], messages, float(node_weight))
    with torch.no_grad():
        states, _ = _with_strength(graph, assays, 0.0)
        alone: Tensor = torch.sigmoid(member.gate) * graph.read(states, flat)
    return total, alone


def _with_strength(
    graph: GraphPath, assays: Mapping[str, Tensor], strength: float
) -> tuple[Tensor, list[_Sent]]:
    """Pathway states (P, n, D) with all messages scaled, and what was sent.

    Identities take their walk sample by sample here, so that a gradient by a message is a sample's own.
    """
    genes = cast("GeneStates", graph.genes)
    n_samples = len(next(iter(assays.values())))
    sent: list[_Sent] = []
    identity = genes.identity.detach()[:, None, :].repeat(1, n_samples, 1).requires_grad_()  # (G, n, D)
    for layer in genes.effects:
        identity = _step(cast("RelationalPropagation", layer), identity, strength, sent)
    state = genes.adapters[0](_encoded(genes, assays, identity))
    for layer, adapter in zip(genes.states, genes.adapters[1:], strict=True):
        state = adapter(_step(cast("RelationalPropagation", layer), state, strength, sent))
    pathways: Tensor = genes.pooling(state)
    return pathways if graph.signatures is None else pathways + graph.signatures(assays), sent


def _step(layer: RelationalPropagation, state: Tensor, strength: float, sent: list[_Sent]) -> Tensor:
    """One step of message passing at a strength; what it sent is appended."""
    message = strength * layer.neighbours(state, layer.relation_weight.detach())  # (G, n, D)
    sent.append(_Sent(layer, state, message))
    return add_tanh(state, layer.mix(message))


def _encoded(genes: GeneStates, assays: Mapping[str, Tensor], identity: Tensor) -> Tensor:
    """State of each gene before messages, identities given sample by sample, shape (G, n, D)."""
    state = torch.zeros_like(identity)
    for name, module in genes.encoders.items():
        encoder = cast("AssayEncoder", module)
        values = encoder.place(assays[name])  # (G, n, C)
        state = state + values @ encoder.shared + (values @ encoder.own) * identity
    return state


def _gather(
    total: Tensor, step: _Sent, gradients: list[Tensor], messages: Messages, node_weight: float
) -> None:
    """Add each edge's value times its gradient to the totals (Q, E, n), some edges at a time."""
    edges, weight, state = messages.edges, step.layer.relation_weight.detach(), step.state.detach()
    few = max(GATHERED // (state.shape[1] * state.shape[2]), 1)
    for start in range(0, len(messages.origin), few):
        part = slice(start, start + few)
        sender, receiver, wire, origin = (
            torch.from_numpy(np.asarray(index[part], dtype=np.int64))
            for index in (edges.sender, edges.receiver, edges.wire, messages.origin)
        )
        value = torch.from_numpy(edges.value[part].astype(np.float32)) * node_weight
        carried = state[sender] * (weight[wire] * value[:, None])[:, None, :]  # (some, n, D)
        for place, gradient in enumerate(gradients):
            total[place].index_add_(0, origin, torch.einsum("end,end->en", carried, gradient[receiver]))
