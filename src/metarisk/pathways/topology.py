"""The topology: genes, typed signed directed edges between them, pathways above them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import TopologyError, first_ten

RELATIONS: tuple[str, ...] = (
    "ligand_receptor",
    "phosphorylation",
    "modification",
    "tf_target",
    "binding",
    "via_metabolite",
    "association",
)

IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Topology:
    """A graph over genes and, above it, pathways that genes belong to.

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
        Pathway ids, length P.
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
    relation: NDArray[np.int8]
    sign: NDArray[np.int8]
    pathways: tuple[str, ...]
    member_pathway: IntArray
    member_gene: IntArray
    parents: IntArray = field(default_factory=lambda: np.empty((0, 2), dtype=np.int32))
    licences: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_range("edge", np.concatenate([self.source, self.target]), len(self.genes))
        _check_range("membership", self.member_gene, len(self.genes))
        _check_range("membership pathway", self.member_pathway, len(self.pathways))
        _check_range("hierarchy", self.parents.ravel(), len(self.pathways))

    @property
    def n_edges(self) -> int:
        """Edges E."""
        return len(self.source)

    @cached_property
    def gene_index(self) -> dict[str, int]:
        """Symbol to node."""
        return {gene: index for index, gene in enumerate(self.genes)}

    @cached_property
    def sha256(self) -> str:
        """Hash over genes, edges, pathways, memberships and hierarchy; the name plays no part."""
        digest = hashlib.sha256()
        digest.update("\t".join(self.genes).encode())
        digest.update("\t".join(self.pathways).encode())
        for array in (
            self.source,
            self.target,
            self.relation,
            self.sign,
            self.member_pathway,
            self.member_gene,
            self.parents,
        ):
            digest.update(np.ascontiguousarray(array).astype("<i4").tobytes())
        return digest.hexdigest()

    def members(self, pathway: str) -> tuple[str, ...]:
        """Genes of one pathway, sorted.

        Raises
        ------
        TopologyError
            If the topology has no such pathway.
        """
        if pathway not in self.pathways:
            raise TopologyError(
                f"{self.name} has no pathway {pathway!r}", do=f"It has {first_ten(self.pathways)}."
            )
        chosen = self.member_gene[self.member_pathway == self.pathways.index(pathway)]
        return tuple(sorted(self.genes[index] for index in chosen))


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

    Edges are sorted and duplicates collapse; of the same (source, target, relation) with unlike signs the
    signs cancel to 0, since two sources that disagree tell us only that there is an edge.

    Raises
    ------
    TopologyError
        If a relation is unknown, a sign is not -1, 0 or 1, or an edge joins a gene to itself.
    """
    signs: dict[tuple[str, str, int], set[int]] = {}
    for edge in edges:
        signs.setdefault(_edge_key(name, edge), set()).add(edge.sign)
    pairs = sorted(set(membership))
    genes = sorted({gene for key in signs for gene in key[:2]} | {gene for _, gene in pairs})
    hierarchy = sorted(set(parents))
    pathways = sorted({pathway for pathway, _ in pairs} | {pathway for pair in hierarchy for pathway in pair})
    gene_at = {gene: index for index, gene in enumerate(genes)}
    pathway_at = {pathway: index for index, pathway in enumerate(pathways)}
    _check_acyclic(name, hierarchy)
    ordered = sorted(signs)
    return Topology(
        name=name,
        genes=tuple(genes),
        source=np.array([gene_at[key[0]] for key in ordered], dtype=np.int32),
        target=np.array([gene_at[key[1]] for key in ordered], dtype=np.int32),
        relation=np.array([key[2] for key in ordered], dtype=np.int8),
        sign=np.array([_agreed(signs[key]) for key in ordered], dtype=np.int8),
        pathways=tuple(pathways),
        member_pathway=np.array([pathway_at[pathway] for pathway, _ in pairs], dtype=np.int32),
        member_gene=np.array([gene_at[gene] for _, gene in pairs], dtype=np.int32),
        parents=np.array(
            [(pathway_at[child], pathway_at[parent]) for child, parent in hierarchy], dtype=np.int32
        ).reshape(-1, 2),
        licences=tuple(sorted(set(licences))),
        titles=tuple((titles or {}).get(pathway, pathway) for pathway in pathways),
    )


def _edge_key(name: str, edge: Edge) -> tuple[str, str, int]:
    if edge.relation not in RELATIONS:
        raise TopologyError(
            f"{name}: edge {edge.source} -> {edge.target} has relation {edge.relation!r}",
            expected=f"one of {', '.join(RELATIONS)}",
            do="Map the relation before assembling.",
        )
    if edge.sign not in (-1, 0, 1) or edge.source == edge.target:
        raise TopologyError(
            f"{name}: edge {edge.source} -> {edge.target} has sign {edge.sign}",
            expected="two different genes and a sign of -1, 0 or 1",
            do="Correct or remove the edge.",
        )
    return edge.source, edge.target, RELATIONS.index(edge.relation)


def _agreed(signs: set[int]) -> int:
    known = signs - {0}
    return known.pop() if len(known) == 1 else 0


def _check_range(what: str, index: NDArray[np.int32], size: int) -> None:
    if index.size and (index.min() < 0 or index.max() >= size):
        raise TopologyError(
            f"{what} index runs to {int(index.max())}",
            expected=f"0 .. {size - 1}",
            do="The topology file is damaged; build it again.",
        )


def _check_acyclic(name: str, hierarchy: Sequence[tuple[str, str]]) -> None:
    from graphlib import CycleError, TopologicalSorter

    sorter: TopologicalSorter[str] = TopologicalSorter()
    for child, parent in hierarchy:
        sorter.add(child, parent)
    try:
        sorter.prepare()
    except CycleError as error:
        raise TopologyError(
            f"{name}: the pathway hierarchy has a cycle {' -> '.join(error.args[1])}",
            expected="a pathway below its parents only",
            do="Remove one of these relations.",
        ) from error
