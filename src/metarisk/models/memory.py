"""Work over rows that is done in smaller pieces when memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, TypeVar

import torch

from metarisk.errors import ResourceError

ResultT = TypeVar("ResultT")
# What torch's CPU allocator, oneDNN and the C++ library say; on CUDA it is an exception of its own.
REFUSALS = ("allocate memory", "not enough memory", "create a memory", "bad_alloc", "bad allocation")

_log = logging.getLogger(__name__)


class Rows(NamedTuple):
    """A piece of the work: rows start .. stop - 1."""

    start: int
    stop: int


def by_pieces(
    work: Callable[[Rows], ResultT],
    n: int,
    *,
    pieces: int = 1,
    again: Callable[[], None] = lambda: None,
) -> tuple[list[ResultT], int]:
    """Results of each piece of n rows, and in how many pieces it went: doubled each time memory ran out.

    Parameters
    ----------
    work
        Done for each piece, in order.
    n
        Rows.
    pieces
        To begin with; more than there are rows counts as one row a piece.
    again
        Called before work starts anew, to undo what the failed attempt did.

    Raises
    ------
    ResourceError
        If a single row is too much.
    """
    while True:
        try:
            return [work(piece) for piece in _cut(n, pieces)], pieces
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if pieces >= n:
                raise ResourceError(
                    "memory ran out over a single sample",
                    do="Choose a smaller network or topology, or a machine with more memory.",
                ) from error
        # Here the exception, and with it every tensor of the failed attempt, is gone.
        pieces *= 2
        _log.warning("memory ran out over %d samples at once; going on with %d", n * 2 // pieces, n // pieces)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        again()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on a GPU or not."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in REFUSALS)


def _cut(n: int, pieces: int) -> list[Rows]:
    pieces = max(min(pieces, n), 1)
    edges = [n * piece // pieces for piece in range(pieces + 1)]
    return [Rows(start, stop) for start, stop in pairwise(edges)]
