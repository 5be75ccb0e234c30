"""Matrix products in which a row's numbers do not depend on its place among the rows.

A CPU's matrix library adds a row's terms in an order that depends on where the row begins in memory. Rows
that all begin on a whole vector are all treated alike, so while nothing is learned the inner dimension is
filled up with zeros, which add nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LANES = 16  # numbers of single precision in the longest vector


class RowwiseLinear(nn.Linear):
    """A linear layer, (..., N, K) to (..., N, O), in which a row's place plays no part."""

    def forward(self, state: Tensor) -> Tensor:
        """Product and bias."""
        return rowwise_linear(state, self.weight, self.bias)


def rowwise_linear(state: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Rows times a transposed matrix, (..., N, K) and (O, K) to (..., N, O)."""
    missing = _missing(state)
    if missing:
        state, weight = (nn.functional.pad(part, (0, missing)) for part in (state, weight))
    return nn.functional.linear(state, weight, bias)


def rowwise_product(state: Tensor, matrix: Tensor) -> Tensor:
    """Rows times a matrix, or one matrix a batch, (..., N, K) and (..., K, O) to (..., N, O)."""
    if torch.is_grad_enabled():
        return state @ matrix
    # The matrix's columns have to begin on whole vectors as well.
    missing = _missing(state)
    return nn.functional.pad(state, (0, missing)) @ nn.functional.pad(matrix.mT, (0, missing)).contiguous().mT


def _missing(state: Tensor) -> int:
    """Zeros that a row lacks to whole vectors; none while gradients are asked for."""
    return 0 if torch.is_grad_enabled() else -state.shape[-1] % LANES
