"""What raising each member of a pathway does to the pathway's output, read from the signs of its edges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from metarisk.pathways.topology import Topology

STEPS = 4
DECAY = 0.8


def signed_influence(topology: Topology, steps: int = STEPS, decay: float = DECAY) -> NDArray[np.float64]:
    """Signed influence of every member gene on its pathway's output.

    Inside a pathway each gene is an output in proportion to the signed edges that end at it; a gene that
    raises an output has positive influence, one that lowers it negative, and influence passes against the
    edges, `decay` a step. A pathway without signed edges inside gives all its members equal influence.

    Parameters
    ----------
    topology
        Genes, edges, membership.
    steps, decay
        How far influence passes, and what is left of it after a step.

    Returns
    -------
    ndarray
        One value a membership, in the topology's order, squares summing to 1 in each pathway, shape (M,).
    """
    influence = np.zeros(len(topology.member_gene))
    signed = signed_adjacency(topology)
    for entries in _entries_by_pathway(topology):
        genes = topology.member_gene[entries]
        inside = signed[genes][:, genes]  # target x source
        influence[entries] = _passed_up(inside, steps, decay)
    return influence


def signed_adjacency(topology: Topology) -> sparse.csr_array:
    """Sign of the edges from one gene to another, (target x source); kinds that disagree cancel."""
    kept = topology.sign != 0
    shape = (len(topology.genes), len(topology.genes))
    position = (topology.target[kept], topology.source[kept])
    total = sparse.coo_array((topology.sign[kept].astype(np.float64), position), shape=shape).tocsr()
    total.data = np.sign(total.data)
    total.eliminate_zeros()
    return total


def _passed_up(inside: sparse.csr_array, steps: int, decay: float) -> NDArray[np.float64]:
    incoming = np.asarray(abs(inside).sum(axis=1)).ravel()
    if not incoming.any():
        return np.full(inside.shape[0], 1.0 / np.sqrt(inside.shape[0]))
    step = incoming / incoming.max()
    total = step.copy()
    per_source = np.maximum(np.asarray(abs(inside).sum(axis=0)).ravel(), 1.0)
    for _ in range(steps):
        step = decay * (inside.T @ step) / np.sqrt(per_source)
        total = total + step
    return np.asarray(total / np.sqrt(np.square(total).sum()))


def _entries_by_pathway(topology: Topology) -> Iterator[NDArray[np.intp]]:
    """Positions of each pathway's memberships."""
    order = np.argsort(topology.member_pathway, kind="stable")
    cuts = np.flatnonzero(np.diff(topology.member_pathway[order])) + 1
    return (part for part in np.split(order, cuts) if len(part))
