"""Controls: the same topology with its wiring, signs, types or memberships made meaningless, seeded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import TopologyError, nearest
from metarisk.pathways.edges import RELATIONS, EdgeColumns, settle
from metarisk.pathways.topology import Topology

ROUNDS = 20  # in each, every edge is offered one swap

Groups = NDArray[np.int64]


def rewired(topology: Topology, seed: int) -> Topology:
    """Topology whose edges join other genes, every degree kept.

    Double edge swaps within a relation and sign: a -> b and c -> d become a -> d and c -> b. So each gene
    keeps its in- and out-degree of each relation and sign; no self-loop and no repeat arises.

    Parameters
    ----------
    topology
        The real graph; pathways and memberships stay.
    seed
        Equal seeds give equal graphs.
    """
    return _with_edges(topology, "rewired", rewired_edges(topology.edges, seed))


def rewired_edges(edges: EdgeColumns, seed: int) -> EdgeColumns:
    """The same of edges alone, which keep their order."""
    group = edges.relation.astype(np.int64) * 3 + edges.sign + 1
    target = _swap(
        edges.source.astype(np.int64),
        edges.target.astype(np.int64),
        group,
        layer=edges.relation.astype(np.int64),
        rng=np.random.default_rng(seed),
        loops=False,
    )
    return replace(edges, target=target.astype(np.int32))


def shuffled_signs(topology: Topology, seed: int) -> Topology:
    """Topology with the signs of each relation dealt anew among its edges; their counts are kept."""
    sign = edges_of_other_signs(topology.edges, seed).sign
    return replace(topology, name=f"{topology.name}, shuffled_signs", sign=sign)


def edges_of_other_signs(edges: EdgeColumns, seed: int) -> EdgeColumns:
    """The same of edges alone, which keep their order."""
    rng = np.random.default_rng(seed)
    sign = edges.sign.copy()
    for relation in range(len(RELATIONS)):
        chosen = np.flatnonzero(edges.relation == relation)
        sign[chosen] = rng.permutation(sign[chosen])
    return replace(edges, sign=sign)


def merged_types(topology: Topology, seed: int = 0) -> Topology:
    """Topology with one relation, `association`; edges that fall together settle by the usual rule."""
    del seed  # nothing is drawn; the signature is that of the other controls
    one = np.full(topology.n_edges, RELATIONS.index("association"), dtype=np.int8)
    return _with_edges(topology, "merged_types", replace(topology.edges, relation=one))


def shuffled_members(topology: Topology, seed: int) -> Topology:
    """Topology whose pathways hold other genes: sizes of pathways and memberships a gene has are kept."""
    members = len(topology.member_gene)
    one = np.zeros(members, dtype=np.int64)
    gene = _swap(
        topology.member_pathway.astype(np.int64),
        topology.member_gene.astype(np.int64),
        one,
        layer=one,
        rng=np.random.default_rng(seed),
        loops=True,
    )
    order = np.lexsort((gene, topology.member_pathway))
    return replace(
        topology,
        name=f"{topology.name}, shuffled_members",
        member_pathway=topology.member_pathway[order],
        member_gene=gene[order].astype(np.int32),
    )


def without_edges(topology: Topology, seed: int = 0) -> Topology:
    """Topology with its genes and pathways and not one edge."""
    del seed
    index, small = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int8)
    none = EdgeColumns(topology.genes, index, index, small, small)
    return _with_edges(topology, "no_edges", none)


CONTROLS: dict[str, Callable[[Topology, int], Topology]] = {
    "none": lambda topology, seed: topology,
    "no_edges": without_edges,
    "rewired": rewired,
    "shuffled_signs": shuffled_signs,
    "merged_types": merged_types,
    "shuffled_members": shuffled_members,
}


def control(name: str, topology: Topology, seed: int) -> Topology:
    """Control by the name that a configuration gives it; ``none`` is the topology itself.

    Raises
    ------
    TopologyError
        If there is no control of that name.
    """
    if name not in CONTROLS:
        raise TopologyError(f"no control is named {name!r}", do=nearest(name, CONTROLS))
    return CONTROLS[name](topology, seed)


def _with_edges(topology: Topology, what: str, edges: EdgeColumns) -> Topology:
    settled, _ = settle(edges)
    return replace(
        topology,
        name=f"{topology.name}, {what}",
        source=settled.source,
        target=settled.target,
        relation=settled.relation,
        sign=settled.sign,
    )


def _swap(
    left: Groups, right: Groups, group: Groups, *, layer: Groups, rng: np.random.Generator, loops: bool
) -> Groups:
    """Right ends after rounds of double swaps within groups, keeping each (layer, left, right) unique.

    A round pairs the links of each group at random and exchanges right ends; a pair is left alone where
    either new link exists already, is made twice in the round, or (unless ``loops``) joins an end to itself.
    """
    right = right.copy()
    span = int(max(left.max(initial=0), right.max(initial=0))) + 1
    base = (layer * span + left) * span
    for _ in range(ROUNDS):
        one, two = _pairs(group, rng)
        new = np.concatenate([base[one] + right[two], base[two] + right[one]])
        good = ~np.isin(new, base + right)
        _, place, times = np.unique(new, return_inverse=True, return_counts=True)
        good &= times[place] == 1
        if not loops:
            good &= np.concatenate([left[one] != right[two], left[two] != right[one]])
        both = good[: len(one)] & good[len(one) :]
        one, two = one[both], two[both]
        right[one], right[two] = right[two], right[one]
    return right


def _pairs(group: Groups, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Random disjoint pairs of links, both of one group."""
    order = np.lexsort((rng.random(len(group)), group))
    ordered = group[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    leads = np.flatnonzero((np.arange(len(group)) - starts) % 2 == 0)
    leads = leads[leads + 1 < len(group)]
    leads = leads[ordered[leads] == ordered[leads + 1]]
    return order[leads], order[leads + 1]
