from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from metarisk.nn.sparse import SparseMatrix


def random_pair(seed: int, *, rows: int = 7, cols: int = 5, entries: int = 12) -> tuple[SparseMatrix, Tensor]:
    """A sparse matrix with some entries on the same position, and the same as a dense tensor."""
    rng = np.random.default_rng(seed)
    row, col = rng.integers(rows, size=entries), rng.integers(cols, size=entries)
    value = rng.normal(size=entries)
    dense = np.zeros((rows, cols), np.float32)
    np.add.at(dense, (row, col), value)
    return SparseMatrix(row, col, value, (rows, cols)), torch.from_numpy(dense)


def test_the_product_and_its_gradient_are_those_of_the_dense_matrix() -> None:
    for seed in range(5):
        matrix, dense = random_pair(seed)
        state = torch.randn(5, 3, 2, requires_grad=True)
        twin = state.detach().clone().requires_grad_()
        found, expected = matrix(state), torch.einsum("rc,cnd->rnd", dense, twin)
        torch.testing.assert_close(found, expected)
        incoming = torch.randn_like(found)
        found.backward(incoming)
        expected.backward(incoming)
        torch.testing.assert_close(state.grad, twin.grad)


def test_the_gradient_is_right_to_second_differences() -> None:
    matrix, _ = random_pair(9)
    state = torch.randn(5, 4)
    step = torch.randn(5, 4) * 1e-2
    change = matrix(state + step) - matrix(state - step)
    torch.testing.assert_close(change / 2, matrix(step), atol=1e-5, rtol=1e-3)


def test_any_trailing_shape_is_kept() -> None:
    matrix, dense = random_pair(1)
    assert matrix(torch.ones(5)).shape == (7,)
    assert matrix(torch.ones(5, 0, 2)).shape == (7, 0, 2)
    torch.testing.assert_close(matrix(torch.ones(5)), dense.sum(dim=1))


def test_a_matrix_without_entries_gives_zeros() -> None:
    nothing = np.empty(0, dtype=np.int64)
    empty = SparseMatrix(nothing, nothing, nothing.astype(np.float64), (3, 4))
    assert (empty(torch.randn(4, 2)) == 0).all()


def test_a_copy_works_and_the_matrix_is_not_among_the_weights() -> None:
    matrix, _ = random_pair(2)
    state = torch.randn(5, 2)
    model = nn.ModuleDict({"matrix": matrix, "mix": nn.Linear(2, 2)})
    twin = deepcopy(model)
    torch.testing.assert_close(twin["matrix"](state), matrix(state))
    assert set(model.state_dict()) == {"mix.weight", "mix.bias"}
    twin.load_state_dict(model.state_dict(), strict=True)
