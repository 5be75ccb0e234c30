"""The GPU's sums beside those of the processor: these run where there is a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from metarisk.nn.segments import Edges
from metarisk.nn.wired_sum import WiredSum

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def graph_and_weights(width: int) -> tuple[WiredSum, Tensor]:
    rng = np.random.default_rng(width)
    ends = (rng.integers(90, size=700), rng.integers(70, size=700), rng.integers(5, size=700))
    torch.manual_seed(width)
    return WiredSum(Edges(*ends, rng.normal(size=700)), (90, 70)), torch.randn(5, width)


def results(graph: WiredSum, dense: Tensor, weight: Tensor) -> list[Tensor]:
    """The sum, and its gradients by what was summed and by the weights, on the processor."""
    dense, weight = dense.clone().requires_grad_(), weight.clone().requires_grad_()
    summed = graph(dense, weight)
    incoming = torch.linspace(-1, 1, summed.numel(), device=summed.device).reshape(summed.shape)
    gradients = torch.autograd.grad(summed, [dense, weight], incoming.to(summed.dtype))
    return [part.detach().float().cpu() for part in (summed, *gradients)]


@pytest.mark.parametrize(("samples", "width"), [(1, 1), (7, 16), (33, 5), (200, 32)])
@pytest.mark.parametrize(("kind", "apart"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_sums_and_gradients_are_those_of_the_processor(
    samples: int, width: int, kind: torch.dtype, apart: float
) -> None:
    graph, weight = graph_and_weights(width)
    dense = torch.randn(70, samples, width).to(kind)
    here = results(graph, dense.float(), weight)
    there = results(graph.cuda(), dense.cuda(), weight.cuda())
    for mine, slow in zip(there, here, strict=True):
        assert float((mine - slow).abs().max()) <= apart * float(slow.abs().max())


def test_two_runs_give_the_same_bits() -> None:
    graph, weight = graph_and_weights(32)
    dense = torch.randn(70, 64, 32).cuda()
    runs = [results(graph.cuda(), dense, weight.cuda()) for _ in range(2)]
    assert all(torch.equal(one, other) for one, other in zip(*runs, strict=True))


def test_no_samples_and_no_edges_give_zeros() -> None:
    graph, weight = graph_and_weights(4)
    assert graph.cuda()(torch.randn(70, 0, 4).cuda(), weight.cuda()).shape == (90, 0, 4)
    nothing = np.empty(0, dtype=np.int64)
    empty = WiredSum(Edges(nothing, nothing, nothing, nothing.astype(np.float64)), (3, 70)).cuda()
    found = results(empty, torch.randn(70, 2, 4).cuda(), torch.randn(0, 4).cuda())
    assert all(not part.any() for part in found)
