"""Several implicit members in one MLP: weights in common, scalings and output layer of their own."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from metarisk.nn.rowwise import rowwise_linear, rowwise_product

PER_COPY = "copied_"  # parameters with one entry a copy are called so


class CopiedLinear(nn.Module):
    """K linear layers with one weight: copy k maps x to s_k * (W (r_k * x)) + b_k.

    Wen, Tran and Ba, BatchEnsemble, 2020; as used for tables by Gorishniy, Kotelnikov and Babenko, TabM,
    2024: the copies start apart by random signs of the first layer's inputs and by their own biases.

    Parameters
    ----------
    inputs, outputs
        Widths.
    copies
        Copies K.
    signs
        Whether r_k starts at random signs rather than at ones.
    """

    sign: Tensor

    def __init__(self, inputs: int, outputs: int, copies: int, *, signs: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # as nn.Linear starts
        ones = torch.ones(copies, inputs)
        self.register_buffer(
            "sign", torch.where(torch.rand(copies, inputs) < 0.5, -ones, ones) if signs else ones
        )
        # Changes of the scalings, so that their prior draws them to where they started and not to nothing.
        self.copied_input = nn.Parameter(torch.zeros(copies, inputs))
        self.copied_output = nn.Parameter(torch.zeros(copies, outputs))
        bound = 1.0 / math.sqrt(inputs)
        self.copied_bias = nn.Parameter(torch.empty(copies, outputs).uniform_(-bound, bound))

    def forward(self, state: Tensor) -> Tensor:
        """Every copy's map of its own state, shape (K, N, inputs) to (K, N, outputs)."""
        scaled = state * (self.sign + self.copied_input)[:, None]
        mixed = rowwise_linear(scaled, self.weight)
        return mixed * (1.0 + self.copied_output)[:, None] + self.copied_bias[:, None]


class CopiedMLP(nn.Module):
    """K MLPs that share all but scalings, biases and the output layer, which starts at zero.

    Parameters
    ----------
    inputs, hidden, outputs
        Widths.
    layers
        Hidden layers.
    copies
        Copies K.
    dropout
        Of the hidden units.
    """

    def __init__(
        self, inputs: int, hidden: int, outputs: int, *, layers: int, copies: int, dropout: float
    ) -> None:
        super().__init__()
        widths = [inputs] + [hidden] * layers
        self.layers = nn.ModuleList(
            CopiedLinear(before, after, copies, signs=number == 0)
            for number, (before, after) in enumerate(pairwise(widths))
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.copied_weight = nn.Parameter(torch.zeros(copies, hidden, outputs))
        self.copied_bias = nn.Parameter(torch.zeros(copies, outputs))

    def forward(self, embedded: Tensor) -> Tensor:
        """Every copy's answers, shape (N, inputs) to (K, N, outputs)."""
        state = embedded.expand(len(self.copied_bias), *embedded.shape)  # (K, N, inputs)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            state = self.dropout(nn.functional.silu(norm(layer(state))))  # (K, N, hidden)
        return rowwise_product(state, self.copied_weight) + self.copied_bias[:, None]


def copies_of(name: str, parameter: Tensor) -> int:
    """Copies that share a parameter's prior: K for one that each copy has of its own, else 1."""
    return len(parameter) if name.rpartition(".")[2].startswith(PER_COPY) else 1
