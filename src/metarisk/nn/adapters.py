"""Adapters: small maps inside a frozen body, which at first change nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metarisk.nn.rowwise import rowwise_product


class Adapter(nn.Module):
    """A state plus a low-rank map of itself, zero at the start.

    One thin matrix down and one up, the second at zero (Hu et al., LoRA: Low-Rank Adaptation of Large
    Language Models, 2021). No bias: nothing in still gives nothing out.

    Parameters
    ----------
    width
        Channels D.
    rank
        Of the map.
    """

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(width, rank) / width**0.5)
        self.up = nn.Parameter(torch.zeros(rank, width))

    def forward(self, state: Tensor) -> Tensor:
        """Move states (..., D) within the adapter's rank."""
        return state + rowwise_product(rowwise_product(state, self.down), self.up)


def make_adapter(width: int, rank: int) -> nn.Module:
    """Adapter of a rank; what changes nothing, and has no weights, for rank 0."""
    return Adapter(width, rank) if rank else nn.Identity()
