"""Where an integral from 0 to 1 is looked at, and what each look counts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def gauss_legendre(points: int) -> Iterator[tuple[float, float]]:
    """Nodes between 0 and 1 and weights that add up to 1; exact for polynomials below degree 2 points.

    Parameters
    ----------
    points
        Nodes.
    """
    nodes, weights = np.polynomial.legendre.leggauss(points)
    for node, weight in zip((nodes + 1.0) / 2.0, weights / 2.0, strict=True):
        yield float(node), float(weight)
