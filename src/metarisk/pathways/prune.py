"""A topology cut to the genes that were measured, its circuits kept connected through the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import TopologyError, first_ten
from metarisk.pathways.edges import RELATIONS, EdgeColumns, settle
from metarisk.pathways.hierarchy import GeneSets, above
from metarisk.pathways.topology import Topology, topology_from_columns

MAX_BRIDGED = 2
MAX_DEGREE = 50
ASSOCIATION = RELATIONS.index("association")

Column = NDArray[np.int64]


@dataclass(frozen=True)
class PruneReport:
    """What pruning did.

    Attributes
    ----------
    genes_before, genes_kept
        Genes of the topology, and those of them that were measured.
    absent
        Measured genes that the topology does not have; they get no node.
    edges_before, edges_kept
        Edges, and those between two measured genes.
    bridged
        Edges added for paths through unmeasured genes.
    cancelled
        Of these, edges whose paths had both signs, so that their sign is 0.
    hubs
        Unmeasured genes with too many edges to contract through.
    isolated
        Measured genes left without any edge, though the topology gave them some.
    pathways_dropped
        Pathways without a measured gene in them or below them.
    max_bridged, max_degree
        The rule: unmeasured genes in a row, and edges that one of them may have.
    """

    genes_before: int
    genes_kept: int
    absent: int
    edges_before: int
    edges_kept: int
    bridged: int
    cancelled: int
    hubs: tuple[str, ...]
    isolated: tuple[str, ...]
    pathways_dropped: tuple[str, ...]
    max_bridged: int
    max_degree: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Sentences that say what was kept, bridged and lost."""
        return [
            f"{self.genes_kept} of {self.genes_before} genes of the topology were measured; "
            f"{self.absent} measured genes are not in it.",
            f"{self.edges_kept} of {self.edges_before} edges join two measured genes; {self.bridged} more "
            f"bridge up to {self.max_bridged} unmeasured genes in a row, {self.cancelled} of them "
            "with both signs.",
            f"{len(self.hubs)} unmeasured genes with over {self.max_degree} edges were not bridged"
            + (f" ({first_ten(self.hubs)})." if self.hubs else "."),
            f"{len(self.isolated)} measured genes lost every edge"
            + (f" ({first_ten(self.isolated)})." if self.isolated else "."),
            f"{len(self.pathways_dropped)} pathways have no measured gene left"
            + (f" ({first_ten(self.pathways_dropped)})." if self.pathways_dropped else "."),
        ]


def prune_to(
    topology: Topology, genes: Iterable[str], *, max_bridged: int = MAX_BRIDGED, max_degree: int = MAX_DEGREE
) -> tuple[Topology, PruneReport]:
    """Topology over the measured genes, and what was done to get there.

    A path from a measured gene through at most ``max_bridged`` unmeasured ones to a measured gene becomes
    one edge, unless those two are joined already; of several paths the shortest count. Its sign is the
    product of the signs along the path (0 if one is unknown); paths that disagree cancel to 0. Its relation
    is that of the steps if those of all its paths are of one relation, else ``association``. Unmeasured genes
    with more than ``max_degree`` edges (in and out) are not contracted: through a hub everything would be
    joined to everything.

    Parameters
    ----------
    topology
        The whole graph.
    genes
        Approved symbols that were measured.
    max_bridged
        Unmeasured genes that a contracted path may hold; 0 contracts nothing.
    max_degree
        Edges, in and out together, that a contracted gene may have.

    Raises
    ------
    TopologyError
        If no measured gene is in the topology.
    """
    wanted = set(genes)
    measured = np.array([gene in wanted for gene in topology.genes], dtype=bool)
    if not measured.any():
        raise TopologyError(
            f"none of the {len(wanted)} measured genes is among the {topology.n_genes} of {topology.name}",
            expected="approved HGNC symbols",
            do="Resolve the cohort's genes before pruning.",
        )
    degree = np.bincount(topology.source, minlength=len(measured)) + np.bincount(
        topology.target, minlength=len(measured)
    )
    hub = ~measured & (degree > max_degree)
    direct = _take(topology.edges, measured[topology.source] & measured[topology.target])
    paths = _paths(topology.edges, measured, ~measured & ~hub, max_bridged)
    bridges, tally = settle(_one_relation(_without_pairs(paths, direct)))
    pruned, dropped = _rebuild(topology, measured, _join(direct, bridges))
    report = PruneReport(
        genes_before=topology.n_genes,
        genes_kept=int(measured.sum()),
        absent=len(wanted - set(topology.genes)),
        edges_before=topology.n_edges,
        edges_kept=len(direct.source),
        bridged=len(bridges.source),
        cancelled=tally.conflicts,
        hubs=tuple(topology.genes[index] for index in np.flatnonzero(hub)),
        isolated=_isolated(topology, pruned, degree),
        pathways_dropped=dropped,
        max_bridged=max_bridged,
        max_degree=max_degree,
    )
    return pruned, report


def _paths(
    edges: EdgeColumns, measured: NDArray[np.bool_], hidden: NDArray[np.bool_], hops: int
) -> EdgeColumns:
    """Shortest paths measured -> hidden ... hidden -> measured, an edge each; pairs may repeat."""
    inner = _csr(_take(edges, hidden[edges.source] & (hidden | measured)[edges.target]), len(measured))
    front = _take(edges, measured[edges.source] & hidden[edges.target])
    found = [_take(edges, np.zeros(len(edges.source), dtype=bool))]
    for _ in range(hops):
        reached = _step(front, inner)
        found.append(_take(reached, measured[reached.target]))
        front = _distinct(_take(reached, hidden[reached.target]))
    return _shortest(found)


def _shortest(levels: list[EdgeColumns]) -> EdgeColumns:
    """Paths of each level whose ends no shorter path joins."""
    kept = levels[0]
    for level in levels[1:]:
        kept = _join(kept, _without_pairs(level, kept))
    return kept


def _one_relation(edges: EdgeColumns) -> EdgeColumns:
    """Edges of a pair that have unlike relations all become `association`."""
    _, pair = np.unique(_pair_keys(edges), return_inverse=True)
    low, high = np.full(len(pair), len(RELATIONS)), np.full(len(pair), -1)
    np.minimum.at(low, pair, edges.relation)
    np.maximum.at(high, pair, edges.relation)
    mixed = (low != high)[pair]
    return replace(edges, relation=np.where(mixed, ASSOCIATION, edges.relation).astype(np.int8))


def _csr(edges: EdgeColumns, G: int) -> tuple[EdgeColumns, Column]:
    order = np.argsort(edges.source, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(edges.source, minlength=G))])
    return _take(edges, order), offsets.astype(np.int64)


def _step(front: EdgeColumns, inner: tuple[EdgeColumns, Column]) -> EdgeColumns:
    """Every path of the front continued by every edge that leaves its end."""
    onward, offsets = inner
    count = offsets[front.target + 1] - offsets[front.target]
    path = np.repeat(np.arange(len(front.source)), count)
    within = np.arange(len(path)) - np.repeat(np.cumsum(count) - count, count)
    step = offsets[front.target[path]] + within
    same = front.relation[path] == onward.relation[step]
    return EdgeColumns(
        genes=front.genes,
        source=front.source[path],
        target=onward.target[step],
        relation=np.where(same, front.relation[path], ASSOCIATION).astype(np.int8),
        sign=front.sign[path] * onward.sign[step],
    )


def _distinct(edges: EdgeColumns) -> EdgeColumns:
    """Each (source, target, relation, sign) once, signs not settled."""
    pair = _pair_keys(edges) * (3 * len(RELATIONS)) + edges.relation.astype(np.int64) * 3 + edges.sign
    return _take(edges, np.unique(pair, return_index=True)[1])


def _take(edges: EdgeColumns, chosen: NDArray[Any]) -> EdgeColumns:
    return replace(
        edges,
        source=edges.source[chosen],
        target=edges.target[chosen],
        relation=edges.relation[chosen],
        sign=edges.sign[chosen],
    )


def _join(one: EdgeColumns, two: EdgeColumns) -> EdgeColumns:
    return replace(
        one,
        source=np.concatenate([one.source, two.source]),
        target=np.concatenate([one.target, two.target]),
        relation=np.concatenate([one.relation, two.relation]),
        sign=np.concatenate([one.sign, two.sign]),
    )


def _pair_keys(edges: EdgeColumns) -> Column:
    keys: Column = edges.source.astype(np.int64) * len(edges.genes) + edges.target
    return keys


def _without_pairs(edges: EdgeColumns, others: EdgeColumns) -> EdgeColumns:
    return _take(edges, ~np.isin(_pair_keys(edges), _pair_keys(others)))


def _rebuild(
    topology: Topology, measured: NDArray[np.bool_], edges: EdgeColumns
) -> tuple[Topology, tuple[str, ...]]:
    """Topology of the kept genes and of the pathways that still have one; and the pathways that have none."""
    kept = tuple(gene for gene, keep in zip(topology.genes, measured, strict=True) if keep)
    place = np.cumsum(measured) - 1
    columns = replace(
        edges,
        genes=kept,
        source=place[edges.source].astype(np.int32),
        target=place[edges.target].astype(np.int32),
    )
    sets = topology.gene_sets()
    known = set(kept)
    membership = [(pathway, gene) for pathway, gene in sets.membership if gene in known]
    alive = above({pathway for pathway, _ in membership}, sets.parents)
    parents = [(child, parent) for child, parent in sets.parents if child in alive]
    pruned, _ = topology_from_columns(
        topology.name, columns, GeneSets(membership, parents, sets.titles), topology.licences
    )
    return pruned, tuple(pathway for pathway in topology.pathways if pathway not in alive)


def _isolated(topology: Topology, pruned: Topology, degree: NDArray[Any]) -> tuple[str, ...]:
    joined = {*pruned.source.tolist(), *pruned.target.tolist()}
    return tuple(
        gene
        for index, gene in enumerate(pruned.genes)
        if index not in joined and degree[topology.gene_index[gene]]
    )
