"""How much of an answer came through the graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.nn.heads import TaskLayout

FloatArray = NDArray[np.float32]

LEAST_MOVE = 1e-4  # log odds; below it is rounding


class EndpointShare(NamedTuple):
    """Mean share of the graph in the answers to one question.

    Attributes
    ----------
    endpoint
        Column of the endpoint table.
    dated
        Whether the question is by when, or yes or no; an organ can be asked both.
    share
        Mean over samples, 0 .. 1.
    """

    endpoint: str
    dated: bool
    share: float


def graph_share(
    outputs: FloatArray, graph: FloatArray, blank_outputs: FloatArray, blank_graph: FloatArray
) -> FloatArray:
    """Share of the graph in what moved an answer away from that for a sample of which nothing is known.

    With g the graph's move and d the direct path's, both in log odds from the answer for a blank sample, the
    share is |g| / (|g| + |d|): 0 without a graph, 1 where only the graph moved, 0 where nothing moved by
    `LEAST_MOVE`. A sample's share does not depend on the samples beside it.

    Parameters
    ----------
    outputs, graph
        Answers and the part of them that came through the graph, shape (..., N, O).
    blank_outputs, blank_graph
        The same for a blank sample, shape (..., 1, O).

    Returns
    -------
    ndarray
        Shape (..., N, O), 0 .. 1.
    """
    through = np.abs(graph - blank_graph)
    beside = np.abs((outputs - graph) - (blank_outputs - blank_graph))
    total = through + beside
    return np.asarray(np.divide(through, total, out=np.zeros_like(total), where=total > LEAST_MOVE))


def share_by_endpoint(share: FloatArray, layout: TaskLayout) -> tuple[EndpointShare, ...]:
    """Mean over samples for each question; a dated one is told by the level of its first cause.

    Parameters
    ----------
    share
        Shape (N, O), N above 0.
    layout
        The questions.
    """
    mean = share.mean(axis=0)
    yes_no = [EndpointShare(name, False, float(mean[at])) for at, name in enumerate(layout.binary)]
    dated = [EndpointShare(name, True, float(mean[layout.columns(name).start])) for name in layout.timed]
    return (*yes_no, *dated)
