"""Answers of one network after a few genes change: only what the change reaches is worked on anew.

A network's walk over some samples is remembered, stage by stage. A change then goes from its genes to their
neighbours, one step a layer, to the pathways that hold any of them, and to the heads; at each stage the
difference from the remembered walk is carried, not the whole state. The numbers are those of the network on
the changed samples, but for rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.models.network import GeneStates, GraphPath, Network
from metarisk.nn.encoders import OFF_GRAPH, AssayEncoder, encode
from metarisk.nn.propagation import RelationalPropagation
from metarisk.nn.segments import Segments

# Numbers of messages that are held at a time.
MESSAGES = 1 << 21
IntArray = NDArray[np.int64]


class CellChange(NamedTuple):
    """New standardised values of some columns of one assay.

    Attributes
    ----------
    assay
        Name of the assay.
    columns
        Which of its columns, shape (k,).
    difference
        New minus old, 0 where not measured, shape (N, k, C).
    """

    assay: str
    columns: IntArray
    difference: Tensor


class TableChange(NamedTuple):
    """New values of some columns of the flat table.

    Attributes
    ----------
    columns
        Which, shape (k,).
    difference
        New minus old, 0 where unknown, shape (N, k).
    """

    columns: IntArray
    difference: Tensor


class Moved(NamedTuple):
    """How far the outputs moved before calibration: through the graph, gate included, and past it, (N, O)."""

    graph: Tensor
    direct: Tensor


class Rows(NamedTuple):
    """Differences of some nodes' states: the nodes, ascending, shape (k,), and the differences (k, N, D)."""

    nodes: IntArray
    difference: Tensor


class Outgoing:
    """Edges by their sender, so that a change is followed along those that leave it.

    Parameters
    ----------
    segments
        The same edges by their receiver.
    """

    def __init__(self, segments: Segments) -> None:
        counts = np.diff(segments.edge_start.numpy())
        receiver = np.repeat(np.arange(segments.rows), counts)
        sender = segments.sender.numpy()
        order = np.argsort(sender, kind="stable")
        self.receiver, self.wire = receiver[order], segments.edge_wire.numpy()[order].astype(np.int64)
        self.value = segments.value[torch.from_numpy(order)]
        self.first = np.searchsorted(sender[order], np.arange(int(sender.max(initial=-1)) + 2))

    def reached(self, change: Rows, weight: Tensor) -> Rows:
        """Change of what each reached node receives; weights of the wires (R, D)."""
        edges, start = self._edges(change.nodes)
        nodes, place = np.unique(self.receiver[edges], return_inverse=True)
        received = change.difference.new_zeros(len(nodes), *change.difference.shape[1:])
        step = max(1, MESSAGES // max(1, change.difference[:1].numel()))
        for at in range(0, len(edges), step):
            some = edges[at : at + step]
            scale = self.value[some, None] * weight[self.wire[some]]  # (e, D)
            message = change.difference[start[at : at + step]] * scale[:, None, :]
            received.index_add_(0, torch.from_numpy(place[at : at + step]), message)
        return Rows(nodes, received)

    def _edges(self, nodes: IntArray) -> tuple[IntArray, IntArray]:
        """Edges that leave the nodes, and which of the nodes each leaves, shape (e,) both."""
        last = len(self.first) - 1
        low, high = self.first[np.minimum(nodes, last)], self.first[np.minimum(nodes + 1, last)]
        counts = high - low
        start = np.repeat(np.arange(len(nodes)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return low[start] + within, start


class _Layer(NamedTuple):
    """One step of message passing as it was walked: what each gene had, and was sent, (G, N, D) each."""

    module: RelationalPropagation
    adapter: nn.Module
    outgoing: Outgoing
    before: Tensor
    message: Tensor
    stepped: Tensor


class GraphWalk:
    """The graph path of one network over some samples.

    Parameters
    ----------
    path
        The network's graph path; it has genes.
    assays, flat
        What it reads of N samples.
    """

    def __init__(self, path: GraphPath, assays: Mapping[str, Tensor], flat: Tensor) -> None:
        genes = cast("GeneStates", path.genes)
        identity = genes.identities()
        self.path = path
        self.genes = genes
        self.effects = {name: self._encoder(name).effects(identity) for name in genes.encoders}
        self.nodes = {name: _nodes(self._encoder(name), assays[name].shape[1]) for name in genes.encoders}
        read = [(self._encoder(name), assays[name]) for name in genes.encoders]
        self.encoded = encode(read, identity)  # (G, N, D)
        self.layers: list[_Layer] = []
        state: Tensor = genes.adapters[0](self.encoded)
        for module, adapter in zip(genes.states, genes.adapters[1:], strict=True):
            state = self._walk(cast("RelationalPropagation", module), adapter, state)
        pooling = genes.pooling
        self.pool, self.attention = Outgoing(pooling.pool.towards), torch.exp(pooling.attention)
        self.size = (pooling.members(self.attention) / pooling.size[:, None]).clamp_min(1e-6)  # (P, D)
        self.ascent = None if pooling.ascent is None else Outgoing(pooling.ascent.sum.towards)
        self.pathways = pooling(state)
        if path.signatures is not None:
            self.pathways = self.pathways + path.signatures(assays)
        self.read = torch.tanh(path.readout(self.pathways))  # (P, N, readout)
        self.weight = path.head.weight.reshape(-1, *self.read.shape[::2])  # (O, P, readout)
        own = None if path.therapy is None else path.therapy(flat)[0]
        self.own = None if own is None else own.reshape(-1, *self.read.shape[::2])  # (N, P, readout)

    def _encoder(self, name: str) -> AssayEncoder:
        return cast("AssayEncoder", self.genes.encoders[name])

    def _walk(self, module: RelationalPropagation, adapter: nn.Module, state: Tensor) -> Tensor:
        if not module.names:
            return cast("Tensor", adapter(state))
        message = module.neighbours(state, module.relation_weight)
        stepped = state + torch.tanh(module.mix(message))
        outgoing = Outgoing(module.neighbours.towards)
        self.layers.append(_Layer(module, adapter, outgoing, state, message, stepped))
        return cast("Tensor", adapter(stepped))

    def moved(self, changes: list[CellChange]) -> Tensor:
        """How far the outputs move before the gate, shape (N, O)."""
        change = self._encode(changes)
        for layer in self.layers:
            change = _step(layer, change)
        change = Rows(change.nodes, change.difference * self.attention[change.nodes][:, None, :])
        pooled = self.pool.reached(change, self.genes.pooling.halves)
        pooled = Rows(pooled.nodes, pooled.difference / self.size[pooled.nodes][:, None, :])
        if self.ascent is not None:
            pooled = _joined(pooled, self.ascent.reached(pooled, pooled.difference.new_ones(1, 1)))
        return self._answer(pooled)

    def _encode(self, changes: list[CellChange]) -> Rows:
        """Change of the states that the encoders give, behind their adapter."""
        parts = []
        for assay, columns, difference in changes:
            if assay in self.genes.encoders:
                nodes = self.nodes[assay][columns]
                on = nodes != OFF_GRAPH
                effect = self.effects[assay][nodes[on]]  # (k, C, D)
                parts.append(Rows(nodes[on], torch.einsum("nkc,kcd->knd", difference[:, on], effect)))
        change = _sum(parts, self.encoded)
        return _adapted(self.genes.adapters[0], self.encoded[change.nodes], change)

    def _answer(self, pathways: Rows) -> Tensor:
        nodes = pathways.nodes
        read = torch.tanh(self.path.readout(self.pathways[nodes] + pathways.difference)) - self.read[nodes]
        moved = torch.einsum("pnr,opr->no", read, self.weight[:, nodes])
        if self.own is not None:
            response = cast("int", self.path.response)
            moved[:, response] += torch.einsum("pnr,npr->n", read, self.own[:, nodes])
        return moved


class MemberWalk:
    """One network over some samples.

    Parameters
    ----------
    member
        The network, in evaluation mode.
    assays, flat
        What it reads of N samples.
    """

    @torch.no_grad()
    def __init__(self, member: Network, assays: Mapping[str, Tensor], flat: Tensor) -> None:
        path = member.graph
        self.graph = None if path is None or path.genes is None else GraphWalk(path, assays, flat)
        self.gate = torch.sigmoid(member.gate)
        self.direct = member.direct
        embedding = self.direct.embedding
        self.scale = embedding.scale
        self.place = np.full(len(embedding.centre), -1)
        others = embedding.other_columns.numpy()
        self.place[others] = np.arange(len(others))
        self.curved = self.direct.mlp is not None
        self.embedded = embedding(flat) if self.curved else flat.new_empty(len(flat), 0)
        self.start = self._mlp(self.embedded) if self.curved else None

    @torch.no_grad()
    def moved(self, cells: list[CellChange], table: TableChange) -> Moved:
        """How far the member's outputs move."""
        n_samples, n_outputs = len(table.difference), len(self.gate)
        direct = graph = table.difference.new_zeros(n_samples, n_outputs)
        if len(table.columns):
            direct = self._past_the_graph(table)
        if self.graph is not None and cells:
            graph = self.gate * self.graph.moved(cells)
        return Moved(graph, direct)

    def _past_the_graph(self, table: TableChange) -> Tensor:
        places = self.place[table.columns]
        change = table.difference * self.scale[table.columns]
        moved: Tensor = change @ self.direct.linear.weight[:, places].T
        if self.start is None:
            return moved
        kept = self.embedded[:, places]
        self.embedded[:, places] = kept + change
        moved = moved + self._mlp(self.embedded) - self.start
        self.embedded[:, places] = kept
        return moved

    def _mlp(self, embedded: Tensor) -> Tensor:
        """Answers of the direct path's MLP, the mean of its copies, shape (N, O)."""
        answer = cast("nn.Module", self.direct.mlp)(embedded)
        return cast("Tensor", answer.mean(dim=0) if answer.dim() == 3 else answer)


def _step(layer: _Layer, change: Rows) -> Rows:
    """Change behind one step of message passing and its adapter."""
    sent = layer.outgoing.reached(change, layer.module.relation_weight)
    message = layer.message[sent.nodes]
    old, new = layer.module.mix(message), layer.module.mix(message + sent.difference)
    stepped = _joined(change, Rows(sent.nodes, torch.tanh(new) - torch.tanh(old)))
    return _adapted(layer.adapter, layer.stepped[stepped.nodes], stepped)


def _adapted(adapter: nn.Module, before: Tensor, change: Rows) -> Rows:
    """Change behind an adapter, which is linear."""
    if isinstance(adapter, nn.Identity):
        return change
    return Rows(change.nodes, adapter(before + change.difference) - adapter(before))


def _nodes(encoder: AssayEncoder, n_columns: int) -> IntArray:
    """Node of each column of an assay, `OFF_GRAPH` for none, shape (Ga,)."""
    column_of = encoder.column_of.numpy()
    on = np.flatnonzero(column_of != OFF_GRAPH)
    node = np.full(n_columns, OFF_GRAPH)
    node[column_of[on]] = on
    return node


def _joined(one: Rows, two: Rows) -> Rows:
    return _sum([one, two], one.difference)


def _sum(parts: list[Rows], like: Tensor) -> Rows:
    """Differences of all parts, those of one node added up."""
    if not parts:
        return Rows(np.empty(0, np.int64), like.new_zeros(0, *like.shape[1:]))
    nodes, place = np.unique(np.concatenate([part.nodes for part in parts]), return_inverse=True)
    total = like.new_zeros(len(nodes), *like.shape[1:])
    total.index_add_(0, torch.from_numpy(place), torch.cat([part.difference for part in parts]))
    return Rows(nodes, total)
