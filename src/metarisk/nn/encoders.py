"""Encoders: what was measured becomes a state of each gene; what was not adds nothing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class AssayEncoder(nn.Module):
    """Values of one assay placed on genes.

    The state of gene g in a sample is the sum over channels c of v_c * (a_c + b_c * e_g), with the gene's
    identity e_g and two vectors a channel: an effect that every gene shares and one that is the gene's own.

    Parameters
    ----------
    gene_index
        Node of each column of the assay, shape (Ga,).
    n_genes
        Nodes G.
    channels
        Numbers C that the assay has a gene.
    width
        Channels D of the state.
    """

    gene_index: Tensor

    def __init__(self, gene_index: NDArray[np.int64], n_genes: int, channels: int, width: int) -> None:
        super().__init__()
        self.n_genes = n_genes
        self.register_buffer("gene_index", torch.from_numpy(gene_index.copy()), persistent=False)
        self.shared = nn.Parameter(0.3 * torch.randn(channels, width))
        self.own = nn.Parameter(0.1 * torch.randn(channels, width))

    def effects(self, identity: Tensor) -> Tensor:
        """Effect of each channel on each gene's state, 0 for genes that the assay lacks.

        Parameters
        ----------
        identity
            Gene identities e, shape (G, D).

        Returns
        -------
        Tensor
            Shape (G, C, D).
        """
        effect = self.shared + self.own * identity[self.gene_index, None, :]  # (Ga, C, D)
        everywhere = effect.new_zeros(self.n_genes, *effect.shape[1:])
        return everywhere.index_copy(0, self.gene_index, effect)

    def place(self, values: Tensor) -> Tensor:
        """Put standardised values (N, Ga, C), 0 where not measured, on all genes: shape (G, N, C)."""
        everywhere = values.new_zeros(self.n_genes, values.shape[0], values.shape[2])
        return everywhere.index_copy(0, self.gene_index, values.permute(1, 0, 2))


def encode(encoders: Iterable[tuple[AssayEncoder, Tensor]], identity: Tensor) -> Tensor:
    """State of each gene: the assays add up.

    Parameters
    ----------
    encoders
        Encoder and values (N, Ga, C) of each assay.
    identity
        Gene identities, shape (G, D).

    Returns
    -------
    Tensor
        Shape (G, N, D).
    """
    pairs = [(encoder.place(values), encoder.effects(identity)) for encoder, values in encoders]
    values = torch.cat([value for value, _ in pairs], dim=2)  # (G, N, all channels)
    effects = torch.cat([effect for _, effect in pairs], dim=1)  # (G, all channels, D)
    return torch.bmm(values, effects)
