"""Edges in the order that a kernel walks them: by the node that receives, then by the wire they run along."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Index = NDArray[np.integer]


class Edges(NamedTuple):
    """Edges that carry something from one side to the other.

    Attributes
    ----------
    receiver, sender
        Ends of each edge, shape (E,).
    wire
        Which row of the weights scales what it carries, shape (E,).
    value
        Sign and size of each edge, shape (E,); edges that fall together add up.
    """

    receiver: Index
    sender: Index
    wire: Index
    value: NDArray[np.floating]

    def turned(self) -> Edges:
        """The same edges, walked the other way."""
        return self._replace(receiver=self.sender, sender=self.receiver)


class Segments(nn.Module):
    """Edges sorted by receiver and wire; a segment is the edges that one receiver has on one wire.

    It moves with its module and is rebuilt, not saved, with it.

    Attributes
    ----------
    node_start
        First segment of each receiver, and the count of all, shape (rows + 1,).
    segment_start
        First edge of each segment, and the count of all, shape (segments + 1,).
    wire
        Wire of each segment, shape (segments,).
    edge_start
        First edge of each receiver, and the count of all, shape (rows + 1,).
    edge_wire, sender, value
        Of each edge, shape (E,).
    """

    node_start: Tensor
    segment_start: Tensor
    wire: Tensor
    edge_start: Tensor
    edge_wire: Tensor
    sender: Tensor
    value: Tensor

    def __init__(self, edges: Edges, rows: int) -> None:
        super().__init__()
        order = _order(edges)
        receiver, wire = edges.receiver[order].astype(np.int64), edges.wire[order]
        fresh = np.ones(len(order), dtype=bool)
        fresh[1:] = (np.diff(receiver) != 0) | (np.diff(wire) != 0)
        first = np.flatnonzero(fresh)
        node_start = np.searchsorted(receiver[first], np.arange(rows + 1))
        self._keep("node_start", node_start)
        self._keep("segment_start", np.append(first, len(order)))
        self._keep("wire", wire[first])
        self._keep("edge_start", np.searchsorted(receiver, np.arange(rows + 1)))
        self._keep("edge_wire", wire)
        self._keep("sender", edges.sender[order])
        self.register_buffer(
            "value", torch.from_numpy(edges.value[order].astype(np.float32)), persistent=False
        )

    def _keep(self, name: str, index: Index) -> None:
        self.register_buffer(name, torch.from_numpy(index.astype(np.int32)), persistent=False)

    @property
    def rows(self) -> int:
        """Nodes that may receive."""
        return len(self.node_start) - 1


def _order(edges: Edges) -> Index:
    """Places of the edges by receiver, wire and sender: one sort of one number where it has room."""
    parts = (edges.receiver, edges.wire, edges.sender)
    sizes = [int(part.max(initial=0)) + 1 for part in parts]
    if math.prod(sizes) > np.iinfo(np.int64).max:
        return np.lexsort(parts[::-1])
    receiver, wire, sender = (part.astype(np.int64) for part in parts)
    return np.argsort((receiver * sizes[1] + wire) * sizes[2] + sender, kind="stable")
