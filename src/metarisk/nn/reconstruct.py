"""Reconstruction: what was measured at a gene, told by its neighbours, its pathways and the whole tumour."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from metarisk.nn.encoders import AssayEncoder
from metarisk.nn.wired_sum import SparseMatrix
from metarisk.pathways.topology import Topology


class GeneContext(nn.Module):
    """What is known around each gene: its own state after message passing, its pathways', and all genes'.

    The last is one state a tumour, in which differences run that have to do with no circuit in particular.
    All three maps are zero at first, so that a decoder starts at whatever it is added to.

    Parameters
    ----------
    topology
        Genes, pathways and membership.
    width
        Channels D.
    """

    def __init__(self, topology: Topology, width: int) -> None:
        super().__init__()
        row, col = topology.member_gene, topology.member_pathway
        shape = (len(topology.genes), len(topology.pathways))
        number = np.maximum(np.bincount(row, minlength=shape[0]), 1)
        self.pathways = SparseMatrix(row, col, 1.0 / np.sqrt(number)[row], shape)
        self.from_state = nn.Parameter(torch.zeros(width, width))
        self.from_pathways = nn.Parameter(torch.zeros(width, width))
        self.from_all = nn.Parameter(torch.zeros(width, width))

    def forward(self, state: Tensor, pathways: Tensor) -> Tensor:
        """Context of each gene, from gene states (G, N, D) and pathway states (P, N, D): shape (G, N, D)."""
        around: Tensor = self.pathways(pathways) @ self.from_pathways  # (G, N, D)
        everywhere = state.sum(dim=0) / len(state) ** 0.5  # (N, D)
        context: Tensor = state @ self.from_state + around + everywhere @ self.from_all
        return context


def read_off(context: Tensor, encoder: AssayEncoder, identity: Tensor) -> Tensor:
    """Values of an assay that the contexts speak for, in the direction in which its encoder writes.

    The value of channel c at gene g is the product of the gene's context with that channel's effect on it:
    the transpose of the encoder, so that decoding adds no weights a gene.

    Parameters
    ----------
    context
        Shape (G, N, D).
    encoder
        Encoder of the assay; its columns on the graph are those answered, in its order.
    identity
        Node identities, shape (G, D).

    Returns
    -------
    Tensor
        Shape (N, columns, C).
    """
    effects = encoder.effects(identity)[encoder.node_index]  # (columns, C, D)
    return torch.einsum("gnd,gcd->ngc", context[encoder.node_index], effects)
