"""A fixed sparse matrix times a dense tensor whose first axis is the matrix's columns.

Samples lie in the dense dimension: one (rows x cols) matrix serves every sample of a batch, and nothing of
shape (samples x edges x width) is ever in memory. The transpose is stored, so that the backward pass is the
same kind of product.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn


class SparseMatrix(nn.Module):
    """A constant sparse matrix that moves with the module and is rebuilt, not saved, with it.

    Parameters
    ----------
    row, col
        Position of each entry, shape (E,).
    value
        Value of each entry, shape (E,); entries at one position add up.
    shape
        Rows and columns.
    """

    def __init__(
        self,
        row: NDArray[np.integer],
        col: NDArray[np.integer],
        value: NDArray[np.floating],
        shape: tuple[int, int],
    ) -> None:
        super().__init__()
        self.shape = shape
        forward = sparse.coo_array((value.astype(np.float32), (row, col)), shape=shape).tocsr()
        for name, matrix in (("forward", forward), ("backward", forward.T.tocsr())):
            matrix.sort_indices()
            for part, array in (("crow", matrix.indptr), ("col", matrix.indices), ("value", matrix.data)):
                self.register_buffer(f"{name}_{part}", torch.from_numpy(array.copy()), persistent=False)

    def forward(self, dense: Tensor) -> Tensor:
        """Product with a dense tensor.

        Parameters
        ----------
        dense
            Shape (cols, ...).

        Returns
        -------
        Tensor
            Shape (rows, ...).
        """
        forward, backward = self._csr("forward"), self._csr("backward")
        # Sparse products have no bfloat16 on every device.
        with torch.autocast(dense.device.type, enabled=False):
            product: Tensor = _Product.apply(dense.float(), forward, backward)  # type: ignore[no-untyped-call]
        return product

    def _csr(self, name: str) -> Tensor:
        shape = self.shape if name == "forward" else self.shape[::-1]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse (CSR|invariant)")
            return torch.sparse_csr_tensor(
                getattr(self, f"{name}_crow"),
                getattr(self, f"{name}_col"),
                getattr(self, f"{name}_value"),
                size=shape,
                check_invariants=False,
            )


class _Product(torch.autograd.Function):
    """Sparse times dense; the gradient is the stored transpose times the incoming one."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, dense: Tensor, matrix: Tensor, transposed: Tensor
    ) -> Tensor:
        ctx.transposed = transposed  # type: ignore[attr-defined]
        return _times(matrix, dense)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _times(ctx.transposed, gradients[0]), None, None  # type: ignore[attr-defined]


def _times(matrix: Tensor, dense: Tensor) -> Tensor:
    flat = dense.reshape(dense.shape[0], -1)
    return (matrix @ flat).reshape(matrix.shape[0], *dense.shape[1:])
