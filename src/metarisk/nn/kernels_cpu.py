"""Weighted sums over neighbours on the CPU: columns in blocks that stay in cache, compiled by numba.

No library has this sum: a library's sparse product per wire writes and reads a tensor for each of them, which
costs several times the sum itself. numba compiles the loop for the vector units of the machine it runs on,
when it is first used, and keeps the machine code beside this file's byte code.

A block is `LANES` columns of the flattened (N x D) axis. What the senders have there is packed side by side
(5,000 genes: 640 KB, within one core's cache) and gathered as often as there are edges. A weight is applied
edge by edge: on a CPU that costs less than the branch at the end of each short run of one wire. Blocks are
dealt to threads; no number depends on how many there are.

Without gradients a whole step goes block by block (`moved`): what a gene hears is mixed, squashed, added to
its state and written before the next gene's is summed. A block is then one sample or several whole ones.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarisk.nn.kernels_cpu_loops import (
    CACHE_LINE,
    LANES,
    LANES_OF_A_SAMPLE,
    give_back_blocks,
    receive_blocks,
    step_tiles,
)
from metarisk.nn.segments import Segments

KEPT_MEMORY = 32 << 20  # bytes; glibc gives larger pieces back to the system (M_MMAP_THRESHOLD)

Array = NDArray[Any]


def weighted_sum(segments: Segments, dense: Tensor, weight: Tensor) -> Tensor:
    """Sum over neighbours, (senders, N, D) to (rows, N, D); see `metarisk.nn.wired_sum`."""
    sent, scales, graph = _flat(dense), _flat(weight, dense), _graph(segments, dense)
    summed = np.empty((segments.rows, sent.shape[1]), sent.dtype)

    def work(first: int, step: int) -> None:
        room = _aligned(len(sent) + len(scales) + 2, sent.dtype)
        receive_blocks(sent, scales, *graph, room, summed, first, step)

    _deal(work, _blocks(sent))
    return _unflat(summed, dense)


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
        Shapes (senders, N, D) and (R, D); the second is summed over blocks in a fixed order.
    """
    back, scales, graph = _flat(gradient), _flat(weight, gradient), _graph(segments, gradient)
    senders = _flat(own, gradient)
    of_dense = np.empty_like(senders)
    blocks = _blocks(back)
    of_weight = _aligned(blocks * len(scales), back.dtype).reshape(blocks, len(scales), LANES)
    of_weight.fill(0)

    def work(first: int, step: int) -> None:
        room = _aligned(len(back) + len(scales) + 2, back.dtype)
        give_back_blocks(back, senders, scales, *graph, room, of_dense, of_weight, first, step)

    _deal(work, blocks)
    by_column = of_weight.swapaxes(0, 1).reshape(len(scales), blocks * LANES)[:, : back.shape[1]]
    by_channel = by_column.reshape(len(scales), *gradient.shape[1:]).sum(axis=1, dtype=np.float64)  # (R, D)
    return _unflat(of_dense, gradient), torch.from_numpy(by_channel)


def moves_in_one_pass(state: Tensor) -> bool:
    """Whether `moved` takes such a state (G, N, D): single precision, and no wider than a tile."""
    return state.dtype == torch.float32 and state.shape[-1] <= LANES


def moved(segments: Segments, state: Tensor, weight: Tensor, mix: Tensor) -> Tensor:
    """State plus the tangent of what was heard and mixed, in one pass and without gradients.

    Parameters
    ----------
    segments
        The edges, genes to genes.
    state
        Shape (G, N, D), see `moves_in_one_pass`.
    weight
        Of each wire and channel, shape (R, D).
    mix
        From what was heard, by column, to what is squashed, by row, shape (D, D).

    Returns
    -------
    Tensor
        Shape (G, N, D); a sample's numbers are the same bits whichever samples are beside it.
    """
    width = state.shape[-1]
    short = next(lanes for lanes in LANES_OF_A_SAMPLE if lanes >= width) - width
    if short:
        pad = torch.nn.functional.pad
        whole = moved(
            segments, pad(state, (0, short)), pad(weight, (0, short)), pad(mix, (0, short, 0, short))
        )
        return whole[..., :width].contiguous()
    sent, scales, mixes = _flat(state), _flat(weight), _flat(mix.t())
    stepped = _had_again(sent)

    def work(first: int, step: int) -> None:
        room = _aligned(len(sent) + len(scales) + len(mixes) + 2, sent.dtype)
        step_tiles(sent, scales, mixes, *_graph(segments, state), room, stepped, first, step)

    _deal(work, _blocks(sent))
    return _unflat(stepped, state)


def _graph(segments: Segments, dense: Tensor) -> tuple[Array, ...]:
    """First edge of each row; wire, sender and value of each edge."""
    parts = (segments.edge_start, segments.edge_wire, segments.sender)
    indices = (part.numpy().view(np.uint32) for part in parts)  # no sign: no wrap-around to check
    return (*indices, segments.value.numpy().astype(_type(dense), copy=False))


def _type(dense: Tensor) -> type[np.floating[Any]]:
    return np.float64 if dense.dtype == torch.float64 else np.float32


def _flat(tensor: Tensor, like: Tensor | None = None) -> Array:
    """Rows of numbers, (rows, all else); in double precision where the dense tensor is."""
    double = (tensor if like is None else like).dtype == torch.float64
    rows = tensor.detach().to(torch.float64 if double else torch.float32).contiguous()
    flat: Array = rows.numpy()
    return flat.reshape(len(flat), int(np.prod(flat.shape[1:])))


def _unflat(rows: Array, like: Tensor) -> Tensor:
    return torch.from_numpy(rows).reshape(len(rows), *like.shape[1:]).to(like.dtype)


def _had_again(like: Array) -> Array:
    """Uninitialised rows, of torch while the C library keeps their memory for the next such call.

    numpy's lie on huge pages: cheap to have anew, but strided writes to them fall on few sets of the caches.
    """
    return torch.empty(like.shape).numpy() if like.nbytes <= KEPT_MEMORY else np.empty_like(like)


def _blocks(rows: Array) -> int:
    return -(-int(rows.shape[1]) // LANES)


def _aligned(rows: int, kind: np.dtype[Any]) -> Array:
    """Uninitialised rows on whole cache lines: a vector that straddles two is slow to load and to store."""
    size = rows * LANES * kind.itemsize
    raw = np.empty(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size].view(kind).reshape(rows, LANES)


def _deal(work: Callable[[int, int], None], blocks: int) -> None:
    """Blocks first, first + step, ... to each of as many threads as torch uses."""
    threads = min(torch.get_num_threads(), blocks)
    if threads < 2:
        work(0, 1)
    else:
        list(_threads(threads).map(work, range(threads), [threads] * threads))


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="weighted-sum")
