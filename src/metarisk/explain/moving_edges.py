"""The edges that move a cohort's answers most, the genes at their ends, and the circuits they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.explain.cohort import gene_direction
from metarisk.explain.parts import Explained, Subject, explain
from metarisk.explain.questions import DoubleArray
from metarisk.explain.stability import Summed, Tally
from metarisk.features.batch import Batch, FloatArray
from metarisk.models.graph_share import LEAST_MOVE

POINTS = (3,)  # of the quadrature: means need no more, and `Taken.gap` says what is left


class Taken(NamedTuple):
    """Answers of n patients taken apart by edge and by gene, as means.

    Attributes
    ----------
    edges, genes
        Of Q answers and E edges, and of G genes, what was measured of a gene by all assays together.
    names
        The genes, ascending, length G.
    raised
        What a gene adds, its sign turned in patients in whom it is lowered, shape (Q, G).
    told_edges, told_genes
        Parts that move the answer of enough patients to be told, shapes (Q, E) and (Q, G).
    gap
        Mean over patients of what the edges leave unexplained, relative to the answer's distance, shape (Q,).
    """

    edges: Summed
    genes: Summed
    names: NDArray[np.str_]
    raised: DoubleArray
    told_edges: NDArray[np.bool_]
    told_genes: NDArray[np.bool_]
    gap: DoubleArray

    @property
    def edges_size(self) -> DoubleArray:
        """Sum of mean sizes over all edges, shape (Q,)."""
        return np.asarray(self.edges.size.sum(axis=1))


class _Cells(NamedTuple):
    """Cells (gene of an assay) in the order of their genes, and where each gene's begin."""

    names: NDArray[np.str_]
    order: NDArray[np.intp]
    first: NDArray[np.intp]

    def by_gene(self, cells: FloatArray) -> FloatArray:
        """Sums of a gene's cells, (..., F) to (..., G)."""
        return np.asarray(np.add.reduceat(cells[..., self.order], self.first, axis=-1))


def take_apart(subject: Subject, batch: Batch, fewest: int) -> Taken:
    """Take a few patients' answers apart by edge and gene.

    Parameters
    ----------
    subject
        A model with edges, asked by ``gene`` and ``edge``.
    batch
        One row a patient.
    fewest
        Patients whose answer a part must move for it to be told.
    """
    cells, edges = _cells(subject), subject.parts["edge"].own
    members, answers = len(subject.ensemble.networks), len(subject.questions)
    by_edge, by_gene = Tally(members, answers, edges), Tally(members, answers, len(cells.names))
    raised, moved_genes = np.zeros((2, answers, len(cells.names)))
    moved_edges, gap = np.zeros((answers, edges)), np.zeros(answers)
    direction = gene_direction(subject, batch)
    for rows, found in explain(subject, batch, POINTS):
        carried, added = found.shares["edge"][..., :edges], _own(subject, found)
        by_edge.add(carried)
        by_gene.add(cells.by_gene(added))
        raised += cells.by_gene(added.mean(axis=0) * direction[rows]).sum(axis=1)
        moved_edges += _moved(carried)
        moved_genes += _moved(cells.by_gene(added))
        gap += found.gap("edge").sum(axis=1)
    n = len(batch)
    told = moved_edges >= fewest, moved_genes >= fewest
    return Taken(by_edge.result(), by_gene.result(), cells.names, raised / n, *told, gap / n)


def _cells(subject: Subject) -> _Cells:
    parts = subject.parts["gene"]
    names, gene = np.unique(parts.names[: parts.own].astype(str), return_inverse=True)
    order = np.argsort(gene, kind="stable")
    return _Cells(names, order, np.searchsorted(gene[order], np.arange(len(names))))


def _own(subject: Subject, found: Explained) -> FloatArray:
    return found.shares["gene"][..., : subject.parts["gene"].own]


def _moved(shares: FloatArray) -> DoubleArray:
    """Patients whose answer each part moves by more than rounding, (M, Q, n, F) to (Q, F)."""
    return np.asarray((np.abs(shares.mean(axis=0)) > LEAST_MOVE).sum(axis=1), dtype=np.float64)


def edge_table(subject: Subject, taken: Taken, circuits: pd.DataFrame, most: int) -> pd.DataFrame:
    """The largest edges of each answer, see `metarisk.explain.movers.Movers`.

    Parameters
    ----------
    subject, taken
        A model, and what `take_apart` found of it.
    circuits
        Columns ``answer, circuit, title``, the circuits of an answer by size.
    most
        Edges that are kept of an answer.
    """
    topology = subject.bundle.topology
    members = {name: frozenset(topology.members(name)) for name in topology.pathways}
    rows: list[dict[str, Any]] = []
    for place, answer in enumerate(subject.questions):
        own = circuits[circuits["answer"] == answer]
        ranked = dict(zip(own["circuit"], own["title"], strict=True))
        for rank, edge in enumerate(_largest(taken, place, most), start=1):
            rows.append(
                {
                    "answer": answer,
                    "rank": rank,
                    **_ends(subject, edge, ranked, members),
                    "mean_size": taken.edges.size[place, edge],
                    "mean_share": taken.edges.share[place, edge],
                    "sign_agreement": taken.edges.agreement[place, edge],
                }
            )
    return pd.DataFrame(rows)


def _largest(taken: Taken, place: int, most: int) -> NDArray[np.intp]:
    size = np.where(taken.told_edges[place], taken.edges.size[place], 0.0)
    order = np.argsort(-size, kind="stable")[:most]
    return np.asarray(order[size[order] > 0.0])


def _ends(
    subject: Subject, edge: int, ranked: Mapping[str, str], members: Mapping[str, frozenset[str]]
) -> dict[str, Any]:
    """Names of an edge, and the largest circuit that holds both of its ends."""
    topology = subject.bundle.topology
    source, target = (str(topology.genes[at[edge]]) for at in (topology.source, topology.target))
    circuit = next((name for name in ranked if {source, target} <= members[name]), "")
    return {
        "source": source,
        "target": target,
        "sign": int(topology.sign[edge]),
        "relation": str(subject.parts["edge"].details[edge]),
        "circuit": circuit,
        "title": ranked.get(circuit, ""),
    }


def gene_table(subject: Subject, taken: Taken, edges: pd.DataFrame) -> pd.DataFrame:
    """The genes at the ends of each answer's edges, see `metarisk.explain.movers.Movers`.

    A gene that was not measured, or that moves too few patients' answers, has no row.
    """
    rows = [
        row for place, answer in enumerate(subject.questions) for row in _genes(taken, place, answer, edges)
    ]
    return pd.DataFrame(rows, columns=["answer", "gene", "mean_size", "raised", "sign_agreement"])


def _genes(taken: Taken, place: int, answer: str, edges: pd.DataFrame) -> Iterator[dict[str, Any]]:
    own = edges[edges["answer"] == answer] if len(edges) else edges
    ends = sorted({*own["source"], *own["target"]}) if len(own) else []
    position = {str(name): at for at, name in enumerate(taken.names)}
    for gene in ends:
        at = position.get(gene)
        if at is not None and taken.told_genes[place, at]:
            yield {
                "answer": answer,
                "gene": gene,
                "mean_size": taken.genes.size[place, at],
                "raised": taken.raised[place, at],
                "sign_agreement": taken.genes.agreement[place, at],
            }
