from __future__ import annotations

import tracemalloc
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from metarisk.nn.segments import Edges
from metarisk.nn.wired_sum import SparseMatrix, WiredSum


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


def random_edges(seed: int, *, rows: int = 9, cols: int = 7, wires: int = 3, entries: int = 60) -> Edges:
    rng = np.random.default_rng(seed)
    return Edges(
        rng.integers(rows, size=entries),
        rng.integers(cols, size=entries),
        rng.integers(wires, size=entries),
        rng.normal(size=entries),
    )


def slow_sum(edges: Edges, dense: Tensor, weight: Tensor, rows: int) -> Tensor:
    """One edge at a time."""
    total = dense.new_zeros(rows, *dense.shape[1:])
    for i, j, r, v in zip(*(part.tolist() for part in edges), strict=True):
        total[i] = total[i] + weight[r] * v * dense[j]
    return total


@pytest.mark.parametrize(("samples", "width"), [(1, 1), (5, 4), (3, 5), (300, 8)])
def test_a_sum_and_both_its_gradients_are_those_of_a_loop_over_the_edges(samples: int, width: int) -> None:
    edges = random_edges(samples)
    torch.manual_seed(0)
    dense = torch.randn(7, samples, width, requires_grad=True)
    weight = torch.randn(3, width, requires_grad=True)
    found = WiredSum(edges, (9, 7))(dense, weight)
    expected = slow_sum(edges, dense, weight, 9)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    incoming = torch.randn_like(found)
    for mine, slow in zip(
        torch.autograd.grad(found, [dense, weight], incoming),
        torch.autograd.grad(expected, [dense, weight], incoming),
        strict=True,
    ):
        torch.testing.assert_close(mine, slow, atol=1e-4, rtol=1e-4)


def test_the_gradients_are_right_to_second_differences_in_double_precision() -> None:
    graph = WiredSum(random_edges(1), (9, 7))
    dense = torch.randn(7, 4, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(graph, (dense, weight))


def test_the_order_of_the_edges_does_not_matter() -> None:
    edges = random_edges(2)
    order = np.random.default_rng(0).permutation(60)
    dense, weight = torch.randn(7, 6, 4), torch.randn(3, 4)
    shuffled = Edges(*(part[order] for part in edges))
    torch.testing.assert_close(
        WiredSum(edges, (9, 7))(dense, weight), WiredSum(shuffled, (9, 7))(dense, weight)
    )


def test_any_number_of_threads_gives_the_same_bits() -> None:
    rng = np.random.default_rng(3)
    edges = random_edges(3, rows=400, cols=400, entries=9000)
    graph = WiredSum(edges, (400, 400))
    dense = torch.from_numpy(rng.normal(size=(400, 64, 32)).astype(np.float32)).requires_grad_()
    weight = torch.randn(3, 32, requires_grad=True)

    def results() -> list[Tensor]:
        summed = graph(dense, weight)
        return [summed.detach(), *torch.autograd.grad(summed.square().sum(), [dense, weight])]

    threads = torch.get_num_threads()
    alone = results()
    try:
        torch.set_num_threads(3)
        together = results()
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


def test_half_precision_is_summed_in_single_precision() -> None:
    graph = WiredSum(random_edges(4), (9, 7))
    dense, weight = torch.randn(7, 5, 4), torch.randn(3, 4)
    half = graph(dense.bfloat16(), weight)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), graph(dense.bfloat16().float(), weight), atol=2e-2, rtol=1e-2)


def test_no_samples_and_no_edges_give_zeros() -> None:
    graph = WiredSum(random_edges(5), (9, 7))
    assert graph(torch.randn(7, 0, 4), torch.randn(3, 4)).shape == (9, 0, 4)
    empty = WiredSum(Edges(*(part[:0] for part in random_edges(5))), (9, 7))
    dense = torch.randn(7, 2, 4, requires_grad=True)
    summed = empty(dense, torch.randn(0, 4, requires_grad=True))
    assert torch.equal(summed, torch.zeros(9, 2, 4))
    summed.sum().backward()
    assert torch.equal(dense.grad, torch.zeros(7, 2, 4))


def test_a_view_that_is_not_contiguous_is_summed_as_its_copy() -> None:
    graph = WiredSum(random_edges(6), (9, 7))
    dense, weight = torch.randn(4, 7, 5).permute(1, 2, 0), torch.randn(3, 4)
    assert torch.equal(graph(dense, weight), graph(dense.contiguous(), weight))


def test_memory_does_not_grow_with_edges_times_samples() -> None:
    """Nothing besides what is summed and its gradients is allocated, whatever the edges."""
    dense, weight = torch.randn(50, 64, 32, requires_grad=True), torch.randn(3, 32, requires_grad=True)
    for entries in (100, 20_000):
        graph = WiredSum(random_edges(7, rows=50, cols=50, entries=entries), (50, 50))
        graph(dense, weight).sum().backward()
        tracemalloc.start()
        graph(dense, weight).sum().backward()
        peak = tracemalloc.get_traced_memory()[1]  # numpy's arrays; torch's own are of the size of x and y
        tracemalloc.stop()
        assert peak < 3 * dense.nbytes + 1_000_000, entries
