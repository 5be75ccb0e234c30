"""Weighted sums over neighbours on a GPU, compiled by Triton when first used.

A program sums one receiver's edges for one block of columns; all receivers of a block run before the next
block starts, so that the block's rows of all senders stay in the second cache while they are gathered. Sums
are in float32 whatever the precision of what is summed, in a fixed order.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from metarisk.nn.segments import Segments

COLUMNS_AT_ONCE = 1024


def weighted_sum(segments: Segments, dense: Tensor, weight: Tensor) -> Tensor:
    """Sum over neighbours, (senders, N, D) to (rows, N, D); see `metarisk.nn.wired_sum`."""
    samples, width = dense.shape[1:]
    summed = dense.new_empty(segments.rows, samples, width)
    if summed.numel():
        tile = _tile(samples, width)
        grid = (segments.rows, triton.cdiv(samples, tile[0]))
        _sum_row[grid](*_graph(segments), weight.contiguous(), dense, summed, samples, width, *tile)
    return summed


def weighted_sum_gradients(
    segments: Segments, gradient: Tensor, weight: Tensor, own: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients by what was summed (senders, N, D) and by the weights (R, D); see `kernels_cpu`."""
    samples, width = gradient.shape[1:]
    of_dense = gradient.new_empty(segments.rows, samples, width)
    of_weight = torch.zeros(weight.shape, dtype=torch.float32, device=gradient.device)
    if not of_dense.numel() or not len(segments.wire):
        return of_dense.zero_(), of_weight
    tile = _tile(samples, width)
    of_segment = of_weight.new_empty(len(segments.wire), width)
    wires = torch.arange(len(weight), device=gradient.device)[:, None] == segments.wire  # (R, segments)
    chosen = wires.to(torch.float32)
    for first in range(0, samples, tile[0]):
        _sum_row_both[(segments.rows,)](
            *_graph(segments), weight.contiguous(), gradient, of_dense, own, of_segment,
            first, samples, width, *tile,
        )  # fmt: skip
        of_weight += chosen @ of_segment
    return of_dense, of_weight


def _graph(segments: Segments) -> tuple[Tensor, ...]:
    return segments.node_start, segments.segment_start, segments.wire, segments.sender, segments.value


def _tile(samples: int, width: int) -> tuple[int, int]:
    """Samples and channels of a program's block, powers of two."""
    channels = triton.next_power_of_2(width)
    most = triton.next_power_of_2(max(samples, 1))
    return min(most, max(1, COLUMNS_AT_ONCE // channels)), channels


@triton.jit
def _gather(
    first, last, sender, value, x, n, d, here, samples, D: tl.constexpr, NB: tl.constexpr, DB: tl.constexpr
):
    """Sum over edges first .. last - 1 of value * x[sender], four loads under way at a time, (NB, DB)."""
    total = tl.zeros((NB, DB), tl.float32)
    at = n * D + d
    for e in range(first, last, 4):
        for k in tl.static_range(4):
            there = e + k < last
            j = tl.load(sender + e + k, mask=there, other=0).to(tl.int64)
            v = tl.load(value + e + k, mask=there, other=0.0)
            row = tl.load(x + j * samples * D + at, mask=here & there, other=0.0)
            total += v * row.to(tl.float32)
    return total


@triton.jit
def _sum_row(
    node_start, segment_start, wire, sender, value, weight, x, y, samples,
    D: tl.constexpr, NB: tl.constexpr, DB: tl.constexpr,
):  # fmt: skip
    i = tl.program_id(0).to(tl.int64)
    n = (tl.program_id(1) * NB + tl.arange(0, NB))[:, None]
    d = tl.arange(0, DB)[None, :]
    here = (n < samples) & (d < D)
    mine = tl.zeros((NB, DB), tl.float32)
    for s in range(tl.load(node_start + i), tl.load(node_start + i + 1)):
        first, last = tl.load(segment_start + s), tl.load(segment_start + s + 1)
        total = _gather(first, last, sender, value, x, n, d, here, samples, D, NB, DB)
        w = tl.load(weight + tl.load(wire + s) * D + d, mask=d < D, other=0.0).to(tl.float32)
        mine += w * total
    tl.store(y + i * samples * D + n * D + d, mine.to(y.dtype.element_ty), mask=here)


@triton.jit
def _sum_row_both(
    node_start, segment_start, wire, sender, value, weight, x, y, own, of_segment, first_sample, samples,
    D: tl.constexpr, NB: tl.constexpr, DB: tl.constexpr,
):  # fmt: skip
    i = tl.program_id(0).to(tl.int64)
    n = (first_sample + tl.arange(0, NB))[:, None]
    channel = tl.arange(0, DB)
    d = channel[None, :]
    here = (n < samples) & (d < D)
    mine = tl.zeros((NB, DB), tl.float32)
    was = tl.load(own + i * samples * D + n * D + d, mask=here, other=0.0).to(tl.float32)
    for s in range(tl.load(node_start + i), tl.load(node_start + i + 1)):
        first, last = tl.load(segment_start + s), tl.load(segment_start + s + 1)
        total = _gather(first, last, sender, value, x, n, d, here, samples, D, NB, DB)
        w = tl.load(weight + tl.load(wire + s) * D + d, mask=d < D, other=0.0).to(tl.float32)
        mine += w * total
        tl.store(of_segment + s * D + channel, tl.sum(was * total, axis=0), mask=channel < D)
    tl.store(y + i * samples * D + n * D + d, mine.to(y.dtype.element_ty), mask=here)
