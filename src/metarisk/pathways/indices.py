"""Indices of circuits' states: what raises an outcome less what lowers it, directions fixed, nothing fitted.

Each direction is what its circuit is described to mean (`metarisk.pathways.curated.circuits`; its edges have
their references). It was named before any figure of the index was seen, but in knowledge of that literature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from metarisk.pathways.controls import edges_of_other_signs, rewired_edges
from metarisk.pathways.curated import curated_edges
from metarisk.pathways.edges import RELATIONS, EdgeColumns
from metarisk.pathways.states import STATES, State

SignedGenes = Mapping[str, int]


@dataclass(frozen=True)
class Index:
    """A sum of states.

    Attributes
    ----------
    title
        What a high index means.
    directions
        State -> 1 where more of it raises the index, -1 where it lowers it.
    signs
        Endpoint -> 1 where a higher index makes the event likelier, -1 where less likely; others it does not
        speak of.
    """

    title: str
    directions: Mapping[str, int]
    signs: Mapping[str, int]

    @property
    def states(self) -> tuple[State, ...]:
        """Its states, in the order of its directions."""
        by_name = {state.name: state for state in STATES}
        return tuple(by_name[name] for name in self.directions)


INDICES: Mapping[str, Index] = {
    "response": Index(
        "an inflamed tumour that T cells can enter: a checkpoint inhibitor is likelier to work",
        {
            **dict.fromkeys(("interferon_gamma", "antigen_presentation", "cytotoxicity"), 1),
            **dict.fromkeys(("t_cell_exclusion", "hypoxia", "angiogenesis"), -1),
            **dict.fromkeys(("myeloid_suppression", "extracellular_matrix"), -1),
        },
        {"response": 1, "os": -1, "pfs": -1},
    ),
    "spread": Index(
        "a tumour that calls vessels, lacks oxygen and does not rest: it spreads and kills sooner",
        {
            **dict.fromkeys(("hypoxia", "angiogenesis"), 1),
            **dict.fromkeys(("cell_cycle_arrest", "dormancy"), -1),
        },
        {"metastasis": 1, "metastatic": 1, "pfs": 1, "os": 1},
    ),
}


@dataclass(frozen=True, eq=False)
class StateEdges:
    """The curated edges, once each, and which of them each state reads.

    Attributes
    ----------
    columns
        Edges; their ends and signs may be permuted, their order is not.
    read
        State -> its edges among the columns.
    """

    columns: EdgeColumns
    read: Mapping[str, NDArray[np.intp]]

    def rewired(self, seed: int) -> StateEdges:
        """Edges of the same effectors to other targets, see `metarisk.pathways.controls.rewired`."""
        return replace(self, columns=rewired_edges(self.columns, seed))

    def shuffled_signs(self, seed: int) -> StateEdges:
        """Edges whose signs are dealt anew, see `metarisk.pathways.controls.shuffled_signs`."""
        return replace(self, columns=edges_of_other_signs(self.columns, seed))

    def genes(self, states: Sequence[State]) -> tuple[SignedGenes, ...]:
        """Genes of each state with the sign that they count with, as `State.genes`."""
        genes, target, sign = self.columns.genes, self.columns.target, self.columns.sign
        return tuple(
            state.genes_of((genes[target[edge]], int(sign[edge])) for edge in self.read[state.name])
            for state in states
        )


@cache
def state_edges() -> StateEdges:
    """The curated edges as they are."""
    edges = curated_edges()
    unique = sorted({(edge.source, edge.target, edge.relation, edge.sign) for edge in edges})
    genes = tuple(sorted({gene for source, target, _, _ in unique for gene in (source, target)}))
    place = {gene: at for at, gene in enumerate(genes)}
    columns = EdgeColumns(
        genes,
        np.array([place[source] for source, _, _, _ in unique], dtype=np.int32),
        np.array([place[target] for _, target, _, _ in unique], dtype=np.int32),
        np.array([RELATIONS.index(relation) for _, _, relation, _ in unique], dtype=np.int8),
        np.array([sign for _, _, _, sign in unique], dtype=np.int8),
    )
    number = {edge: at for at, edge in enumerate(unique)}
    read = {
        state.name: sorted(
            {
                number[edge.source, edge.target, edge.relation, edge.sign]
                for edge in edges
                if state.reads(edge)
            }
        )
        for state in STATES
    }
    return StateEdges(columns, {name: np.array(at, dtype=np.intp) for name, at in read.items()})
