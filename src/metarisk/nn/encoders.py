"""Encoders: what was measured becomes a state of a gene or a pathway; what was not adds nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.nn.rowwise import rowwise_product

OFF_GRAPH = -1


class AssayEncoder(nn.Module):
    """Values of one assay placed on genes, or on pathways.

    The state of node g in a sample is the sum over channels c of v_c * (a_c + b_c * e_g), with the node's
    identity e_g and two vectors a channel: an effect that every node shares and one that is the node's own.

    Parameters
    ----------
    node
        Node of each column of the assay, `OFF_GRAPH` where it is on none, shape (Ga,).
    n_nodes
        Nodes G of the kind that it enters at: genes or pathways.
    channels
        Numbers C that the assay has a node.
    width
        Channels D of the state.
    """

    columns: Tensor
    node_index: Tensor
    column_of: Tensor

    def __init__(self, node: NDArray[np.int64], n_nodes: int, channels: int, width: int) -> None:
        super().__init__()
        self.n_nodes = n_nodes
        columns = np.flatnonzero(node != OFF_GRAPH)
        self.register_buffer("columns", torch.from_numpy(columns), persistent=False)
        self.register_buffer("node_index", torch.from_numpy(node[columns]), persistent=False)
        column_of = np.full(n_nodes, OFF_GRAPH)
        column_of[node[columns]] = columns
        self.register_buffer("column_of", torch.from_numpy(column_of), persistent=False)
        self.every_column = len(columns) == len(node)
        self.shared = nn.Parameter(0.3 * torch.randn(channels, width))
        self.own = nn.Parameter(0.1 * torch.randn(channels, width))

    def effects(self, identity: Tensor) -> Tensor:
        """Effect of each channel on each node's state, 0 for nodes that the assay lacks.

        Parameters
        ----------
        identity
            Node identities e, shape (G, D).

        Returns
        -------
        Tensor
            Shape (G, C, D).
        """
        effect = self.shared + self.own * identity[self.node_index, None, :]  # (nodes, C, D)
        everywhere = effect.new_zeros(self.n_nodes, *effect.shape[1:])
        return everywhere.index_copy(0, self.node_index, effect)

    def place(self, values: Tensor) -> Tensor:
        """Put standardised values (N, Ga, C), 0 where not measured, on all nodes: shape (G, N, C)."""
        on_graph = values if self.every_column else values[:, self.columns]
        everywhere = values.new_zeros(self.n_nodes, values.shape[0], values.shape[2])
        return everywhere.index_copy(0, self.node_index, on_graph.permute(1, 0, 2))


def encode(encoders: Iterable[tuple[AssayEncoder, Tensor]], identity: Tensor) -> Tensor:
    """State of each node: the assays add up.

    Parameters
    ----------
    encoders
        Encoder and values (N, Ga, C) of each assay.
    identity
        Node identities, shape (G, D).

    Returns
    -------
    Tensor
        Shape (G, N, D).
    """
    return encode_by([(encoder, values, encoder.effects(identity)) for encoder, values in encoders])


def encode_by(encoders: Sequence[tuple[AssayEncoder, Tensor, Tensor]]) -> Tensor:
    """As `encode`, with the effects (G, C, D) of each encoder at hand.

    Without gradients, in single precision on a CPU, what is zero costs nothing and nothing is copied.
    """
    if not all(_takes_no_gradient(tensor) for _, *tensors in encoders for tensor in tensors):
        values = torch.cat([encoder.place(values) for encoder, values, _ in encoders], dim=2)  # (G, N, all C)
        effects = torch.cat([effect for *_, effect in encoders], dim=1)  # (G, all C, D)
        # Stacks of small products need no filling up where the width is of whole quarters of a vector.
        product: Tensor = (rowwise_product if effects.shape[2] % 4 else torch.bmm)(values, effects)
        return product
    return _add_up(encoders)


def _takes_no_gradient(tensor: Tensor) -> bool:
    return not (torch.is_grad_enabled() or tensor.is_cuda) and tensor.dtype == torch.float32


def _add_up(encoders: Sequence[tuple[AssayEncoder, Tensor, Tensor]]) -> Tensor:
    from metarisk.nn.kernels_cpu_loops import add_encoded

    _, values, effect = encoders[0]
    state = effect.new_zeros(len(effect), len(values), effect.shape[2])  # (G, N, D)
    for encoder, values, effect in encoders:
        parts = (values.contiguous(), encoder.column_of, effect.contiguous(), state)
        add_encoded(*(part.detach().numpy() for part in parts))
    return state
