"""The direct path: a regularised linear model and a small MLP on the flat table, beside the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.nn.copies import CopiedMLP
from metarisk.nn.embeddings import CategoryEmbedding, NumberEmbedding
from metarisk.nn.rowwise import RowwiseLinear


@dataclass(frozen=True)
class FlatDesign:
    """What is made of clinical numbers and categories.

    Attributes
    ----------
    number_embedding, number_width
        Kind and own width of a number's embedding, see `NumberEmbedding`.
    categories
        Columns of each clinical category's levels.
    category_width
        Width of a category's learned vector; 0 leaves the vectors out.
    crossed
        Columns of the levels that each have a slope of their own for every number; none leaves them out.
    """

    number_embedding: str = "piecewise"
    number_width: int = 0
    categories: tuple[tuple[int, ...], ...] = ()
    category_width: int = 0
    crossed: tuple[int, ...] = ()


class FlatEmbedding(nn.Module):
    """Flat table to numbers around zero; what is unknown becomes zero.

    Clinical numbers are embedded (`NumberEmbedding`), with a column that says "unknown"; everything else is
    centred on its training mean and divided by the square root of its group's total variance, so that twenty
    thousand genes and one sex start with an equal say. Where asked, the numbers stand once more for each
    level of a category, zero in the other levels, and categories have learned vectors.

    Parameters
    ----------
    centre
        Training mean of each column, shape (F,).
    scale
        Factor of each column, shape (F,).
    number_columns
        Columns that are clinical numbers.
    edges
        Quantile edges of each number, shape (numbers, bins + 1), ascending.
    design
        What is made of numbers and categories.
    """

    centre: Tensor
    scale: Tensor
    number_columns: Tensor
    other_columns: Tensor
    edges: Tensor

    def __init__(
        self,
        centre: NDArray[np.float32],
        scale: NDArray[np.float32],
        number_columns: Sequence[int],
        edges: NDArray[np.float32],
        design: FlatDesign = FlatDesign(),
    ) -> None:
        super().__init__()
        others = sorted(set(range(len(centre))) - set(number_columns))
        self.register_buffer("centre", torch.from_numpy(centre.copy()))
        self.register_buffer("scale", torch.from_numpy(scale.copy()))
        self.register_buffer("edges", torch.from_numpy(edges.copy()))
        self.register_buffer(
            "number_columns", torch.tensor(number_columns, dtype=torch.long), persistent=False
        )
        self.register_buffer("other_columns", torch.tensor(others, dtype=torch.long), persistent=False)
        bins = edges.shape[1] - 1
        self.numbers = NumberEmbedding(len(edges), bins, design.number_embedding, design.number_width)
        learned = design.categories if design.category_width else ()
        self.categories = CategoryEmbedding(learned, design.category_width) if learned else None
        self.crossed = list(design.crossed)
        numbers = self.numbers.width * (1 + len(self.crossed))
        self.width = len(others) + numbers + (self.categories.width if self.categories else 0)

    def forward(self, flat: Tensor) -> Tensor:
        """Embed the flat table.

        Parameters
        ----------
        flat
            Shape (N, F), NaN where unknown.

        Returns
        -------
        Tensor
            Shape (N, width).
        """
        centred = torch.nan_to_num((flat - self.centre) * self.scale)[:, self.other_columns]
        numbers = self.numbers(flat[:, self.number_columns], self.edges)  # (N, numbers' width)
        parts = [centred, numbers]
        if self.crossed:
            level = torch.nan_to_num(flat[:, self.crossed])  # (N, levels)
            parts.append(torch.einsum("nk,nl->nkl", numbers, level).flatten(1))
        if self.categories is not None:
            parts.append(self.categories(flat))
        return torch.cat(parts, dim=1)


class DirectPath(nn.Module):
    """Answers straight from the embedded table: a linear map plus, where asked for, a small MLP.

    Parameters
    ----------
    embedding
        Embedding of the flat table.
    hidden
        Hidden units; 0 leaves the path linear.
    outputs
        Numbers O that the heads need.
    dropout
        Of the hidden units.
    layers
        Hidden layers.
    copies
        Implicit members K of the MLP (`CopiedMLP`); 1 is a plain one. The linear map is common to all.
    """

    def __init__(
        self,
        embedding: FlatEmbedding,
        hidden: int,
        outputs: int,
        *,
        dropout: float,
        layers: int = 1,
        copies: int = 1,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.linear = RowwiseLinear(embedding.width, outputs, bias=False)
        nn.init.zeros_(self.linear.weight)
        self.n_copies = copies if hidden else 1
        self.mlp: nn.Module | None = None
        if self.n_copies > 1:
            self.mlp = CopiedMLP(
                embedding.width, hidden, outputs, layers=layers, copies=copies, dropout=dropout
            )
        elif hidden:
            self.mlp = _mlp([embedding.width] + [hidden] * layers, outputs, dropout)

    def copies(self, flat: Tensor) -> Tensor:
        """Answers of each copy from the flat table, shape (N, F) to (K, N, O)."""
        answer = self._answers(flat)
        return answer if answer.dim() == 3 else answer[None]

    def forward(self, flat: Tensor) -> Tensor:
        """Mean of the copies' answers, shape (N, F) to (N, O)."""
        answer = self._answers(flat)
        return answer.mean(dim=0) if answer.dim() == 3 else answer

    def _answers(self, flat: Tensor) -> Tensor:
        """Answers, shape (N, O), with a dimension of copies before it where there are several."""
        embedded = self.embedding(flat)
        answer: Tensor = self.linear(embedded)
        return answer if self.mlp is None else answer + self.mlp(embedded)


def _mlp(widths: Sequence[int], outputs: int, dropout: float) -> nn.Sequential:
    last = RowwiseLinear(widths[-1], outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    hidden: list[nn.Module] = []
    for before, after in pairwise(widths):
        hidden += [RowwiseLinear(before, after), nn.LayerNorm(after), nn.SiLU(), nn.Dropout(dropout)]
    return nn.Sequential(*hidden, last)


def quantile_edges(column: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Edges of equal-count bins over the known values, ascending and distinct, shape (bins + 1,)."""
    known = column[~np.isnan(column)]
    if not len(known):
        return np.arange(bins + 1, dtype=np.float32)
    edges = np.quantile(known, np.linspace(0.0, 1.0, bins + 1))
    # Tied quantiles are set apart by a step that float32 can tell at the largest edge.
    finest = 4.0 * float(np.spacing(np.float32(np.abs(edges).max())))
    step = max(float(edges[-1] - edges[0]) * 1e-4, 1e-4, finest)
    for index in range(1, len(edges)):
        edges[index] = max(edges[index], edges[index - 1] + step)
    return edges.astype(np.float32)


def centre_and_scale(
    flat: NDArray[np.float32], groups: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Training mean of each column, and one over the root of its group's total variance, shape (F,) each.

    Parameters
    ----------
    flat
        Training rows, NaN where unknown, shape (N, F).
    groups
        Assay or clinical column that each flat column comes from, length F.
    """
    known = ~np.isnan(flat)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, flat, 0.0).sum(axis=0) / count
    variance = np.where(known, (flat - centre) ** 2, 0.0).sum(axis=0) / count
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    total = np.bincount(member, weights=variance, minlength=len(names))
    scale = 1.0 / np.sqrt(np.maximum(total[member], 1e-6))
    return centre.astype(np.float32), scale.astype(np.float32)
