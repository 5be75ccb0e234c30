"""The direct path: a regularised linear model and a small MLP on the flat table, beside the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class FlatEmbedding(nn.Module):
    """Flat table to numbers around zero; what is unknown becomes zero.

    Numbers get a piecewise-linear embedding over training quantiles (Gorishniy et al., On Embeddings for
    Numerical Features in Tabular Deep Learning, 2022), with a column that says "unknown"; everything else is
    centred on its training mean and divided by the square root of its group's total variance, so that twenty
    thousand genes and one sex start with an equal say.

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
        self.width = len(others) + edges.shape[0] * edges.shape[1]

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
        number = flat[:, self.number_columns, None]  # (N, numbers, 1)
        low, high = self.edges[:, :-1], self.edges[:, 1:]
        steps = ((number - low) / (high - low)).clamp(0.0, 1.0) - 0.5  # (N, numbers, bins)
        unknown = torch.isnan(number).float()
        embedded = torch.cat([torch.nan_to_num(steps), unknown], dim=2)
        return torch.cat([centred, embedded.flatten(1)], dim=1)


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
    """

    def __init__(self, embedding: FlatEmbedding, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.embedding = embedding
        self.linear = nn.Linear(embedding.width, outputs, bias=False)
        nn.init.zeros_(self.linear.weight)
        self.mlp = _mlp(embedding.width, hidden, outputs, dropout) if hidden else None

    def forward(self, flat: Tensor) -> Tensor:
        """Answers from the flat table, shape (N, F) to (N, O)."""
        embedded = self.embedding(flat)
        answer: Tensor = self.linear(embedded)
        return answer if self.mlp is None else answer + self.mlp(embedded)


def _mlp(inputs: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    last = nn.Linear(hidden, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.SiLU(), nn.Dropout(dropout), last
    )


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
