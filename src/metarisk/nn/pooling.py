"""Pooling: genes to pathways by attention over members, then up the hierarchy."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.nn.segments import Edges
from metarisk.nn.wired_sum import SparseMatrix, WiredSum
from metarisk.pathways.influence import signed_influence
from metarisk.pathways.topology import Topology


class PathwayPooling(nn.Module):
    """State of each pathway from the states of its member genes.

    Half of the channels are pooled with equal signs, the other half with the sign and size of each member's
    influence on the pathway's output (`signed_influence`), so that losing an inhibitor and gaining an
    activator push a pathway the same way. Upon both lies a learned attention weight for each gene and
    channel, normalised within the pathway. A pathway adds the mean of all pathways below it in the hierarchy.

    Parameters
    ----------
    topology
        Genes, pathways, membership and hierarchy.
    width
        Channels D.
    """

    size: Tensor
    halves: Tensor

    def __init__(self, topology: Topology, width: int) -> None:
        super().__init__()
        row, col = topology.member_pathway, topology.member_gene
        shape = (len(topology.pathways), len(topology.genes))
        size = np.maximum(np.bincount(row, minlength=shape[0]), 1)
        self.members = SparseMatrix(row, col, np.ones(len(row)), shape)
        self.pool = WiredSum(_equal_and_signed(topology, 1.0 / np.sqrt(size)), shape)
        first = torch.arange(width) < (width + 1) // 2
        self.register_buffer("halves", torch.stack([first, ~first]).float(), persistent=False)  # (2, D)
        self.register_buffer("size", torch.from_numpy(size.astype(np.float32)), persistent=False)
        self.attention = nn.Parameter(torch.zeros(shape[1], width))
        self.ascent = _mean_of_children(topology)

    def forward(self, state: Tensor) -> Tensor:
        """Pool genes into pathways.

        Parameters
        ----------
        state
            Shape (G, N, D).

        Returns
        -------
        Tensor
            Shape (P, N, D).
        """
        return self.settled(self.pool(self.weighted(state), self.halves))

    def weighted(self, state: Tensor) -> Tensor:
        """Gene states with the attention upon them, before they are summed, shape (G, N, D)."""
        return state * torch.exp(self.attention)[:, None, :]

    def settled(self, pooled: Tensor) -> Tensor:
        """Sums over members, relative to their mean attention and with what lies below, shape (P, N, D)."""
        mean_weight = self.members(torch.exp(self.attention)) / self.size[:, None]  # (P, D)
        pooled = pooled / mean_weight.clamp_min(1e-6)[:, None, :]
        return pooled if self.ascent is None else pooled + self.ascent(pooled)


def _equal_and_signed(topology: Topology, equal: NDArray[np.float64]) -> Edges:
    """Members of each pathway on two wires: with one size a pathway, and with their signed influence."""
    row, col = topology.member_pathway, topology.member_gene
    return Edges(
        receiver=np.concatenate([row, row]),
        sender=np.concatenate([col, col]),
        wire=np.repeat([0, 1], len(row)),
        value=np.concatenate([equal[row], signed_influence(topology)]),
    )


def _mean_of_children(topology: Topology) -> SparseMatrix | None:
    """Matrix (P x P) from every pathway to its ancestors, each ancestor's row a mean; None if flat."""
    if not len(topology.parents):
        return None
    n_pathways = len(topology.pathways)
    above: dict[int, set[int]] = {}
    for child, parent in topology.parents.tolist():
        above.setdefault(child, set()).add(parent)
    pairs = [(ancestor, child) for child in above for ancestor in _ancestors(child, above)]
    row, col = np.array(pairs, dtype=np.int64).T
    value = 1.0 / np.bincount(row, minlength=n_pathways)[row]
    return SparseMatrix(row, col, value, (n_pathways, n_pathways))


def _ancestors(node: int, above: dict[int, set[int]]) -> set[int]:
    found: set[int] = set()
    waiting = [node]
    while waiting:
        fresh = above.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return found
