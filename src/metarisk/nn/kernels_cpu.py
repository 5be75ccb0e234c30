"""Weighted sums over neighbours on the CPU, compiled by numba when first used.

No library has this sum: a library's sparse product per wire writes and reads a tensor for each of them, which
costs several times the sum itself. numba keeps the machine code beside this file's byte code, so that only
the first process after an installation waits for the compiler.

Rows are cut into blocks by size alone and each block is summed in a fixed order, so that the result is the
same to the bit with any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarisk.nn.segments import Segments

# A row of this many numbers is summed at once: 4 KiB of float32, so that the sum stays in the first cache
# while whole pages of the senders' rows stream past.
COLUMNS_AT_ONCE = 1024
BLOCKS, WORK_WORTH_A_THREAD = 8, 2_000_000

Array = NDArray[Any]


def weighted_sum(segments: Segments, dense: Tensor, weight: Tensor) -> Tensor:
    """Sum over neighbours, (senders, N, D) to (rows, N, D); see `metarisk.nn.wired_sum`."""
    graph, x, tiled = _graph(segments, dense), _flat(dense), _tiled(weight, dense)
    y = np.empty((segments.rows, x.shape[1]), dtype=x.dtype)
    _each_block(graph, x.shape[1], lambda block, start, stop: _sum_rows(*graph, tiled, x, y, start, stop))
    return _unflat(y, dense)


def weighted_sum_gradients(
    segments: Segments, gradient: Tensor, weight: Tensor, own: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients by what was summed and by the weights.

    Parameters
    ----------
    segments
        The turned edges.
    gradient
        Of the sums, shape (receivers, N, D).
    weight
        Shape (R, D).
    own
        What was summed, shape (senders, N, D).

    Returns
    -------
    tuple
        Shapes (senders, N, D) and (R, D).
    """
    graph, x, tiled, mine = _graph(segments, gradient), _flat(gradient), _tiled(weight, gradient), _flat(own)
    y = np.empty((segments.rows, x.shape[1]), dtype=x.dtype)
    parts = np.zeros((BLOCKS, *tiled.shape), dtype=x.dtype)
    _each_block(
        graph,
        x.shape[1],
        lambda block, start, stop: _sum_rows_both(*graph, tiled, x, y, mine, parts[block], start, stop),
    )
    repeats = tiled.shape[1] // weight.shape[1]
    by_channel = parts.sum(axis=0).reshape(*weight.shape[:1], repeats, weight.shape[1]).sum(axis=1)
    return _unflat(y, gradient), torch.from_numpy(by_channel)


def _graph(segments: Segments, dense: Tensor) -> tuple[Array, ...]:
    value = segments.value.numpy()
    return (
        segments.node_start.numpy(),
        segments.segment_start.numpy(),
        segments.wire.numpy(),
        segments.sender.numpy(),
        value.astype(np.float64) if dense.dtype == torch.float64 else value,
    )


def _flat(dense: Tensor) -> Array:
    wide = dense.detach() if dense.dtype == torch.float64 else dense.detach().float()
    return wide.reshape(len(wide), -1).numpy()


def _unflat(y: Array, like: Tensor) -> Tensor:
    return torch.from_numpy(y).to(like.dtype).reshape(len(y), *like.shape[1:])


def _tiled(weight: Tensor, dense: Tensor) -> Array:
    """Weights repeated for as many samples as are summed at once, shape (R, samples * D)."""
    samples, width = dense.shape[1], weight.shape[1]
    at_once = max(1, min(samples, COLUMNS_AT_ONCE // width))
    wide = weight.detach().to(torch.float64 if dense.dtype == torch.float64 else torch.float32)
    return wide.repeat(1, at_once).numpy()


def _each_block(graph: tuple[Array, ...], columns: int, work: Callable[[int, int, int], None]) -> None:
    """Call the work for blocks of rows with equal shares of the edges: (block, first row, row after last)."""
    node_start, segment_start = graph[0], graph[1]
    rows, edges = len(node_start) - 1, int(segment_start[-1])
    blocks = min(BLOCKS, max(1, edges * columns // WORK_WORTH_A_THREAD), max(1, rows))
    edges_before = segment_start[node_start]
    ends = np.searchsorted(edges_before, edges * np.arange(1, blocks) / blocks)
    bounds = [0, *np.clip(ends, 0, rows).tolist(), rows]
    threads = min(torch.get_num_threads(), blocks)
    if threads == 1:
        for block in range(blocks):
            work(block, bounds[block], bounds[block + 1])
    else:
        list(_threads(threads).map(work, range(blocks), bounds[:-1], bounds[1:]))


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="wired-sum")


def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compile when first called; kept on disk where some folder for it can be written."""
    settings = {"nogil": True, "boundscheck": False, "error_model": "numpy", "fastmath": {"contract"}}
    compile_later: Any = numba.njit
    try:
        compiled: Callable[..., None] = compile_later(cache=True, **settings)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        compiled = compile_later(**settings)(function)
    return compiled


@_compiled
def _gather(total, first, last, sender, value, x, at):
    """total[c] = sum over edges first .. last - 1, two or more, of value * x[sender, at + c]."""
    count = len(total)
    a, s = x[np.uint64(sender[first]), at : at + count], value[first]
    b, t = x[np.uint64(sender[first + 1]), at : at + count], value[first + 1]
    for c in range(count):
        total[c] = s * a[c] + t * b[c]
    e = first + 2
    while e + 4 <= last:
        a, b = x[np.uint64(sender[e]), at : at + count], x[np.uint64(sender[e + 1]), at : at + count]
        p, q = x[np.uint64(sender[e + 2]), at : at + count], x[np.uint64(sender[e + 3]), at : at + count]
        s, t, u, v = value[e], value[e + 1], value[e + 2], value[e + 3]
        for c in range(count):
            total[c] += s * a[c] + t * b[c] + u * p[c] + v * q[c]
        e += 4
    while e < last:
        a, s = x[np.uint64(sender[e]), at : at + count], value[e]
        for c in range(count):
            total[c] += s * a[c]
        e += 1


@_compiled
def _sum_rows(node_start, segment_start, wire, sender, value, weight, x, y, start, stop):
    at_once = weight.shape[1]
    room = np.empty(at_once, x.dtype)
    for i in range(start, stop):
        for at in range(0, x.shape[1], at_once):
            count = min(at_once, x.shape[1] - at)
            mine, total = y[i, at : at + count], room[:count]
            for c in range(count):
                mine[c] = 0
            for s in range(node_start[i], node_start[i + 1]):
                first, last, w = segment_start[s], segment_start[s + 1], weight[np.uint64(wire[s])]
                if last - first == 1:
                    a, v = x[np.uint64(sender[first]), at : at + count], value[first]
                    for c in range(count):
                        mine[c] += w[c] * (v * a[c])
                else:
                    _gather(total, first, last, sender, value, x, at)
                    for c in range(count):
                        mine[c] += w[c] * total[c]


@_compiled
def _sum_rows_both(node_start, segment_start, wire, sender, value, weight, x, y, own, of_weight, start, stop):
    at_once = weight.shape[1]
    room = np.empty(at_once, x.dtype)
    for i in range(start, stop):
        for at in range(0, x.shape[1], at_once):
            count = min(at_once, x.shape[1] - at)
            mine, was, total = y[i, at : at + count], own[i, at : at + count], room[:count]
            for c in range(count):
                mine[c] = 0
            for s in range(node_start[i], node_start[i + 1]):
                first, last = segment_start[s], segment_start[s + 1]
                w, g = weight[np.uint64(wire[s])], of_weight[np.uint64(wire[s])]
                if last - first == 1:
                    a, v = x[np.uint64(sender[first]), at : at + count], value[first]
                    for c in range(count):
                        mine[c] += w[c] * (v * a[c])
                        g[c] += was[c] * (v * a[c])
                else:
                    _gather(total, first, last, sender, value, x, at)
                    for c in range(count):
                        mine[c] += w[c] * total[c]
                        g[c] += was[c] * total[c]
