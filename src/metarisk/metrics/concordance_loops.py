"""The compiled loops of `concordance_strata`; importing this imports numba.

A tree of partial sums over ranks (Fenwick 1994) holds the rows met so far, under `LANES` weightings side by
side. Adding a row, or asking for the weight up to a rank, touches log2 of the number of ranks places of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

LANES = 32  # weightings worked on together: their sums at one place stand side by side in memory


def _compiled(function: Callable[..., Any]) -> Any:
    """Machine code, kept on disk where a folder for it can be written."""
    try:
        return njit(function, nogil=True, cache=True, error_model="numpy")
    except RuntimeError:  # no folder: compiled again in each process
        return njit(function, nogil=True, error_model="numpy")


@_compiled
def _add(tree, rank, factor, weight):  # type: ignore[no-untyped-def]
    """Add a row's weights, shape (LANES,), times a factor at its rank."""
    while rank < len(tree):
        for lane in range(LANES):
            tree[rank, lane] += factor * weight[lane]
        rank += rank & -rank


@_compiled
def _add_up_to(tree, rank, found):  # type: ignore[no-untyped-def]
    """Add the weight of all rows up to a rank to ``found``, shape (LANES,)."""
    while rank > 0:
        for lane in range(LANES):
            found[lane] += tree[rank, lane]
        rank -= rank & -rank


@_compiled
def _sweep_once(held, steps, tree, won, compared):  # type: ignore[no-untyped-def]
    """Meet the rows of one sweep in their order; pairs are added to ``won`` and ``compared``, (LANES,)."""
    row, opens, factor, rank = steps
    total, below = np.zeros(LANES), np.zeros(LANES)
    tree[:] = 0.0
    for step in range(len(row)):
        own, place, times = held[row[step]], rank[step], factor[step]
        if not opens[step]:
            _add(tree, place, times, own)
            for lane in range(LANES):
                total[lane] += times * own[lane]
            continue
        below[:] = 0.0
        _add_up_to(tree, place, below)
        _add_up_to(tree, place - 1, below)
        for lane in range(LANES):  # rows level with it were met once and count one half
            won[lane] += times * own[lane] * below[lane] / 2
            compared[lane] += times * own[lane] * total[lane]


@_compiled
def sweep(weights, steps, bounds, rank):  # type: ignore[no-untyped-def]
    """Weight of the pairs won and compared in each of S sweeps over time, shape (S, B) each.

    Parameters
    ----------
    weights
        Shape (B, N).
    steps
        Row of each step, whether it opens pairs with the rows met before, and what its weight is multiplied
        by, shape (steps,) each.
    bounds
        First step of each sweep, and the number of steps, shape (S + 1,).
    rank
        Rank of each step's risk among its sweep's rows, from 1, equal for equal risks, shape (steps,).
    """
    row, opens, factor = steps
    sweeps, (count, rows) = len(bounds) - 1, weights.shape
    blocks = (count + LANES - 1) // LANES
    won, compared = np.zeros((sweeps, blocks * LANES)), np.zeros((sweeps, blocks * LANES))
    tree, held = np.zeros((rank.max() + 1, LANES)), np.zeros((rows, LANES))
    for start in range(0, count, LANES):
        for lane in range(min(LANES, count - start)):
            held[:, lane] = weights[start + lane]
        for number in range(sweeps):
            a, b = bounds[number], bounds[number + 1]
            if a == b:
                continue
            inside, lanes = (row[a:b], opens[a:b], factor[a:b], rank[a:b]), slice(start, start + LANES)
            room = tree[: rank[a:b].max() + 1]
            _sweep_once(held, inside, room, won[number, lanes], compared[number, lanes])
    return won[:, :count], compared[:, :count]
