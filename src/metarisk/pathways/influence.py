"""What raising each member of a pathway does to the pathway's output, read from the signs of its edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    signed = _signed_edges(topology)
    first = np.searchsorted(signed.target, np.arange(len(topology.genes) + 1))
    place = np.full(len(topology.genes), -1)  # of each gene among a pathway's members
    for entries in _entries_by_pathway(topology):
        genes = topology.member_gene[entries]
        place[genes] = np.arange(len(genes))
        arriving = [np.arange(first[gene], first[gene + 1]) for gene in genes]
        inside = _among(signed, np.concatenate(arriving), place)
        influence[entries] = _passed_up(inside, len(genes), steps, decay)
        place[genes] = -1
    return influence


class _SignedEdges(NamedTuple):
    """Sign of the edges from one gene to another; kinds that disagree cancel. In order of both ends."""

    target: NDArray[np.intp]
    source: NDArray[np.intp]
    sign: NDArray[np.float64]


def _signed_edges(topology: Topology) -> _SignedEdges:
    n_genes = len(topology.genes)
    pair = topology.target.astype(np.intp) * n_genes + topology.source
    pairs, which = np.unique(pair, return_inverse=True)
    sign = np.sign(np.bincount(which, weights=topology.sign, minlength=len(pairs)))
    kept = sign != 0
    target, source = np.divmod(pairs[kept], n_genes)
    return _SignedEdges(target, source, sign[kept])


def _among(signed: _SignedEdges, edges: NDArray[np.intp], place: NDArray[np.intp]) -> _SignedEdges:
    """Those of the edges that start at a member, with the members' places for ends."""
    source = place[signed.source[edges]]
    kept, edges = source >= 0, edges[source >= 0]
    return _SignedEdges(place[signed.target[edges]], source[kept], signed.sign[edges])


def _passed_up(inside: _SignedEdges, n_genes: int, steps: int, decay: float) -> NDArray[np.float64]:
    incoming = np.bincount(inside.target, minlength=n_genes).astype(np.float64)
    if not incoming.any():
        return np.full(n_genes, 1.0 / np.sqrt(n_genes))
    step = incoming / incoming.max()
    total = step.copy()
    per_source = np.maximum(np.bincount(inside.source, minlength=n_genes), 1.0)
    for _ in range(steps):
        sent = inside.sign * step[inside.target]
        step = decay * np.bincount(inside.source, weights=sent, minlength=n_genes) / np.sqrt(per_source)
        total = total + step
    return np.asarray(total / np.sqrt(np.square(total).sum()))


def _entries_by_pathway(topology: Topology) -> Iterator[NDArray[np.intp]]:
    """Positions of each pathway's memberships."""
    order = np.argsort(topology.member_pathway, kind="stable")
    cuts = np.flatnonzero(np.diff(topology.member_pathway[order])) + 1
    return (part for part in np.split(order, cuts) if len(part))
