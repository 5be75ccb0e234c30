"""The one sparse operation of the network: weighted sums over a node's neighbours, wire by wire.

For receiver i, sample n and channel d, over the edges e of i with sender j, wire r and value v:

    y[i, n, d] = sum over r of w[r, d] * (sum over e on r of v[e] * x[j, n, d])

Samples and channels lie in the dense dimension, so that one graph serves every sample. The inner sum is
held in cache and never written out: besides x and y nothing grows with N, E or R. The gradient walks the
stored transpose and finds both parts at once, so that a training step reads two rows an edge, as a plain
sparse product does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from metarisk.nn.segments import Edges, Index, Segments


class WiredSum(nn.Module):
    """Fixed edges over which a dense tensor is summed, each wire with weights of its own.

    Parameters
    ----------
    edges
        Sender, receiver, wire and value of each.
    shape
        Receivers and senders.
    """

    def __init__(self, edges: Edges, shape: tuple[int, int]) -> None:
        super().__init__()
        self.shape = shape
        self.towards = Segments(edges, shape[0])
        self.back = Segments(edges.turned(), shape[1])

    def forward(self, dense: Tensor, weight: Tensor) -> Tensor:
        """Sum over neighbours.

        Parameters
        ----------
        dense
            Shape (senders, N, D).
        weight
            Of each wire and channel, shape (R, D).

        Returns
        -------
        Tensor
            Shape (receivers, N, D), of the dense tensor's precision; the sums are in float32 at least.
        """
        summed: Tensor = _Sum.apply(dense.contiguous(), weight, self.towards, self.back)  # type: ignore[no-untyped-call]
        return summed


class SparseMatrix(nn.Module):
    """A constant sparse matrix times a dense tensor: sums over one wire that weighs nothing.

    Parameters
    ----------
    row, col
        Position of each entry, shape (E,).
    value
        Value of each entry, shape (E,); entries at one position add up.
    shape
        Rows and columns.
    """

    one: Tensor

    def __init__(
        self, row: Index, col: Index, value: np.ndarray[Any, np.dtype[np.floating]], shape: tuple[int, int]
    ) -> None:
        super().__init__()
        self.sum = WiredSum(Edges(row, col, np.zeros(len(row), dtype=np.int64), value), shape)
        self.register_buffer("one", torch.ones(1, 1), persistent=False)

    def forward(self, dense: Tensor) -> Tensor:
        """Product with a dense tensor, (cols, ...) to (rows, ...)."""
        flat = dense.reshape(dense.shape[0], -1, 1)
        product: Tensor = self.sum(flat, self.one)
        return product.reshape(product.shape[0], *dense.shape[1:])


class _Sum(torch.autograd.Function):
    """Sum over neighbours; its gradients are sums over the turned edges."""

    @staticmethod
    def forward(ctx: Any, dense: Tensor, weight: Tensor, towards: Segments, back: Segments) -> Tensor:
        ctx.save_for_backward(dense if ctx.needs_input_grad[1] else None, weight)
        ctx.back = back
        summed: Tensor = _kernels(dense).weighted_sum(towards, dense, weight)
        return summed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        dense, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        kernels = _kernels(gradient)
        if dense is None:
            return kernels.weighted_sum(ctx.back, gradient, weight), None, None, None
        of_dense, of_weight = kernels.weighted_sum_gradients(ctx.back, gradient, weight, dense)
        return of_dense, of_weight.to(weight.dtype), None, None


def _kernels(dense: Tensor) -> Any:
    """Module with the kernels of the tensor's device, imported when first needed."""
    if dense.is_cuda:
        from metarisk.nn import kernels_cuda

        return kernels_cuda
    from metarisk.nn import kernels_cpu

    return kernels_cpu
