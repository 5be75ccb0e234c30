"""Message passing over signed, typed, directed edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.nn.rowwise import RowwiseLinear
from metarisk.nn.segments import Edges
from metarisk.nn.squash import add_tanh
from metarisk.nn.wired_sum import WiredSum
from metarisk.pathways.topology import RELATIONS, Topology


class RelationalPropagation(nn.Module):
    """One step along every relation in both directions.

    A message along relation r is the sender's state times the edge's sign, scaled channel by channel with
    that relation's weights: an inhibitor sends the negative of what an activator sends. An edge of unknown
    sign travels as a relation of its own. Messages are divided by the square root of both ends' degrees in
    that relation, summed, mixed by one D x D matrix, squashed by the odd function tanh and added to the
    state, so that a gene without measured neighbours keeps its state and nothing in gives nothing out.

    All relations share one sum over neighbours, `WiredSum`, with a wire for each relation and direction.

    Parameters
    ----------
    topology
        The shared graph.
    width
        Channels D.
    """

    def __init__(self, topology: Topology, width: int) -> None:
        super().__init__()
        wires = list(_wires(topology))
        self.names = tuple(wire.name for wire in wires)
        self.neighbours = WiredSum(_edges(wires), (len(topology.genes), len(topology.genes)))
        self.relation_weight = nn.Parameter(1.0 + 0.1 * torch.randn(len(wires), width))
        self.mix = RowwiseLinear(width, width, bias=False)
        nn.init.normal_(self.mix.weight, std=0.3 / width**0.5)

    def forward(self, state: Tensor) -> Tensor:
        """Move every gene's state by what its neighbours send.

        Parameters
        ----------
        state
            Shape (G, N, D).

        Returns
        -------
        Tensor
            Shape (G, N, D).
        """
        if not self.names:
            return state
        if not torch.is_grad_enabled() and not state.is_cuda:
            return self._moved(state)
        return self._step(state)

    def _step(self, state: Tensor) -> Tensor:
        message = self.neighbours(state, self.relation_weight)  # (G, N, D)
        return add_tanh(state, self.mix(message))

    def _moved(self, state: Tensor) -> Tensor:
        """The same without gradients: one pass over memory where the processor's kernel takes it."""
        from metarisk.nn.kernels_cpu import moved, moves_in_one_pass

        if not moves_in_one_pass(state):
            return self._step(state)
        return moved(self.neighbours.towards, state.contiguous(), self.relation_weight, self.mix.weight)


class Messages(NamedTuple):
    """Everything that is sent in one step: each edge of a topology twice, down and up.

    Attributes
    ----------
    edges
        Sender, receiver, wire and normalised sign of each.
    origin
        Which edge of the topology each runs along, shape of a column of ``edges``.
    """

    edges: Edges
    origin: NDArray[np.int64]


def messages_of(topology: Topology) -> Messages:
    """The messages of a step of `RelationalPropagation` over a topology."""
    wires = list(_wires(topology))
    nothing = np.empty(0, dtype=np.int64)
    return Messages(_edges(wires), np.concatenate([nothing, *(wire.origin for wire in wires)]))


class _Wire(NamedTuple):
    """Edges of one relation in one direction: sender and receiver of each, and its normalised sign."""

    name: str
    origin: NDArray[np.int64]
    sender: NDArray[np.int64]
    receiver: NDArray[np.int64]
    value: NDArray[np.float64]


def _edges(wires: list[_Wire]) -> Edges:
    """All wires' edges, each with the number of its wire."""
    counts = [len(wire.sender) for wire in wires]
    nothing = np.empty(0, dtype=np.int64)
    return Edges(
        receiver=np.concatenate([nothing, *(wire.receiver for wire in wires)]),
        sender=np.concatenate([nothing, *(wire.sender for wire in wires)]),
        wire=np.repeat(np.arange(len(wires)), counts),
        value=np.concatenate([nothing.astype(np.float64), *(wire.value for wire in wires)]),
    )


def _wires(topology: Topology) -> Iterator[_Wire]:
    """One entry for each relation, sign known or not, and direction that has edges."""
    n_genes = len(topology.genes)
    for index, relation in enumerate(RELATIONS):
        for known in (True, False):
            chosen = (topology.relation == index) & ((topology.sign != 0) == known)
            if not chosen.any():
                continue
            source = topology.source[chosen].astype(np.int64)
            target = topology.target[chosen].astype(np.int64)
            sign = topology.sign[chosen].astype(np.float64) if known else np.ones(len(source))
            out_degree, in_degree = (
                np.bincount(source, minlength=n_genes),
                np.bincount(target, minlength=n_genes),
            )
            value = sign / np.sqrt(out_degree[source] * in_degree[target])
            name = relation if known else f"{relation}_unsigned"
            origin = np.flatnonzero(chosen)
            yield _Wire(f"{name}_down", origin, source, target, value)
            yield _Wire(f"{name}_up", origin, target, source, value)
