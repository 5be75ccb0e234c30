"""Embeddings of what a clinic tells: numbers by their place among the training values, levels by name."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from metarisk.nn.rowwise import rowwise_product


class NumberEmbedding(nn.Module):
    """Clinical numbers to numbers around zero, each told whether it is known.

    ``piecewise``: how far the number has filled each of its quantile bins, less a half. ``periodic``: sines
    and cosines, at frequencies that are learned, of its place among the training quantiles; places and not
    values, so that a tail is no outlier and a number beyond the training range has the place of its end. Both
    are of Gorishniy et al., On Embeddings for Numerical Features in Tabular Deep Learning, 2022.
    ``linear``: the number between its first and last inner edge, around the mean of the edges and in units of
    their spread.
    Where a width is asked for, each number's embedding goes through a linear layer of its own, then ReLU.

    Parameters
    ----------
    numbers
        Numbers in the table.
    bins
        Quantile bins of each; the periodic embedding has as many frequencies.
    kind
        ``piecewise`` or ``periodic``.
    width
        Numbers that each one's own layer makes of its embedding; 0 hands it on as it is.
    """

    def __init__(self, numbers: int, bins: int, kind: str, width: int) -> None:
        super().__init__()
        raw = 1 + {"periodic": 2 * bins, "piecewise": bins, "linear": 1}[kind]
        self.periodic, self.linear, self.own = kind == "periodic", kind == "linear", width > 0
        if self.periodic:
            self.frequency = nn.Parameter(torch.randn(numbers, bins))
        if self.own:
            self.own_weight = nn.Parameter(torch.randn(numbers, raw, width) / raw**0.5)
            self.own_bias = nn.Parameter(torch.zeros(numbers, width))
        self.width = numbers * (width or raw)

    def forward(self, number: Tensor, edges: Tensor) -> Tensor:
        """Embed numbers (N, numbers), NaN where unknown, by their edges (numbers, bins + 1): (N, width)."""
        number = number[..., None]  # (N, numbers, 1)
        unknown = torch.isnan(number)
        known = _straight(number, edges) if self.linear else self._placed(number, edges, unknown)
        known = known.masked_fill(unknown, 0.0)
        embedded = torch.cat([known, unknown.float()], dim=2)  # (N, numbers, raw)
        if self.own:
            mixed = rowwise_product(embedded.transpose(0, 1), self.own_weight).transpose(0, 1)
            embedded = torch.relu(mixed + self.own_bias)  # (N, numbers, width)
        return embedded.flatten(1)

    def _placed(self, number: Tensor, edges: Tensor, unknown: Tensor) -> Tensor:
        """What a number is by its place among the quantiles, shape (N, numbers, bins or 2 bins)."""
        low, high = edges[:, :-1], edges[:, 1:]
        filled = ((number - low) / (high - low)).clamp(0.0, 1.0)  # (N, numbers, bins)
        # The unknown are taken out before a parameter meets them: a NaN times a gradient of 0 is a NaN.
        filled = filled.masked_fill(unknown, 0.5)
        return self._waves(filled) if self.periodic else filled - 0.5

    def _waves(self, filled: Tensor) -> Tensor:
        """Sines and cosines of the place among the quantiles, -1 .. 1, shape (N, numbers, 2 bins)."""
        place = 2.0 * filled.mean(dim=2, keepdim=True) - 1.0
        angle = math.pi * self.frequency * place
        return torch.cat([torch.sin(angle), torch.cos(angle)], dim=2)


def _straight(number: Tensor, edges: Tensor) -> Tensor:
    """Numbers (N, numbers, 1) within their inner edges, in spreads around the edges' mean, same shape.

    With a single bin there is no inner edge, and the range is that of training.
    """
    inner = edges[:, 1:-1] if edges.shape[1] > 2 else edges
    within = number.clamp(inner.amin(dim=1)[:, None], inner.amax(dim=1)[:, None])
    return (within - inner.mean(dim=1)[:, None]) / inner.std(dim=1, correction=0)[:, None].clamp_min(1e-6)


class CategoryEmbedding(nn.Module):
    """A learned vector for each level of each category, and one for "unknown".

    All start at zero, and a level that training never met stays there.

    Parameters
    ----------
    columns
        Columns of the flat table that are one category's levels, one sequence a category.
    width
        Numbers a vector has.
    """

    def __init__(self, columns: Sequence[Sequence[int]], width: int) -> None:
        super().__init__()
        self.columns = tuple(tuple(levels) for levels in columns)
        self.levels = nn.ParameterList(
            nn.Parameter(torch.zeros(len(levels) + 1, width)) for levels in self.columns
        )
        self.width = len(self.columns) * width

    def forward(self, flat: Tensor) -> Tensor:
        """Vectors of each sample's levels side by side, shape (N, F) to (N, width)."""
        pairs = zip(self.columns, self.levels, strict=True)
        return torch.cat([level_states(flat, columns) @ table for columns, table in pairs], dim=1)


def level_states(flat: Tensor, columns: Sequence[int]) -> Tensor:
    """One column a level of a category, and a last one for "unknown", shape (N, levels + 1)."""
    hot = flat[:, list(columns)]
    return torch.cat([torch.nan_to_num(hot), torch.isnan(hot[:, :1]).float()], dim=1)
