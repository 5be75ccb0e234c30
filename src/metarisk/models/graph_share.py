"""How much of an answer came through the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def graph_share(
    outputs: NDArray[np.float32], graph: NDArray[np.float32], bias: Sequence[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """Share of each output that the graph path gave, 0 .. 1, mean over members, shape (N, O).

    In a member it is |graph| / (|graph| + |direct|), where direct is the output without the graph's part and
    the bias; 0 where both are 0.

    Parameters
    ----------
    outputs, graph
        Of each member before calibration, and the graph's part of it, shape (M, N, O) each.
    bias
        Of each member, M of shape (O,).
    """
    through = np.abs(graph.astype(np.float64))
    beside = np.abs(outputs.astype(np.float64) - graph - np.stack(bias)[:, None, :])
    total = through + beside
    share = np.divide(through, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(share.mean(axis=0))
