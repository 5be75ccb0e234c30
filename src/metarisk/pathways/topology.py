"""The topology: genes, typed signed directed edges between them, pathways above them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import TopologyError, nearest
from metarisk.pathways.edges import (
    RELATIONS,
    EdgeColumns,
    EdgeTally,
    IntArray,
    SmallArray,
    check_range,
    settle,
)
from metarisk.pathways.hierarchy import GeneSets, check_acyclic

__all__ = ["RELATIONS", "Edge", "Topology", "assemble", "topology_from_columns"]

HASHED_AT_ONCE = 1 << 20
ARRAYS = ("source", "target", "relation", "sign", "member_pathway", "member_gene", "parents")


@dataclass(frozen=True, eq=False)
class Topology:
    """A graph over genes and, above it, pathways that genes belong to.

    Two topologies are equal when their content is: the name, titles and licences play no part. The arrays are
    read-only views.

    Attributes
    ----------
    name
        What it is called in runs.
    genes
        Approved symbols, sorted, length G.
    source, target
        Gene index of each edge's ends, shape (E,).
    relation
        Index into `RELATIONS`, shape (E,).
    sign
        +1 the source raises the target, -1 lowers it, 0 not known, shape (E,).
    pathways
        Pathway ids, sorted, length P.
    member_pathway, member_gene
        One entry a membership, shape (M,).
    parents
        Pairs (child, parent) of pathway indices, shape (H, 2); acyclic.
    licences
        Terms of every source that an edge or a membership came from.
    titles
        Human name of each pathway, length P.
    """

    name: str
    genes: tuple[str, ...]
    source: IntArray
    target: IntArray
    relation: SmallArray
    sign: SmallArray
    pathways: tuple[str, ...]
    member_pathway: IntArray
    member_gene: IntArray
    parents: IntArray = field(default_factory=lambda: np.empty((0, 2), dtype=np.int32))
    licences: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        EdgeColumns(self.genes, self.source, self.target, self.relation, self.sign)
        check_range("membership gene", self.member_gene, 0, len(self.genes))
        check_range("membership pathway", self.member_pathway, 0, len(self.pathways))
        check_range("hierarchy", self.parents.ravel(), 0, len(self.pathways))
        for name in ARRAYS:
            fixed = getattr(self, name).view()
            fixed.flags.writeable = False
            object.__setattr__(self, name, fixed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Topology) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def n_genes(self) -> int:
        """Genes G."""
        return len(self.genes)

    @property
    def n_edges(self) -> int:
        """Edges E."""
        return len(self.source)

    @property
    def n_pathways(self) -> int:
        """Pathways P."""
        return len(self.pathways)

    @property
    def edges(self) -> EdgeColumns:
        """The edges alone, sharing memory."""
        return EdgeColumns(self.genes, self.source, self.target, self.relation, self.sign)

    @cached_property
    def gene_index(self) -> dict[str, int]:
        """Symbol to node."""
        return {gene: index for index, gene in enumerate(self.genes)}

    @cached_property
    def pathway_index(self) -> dict[str, int]:
        """Pathway id to its position."""
        return {pathway: index for index, pathway in enumerate(self.pathways)}

    @cached_property
    def sha256(self) -> str:
        """Hash over genes, edges, pathways, memberships and hierarchy; the name plays no part."""
        digest = hashlib.sha256()
        for words in (RELATIONS, self.genes, self.pathways):
            digest.update(f"{len(words)}\n{chr(9).join(words)}\n".encode())
        for array in (getattr(self, name).ravel() for name in ARRAYS):
            digest.update(f"{len(array)}\n".encode())
            for start in range(0, len(array), HASHED_AT_ONCE):
                digest.update(array[start : start + HASHED_AT_ONCE].astype("<i4").tobytes())
        return digest.hexdigest()

    def members(self, pathway: str) -> tuple[str, ...]:
        """Genes of one pathway, sorted; those of its children are not among them.

        Raises
        ------
        TopologyError
            If the topology has no such pathway.
        """
        if pathway not in self.pathway_index:
            raise TopologyError(f"{self.name} has no pathway {pathway!r}", do=nearest(pathway, self.pathways))
        chosen = self.member_gene[self.member_pathway == self.pathway_index[pathway]]
        return tuple(sorted(self.genes[index] for index in chosen))

    def title(self, pathway: str) -> str:
        """Human name of a pathway, its id where it has none."""
        return self.titles[self.pathway_index[pathway]] if self.titles else pathway

    def gene_sets(self) -> GeneSets:
        """Memberships, hierarchy and titles by name."""
        return GeneSets(
            membership=[
                (self.pathways[pathway], self.genes[gene])
                for pathway, gene in zip(self.member_pathway.tolist(), self.member_gene.tolist(), strict=True)
            ],
            parents=[
                (self.pathways[child], self.pathways[parent]) for child, parent in self.parents.tolist()
            ],
            titles=dict(zip(self.pathways, self.titles, strict=True)) if self.titles else {},
        )


@dataclass(frozen=True)
class Edge:
    """One curated or imported edge."""

    source: str
    target: str
    relation: str
    sign: int


def assemble(
    name: str,
    edges: Iterable[Edge],
    membership: Iterable[tuple[str, str]],
    *,
    parents: Iterable[tuple[str, str]] = (),
    titles: dict[str, str] | None = None,
    licences: Sequence[str] = (),
) -> Topology:
    """Topology from named edges and (pathway, gene) pairs, in one canonical order.

    Edges are sorted and duplicates collapse by the rule of `metarisk.pathways.edges.settle`: of the same
    (source, target, relation) with unlike signs the signs cancel to 0.

    Raises
    ------
    TopologyError
        If a relation is unknown, a sign is not -1, 0 or 1, an edge joins a gene to itself, or the hierarchy
        has a cycle.
    """
    columns = _columns(name, list(edges))
    sets = GeneSets(membership, parents, titles or {})
    return topology_from_columns(name, columns, sets, licences)[0]


def topology_from_columns(
    name: str, edges: EdgeColumns, sets: GeneSets | None = None, licences: Sequence[str] = ()
) -> tuple[Topology, EdgeTally]:
    """Topology from columns of any length, and what settling them did; no Python object an edge.

    Parameters
    ----------
    name
        What the topology is called.
    edges
        Edges in any order; every gene listed becomes a node, with or without an edge.
    sets
        Pathways and hierarchy by name; a member that has no edge becomes a node too.
    licences
        Terms of the sources.

    Raises
    ------
    TopologyError
        If the hierarchy has a cycle.
    """
    sets = sets or GeneSets()
    members, parents = sorted(set(sets.membership)), sorted(set(sets.parents))
    check_acyclic(name, parents)
    genes = tuple(sorted({*edges.genes, *(gene for _, gene in members)}))
    settled, tally = settle(_onto(edges, genes))
    pathways = tuple(
        sorted({*(pathway for pathway, _ in members), *(end for pair in parents for end in pair)})
    )
    gene_at = {gene: index for index, gene in enumerate(genes)}
    pathway_at = {pathway: index for index, pathway in enumerate(pathways)}
    topology = Topology(
        name=name,
        genes=genes,
        source=settled.source,
        target=settled.target,
        relation=settled.relation,
        sign=settled.sign,
        pathways=pathways,
        member_pathway=np.array([pathway_at[pathway] for pathway, _ in members], dtype=np.int32),
        member_gene=np.array([gene_at[gene] for _, gene in members], dtype=np.int32),
        parents=np.array([(pathway_at[a], pathway_at[b]) for a, b in parents], dtype=np.int32).reshape(-1, 2),
        licences=tuple(sorted(set(licences))),
        titles=tuple(sets.titles.get(pathway, pathway) for pathway in pathways),
    )
    return topology, tally


def _onto(edges: EdgeColumns, genes: tuple[str, ...]) -> EdgeColumns:
    """Edges with indices into another, larger list of genes."""
    if edges.genes == genes:
        return edges
    place = {gene: index for index, gene in enumerate(genes)}
    moved: NDArray[np.int32] = np.array([place[gene] for gene in edges.genes], dtype=np.int32)
    return replace(edges, genes=genes, source=moved[edges.source], target=moved[edges.target])


def _columns(name: str, edges: Sequence[Edge]) -> EdgeColumns:
    relation = {relation: index for index, relation in enumerate(RELATIONS)}
    for edge in edges:
        if edge.relation not in relation or edge.sign not in (-1, 0, 1) or edge.source == edge.target:
            raise _refusal(name, edge)
    genes = tuple(sorted({gene for edge in edges for gene in (edge.source, edge.target)}))
    place = {gene: index for index, gene in enumerate(genes)}
    return EdgeColumns(
        genes=genes,
        source=np.array([place[edge.source] for edge in edges], dtype=np.int32),
        target=np.array([place[edge.target] for edge in edges], dtype=np.int32),
        relation=np.array([relation[edge.relation] for edge in edges], dtype=np.int8),
        sign=np.array([edge.sign for edge in edges], dtype=np.int8),
    )


def _refusal(name: str, edge: Edge) -> TopologyError:
    where = f"{name}: edge {edge.source} -> {edge.target}"
    if edge.relation not in RELATIONS:
        return TopologyError(
            f"{where} has relation {edge.relation!r}",
            expected=f"one of {', '.join(RELATIONS)}",
            do="Map the relation before assembling.",
        )
    if edge.sign not in (-1, 0, 1):
        return TopologyError(
            f"{where} has sign {edge.sign}", expected="-1, 0 or 1", do="Correct or remove the edge."
        )
    return TopologyError(
        f"{where} joins a gene to itself", expected="two different genes", do="Remove the edge."
    )
