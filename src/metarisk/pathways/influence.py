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
    for entries, inside in _inside_each(topology):
        influence[entries] = _passed_up(inside, len(entries), steps, decay).total
    return influence


class EdgeInfluence(NamedTuple):
    """What members' influence owes to single edges, one entry a (membership of the source, edge).

    Attributes
    ----------
    member
        Membership whose influence it is part of, shape (K,).
    edge
        Edge of the topology, which starts at that member, shape (K,).
    value
        How much of the influence, shape (K,). A membership's entries and what it has as an output add up to
        its `signed_influence`.
    """

    member: NDArray[np.intp]
    edge: NDArray[np.intp]
    value: NDArray[np.float64]


def influence_by_edge(topology: Topology, steps: int = STEPS, decay: float = DECAY) -> EdgeInfluence:
    """The part of `signed_influence` that each member has because of each of its edges.

    Influence passes against the edges, so a member's is the sum over its edges of the sign times what the
    target stands for; parallel edges of one sign share theirs equally.
    """
    starts, copies, order = _edges_by_pair(topology)
    members, edges, values = [], [], []
    for entries, inside in _inside_each(topology):
        genes = topology.member_gene[entries].astype(np.intp)
        pair = genes[inside.target] * len(topology.genes) + genes[inside.source]
        at = np.searchsorted(starts, pair)
        count = np.diff(np.append(copies, len(order)))[at]
        value = _passed_up(inside, len(entries), steps, decay).by_edge / count
        members.append(np.repeat(entries[inside.source], count))
        edges += [order[copies[place] : copies[place] + many] for place, many in zip(at, count, strict=True)]
        values.append(np.repeat(value, count))
    nothing = np.empty(0, dtype=np.intp)
    return EdgeInfluence(
        np.concatenate([nothing, *members]),
        np.concatenate([nothing, *edges]),
        np.concatenate([nothing.astype(np.float64), *values]),
    )


def _edges_by_pair(
    topology: Topology,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Pairs (target, source) as one ascending number, where the edges of each start, and these edges.

    Only edges with the sign that a pair's kinds agree on.
    """
    signed, n_genes = _signed_edges(topology), len(topology.genes)
    agreed = signed.target * n_genes + signed.source
    pair = topology.target.astype(np.intp) * n_genes + topology.source
    at = np.minimum(np.searchsorted(agreed, pair), max(len(agreed) - 1, 0))
    kept = (
        np.flatnonzero((agreed[at] == pair) & (topology.sign == signed.sign[at])) if len(agreed) else at[:0]
    )
    order = kept[np.argsort(pair[kept], kind="stable")]
    pairs, copies = np.unique(pair[order], return_index=True)
    return pairs, copies, order


def _inside_each(topology: Topology) -> Iterator[tuple[NDArray[np.intp], _SignedEdges]]:
    """Memberships of each pathway, and the signed edges among its members by their places there."""
    signed = _signed_edges(topology)
    first = np.searchsorted(signed.target, np.arange(len(topology.genes) + 1))
    place = np.full(len(topology.genes), -1)  # of each gene among a pathway's members
    for entries in _entries_by_pathway(topology):
        genes = topology.member_gene[entries]
        place[genes] = np.arange(len(genes))
        arriving = [np.arange(first[gene], first[gene + 1]) for gene in genes]
        yield entries, _among(signed, np.concatenate(arriving), place)
        place[genes] = -1


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


class _Passed(NamedTuple):
    """Influence of each of a pathway's genes, and the part of its source's that each edge brings."""

    total: NDArray[np.float64]
    by_edge: NDArray[np.float64]


def _passed_up(inside: _SignedEdges, n_genes: int, steps: int, decay: float) -> _Passed:
    incoming = np.bincount(inside.target, minlength=n_genes).astype(np.float64)
    if not incoming.any():
        return _Passed(np.full(n_genes, 1.0 / np.sqrt(n_genes)), np.empty(0))
    step = incoming / incoming.max()
    total = step.copy()
    heard = np.zeros(n_genes)  # what targets stood for, all steps together
    per_source = np.maximum(np.bincount(inside.source, minlength=n_genes), 1.0)
    for _ in range(steps):
        heard += step
        sent = inside.sign * step[inside.target]
        step = decay * np.bincount(inside.source, weights=sent, minlength=n_genes) / np.sqrt(per_source)
        total = total + step
    size = np.sqrt(np.square(total).sum())
    by_edge = decay * inside.sign * heard[inside.target] / np.sqrt(per_source[inside.source])
    return _Passed(total / size, by_edge / size)


def _entries_by_pathway(topology: Topology) -> Iterator[NDArray[np.intp]]:
    """Positions of each pathway's memberships."""
    order = np.argsort(topology.member_pathway, kind="stable")
    cuts = np.flatnonzero(np.diff(topology.member_pathway[order])) + 1
    return (part for part in np.split(order, cuts) if len(part))
