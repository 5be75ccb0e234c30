"""Indices of circuits' states: what raises an outcome less what lowers it, directions fixed, nothing fitted.

Directions are as published, each with a reference that is not a cohort of ours, and were named before any
figure of an index was seen. What is known of response was learned from such cohorts all the same: these are
no predictions made in ignorance of the answer.
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
class Directed:
    """A state, and which way it points.

    Attributes
    ----------
    state
        Its name.
    direction
        +1 where more of it raises the index, -1 where it lowers it.
    reference
        Where that was published.
    """

    state: str
    direction: int
    reference: str


@dataclass(frozen=True)
class Index:
    """A sum of states.

    Attributes
    ----------
    title
        What a high index means.
    directed
        Its states.
    signs
        Task of an endpoint -> 1 where a higher index makes the event likelier, -1 where less likely. Other
        endpoints it does not answer.
    """

    title: str
    directed: tuple[Directed, ...]
    signs: Mapping[str, int]

    @property
    def directions(self) -> dict[str, int]:
        """State -> its direction."""
        return {each.state: each.direction for each in self.directed}

    @property
    def states(self) -> tuple[State, ...]:
        """The states, in order."""
        by_name = {state.name: state for state in STATES}
        return tuple(by_name[each.state] for each in self.directed)


RESPONSE = Index(
    "checkpoint inhibition is likelier to work",
    (
        Directed(
            "interferon_gamma",
            1,
            "Ayers et al., IFN-gamma-related mRNA profile predicts clinical response to PD-1 blockade, "
            "J Clin Invest 2017",
        ),
        Directed(
            "antigen_presentation",
            1,
            "Johnson et al., Melanoma-specific MHC-II expression represents a tumour-autonomous phenotype "
            "and predicts response to anti-PD-1/PD-L1 therapy, Nat Commun 2016",
        ),
        Directed(
            "cytotoxicity",
            1,
            "Tumeh et al., PD-1 blockade induces responses by inhibiting adaptive immune resistance, "
            "Nature 2014",
        ),
        Directed(
            "t_cell_exclusion",
            -1,
            "Tauriello et al., TGF-beta drives immune evasion in genetically reconstituted colon cancer "
            "metastasis, Nature 2018",
        ),
        Directed(
            "hypoxia",
            -1,
            "Jayaprakash et al., Targeted hypoxia reduction restores T cell infiltration and sensitizes "
            "prostate cancer to immunotherapy, J Clin Invest 2018",
        ),
        Directed(
            "angiogenesis",
            -1,
            "Voron et al., VEGF-A modulates expression of inhibitory checkpoints on CD8+ T cells in tumors, "
            "J Exp Med 2015",
        ),
        Directed(
            "myeloid_suppression",
            -1,
            "Schalper et al., Elevated serum interleukin-8 is associated with enhanced intratumor "
            "neutrophils and reduced clinical benefit of immune-checkpoint inhibitors, Nat Med 2020",
        ),
        Directed(
            "extracellular_matrix",
            -1,
            "Salmon et al., Matrix architecture defines the preferential localization and migration of "
            "T cells into the stroma of human lung tumors, J Clin Invest 2012",
        ),
    ),
    # Who responds progresses later and lives longer.
    {"response": 1, "pfs": -1, "os": -1},
)
SPREAD = Index(
    "the tumour is likelier to spread",
    (
        Directed("hypoxia", 1, "Rankin and Giaccia, Hypoxic control of metastasis, Science 2016"),
        Directed(
            "angiogenesis",
            1,
            "Weidner et al., Tumor angiogenesis and metastasis: correlation in invasive breast carcinoma, "
            "N Engl J Med 1991",
        ),
        Directed(
            "cell_cycle_arrest",
            -1,
            "Sotiriou et al., Gene expression profiling in breast cancer: understanding the molecular basis "
            "of histologic grade to improve prognosis, J Natl Cancer Inst 2006",
        ),
        Directed(
            "dormancy",
            -1,
            "Kim et al., Dormancy signatures and metastasis in estrogen receptor positive and negative "
            "breast cancer, PLoS One 2012",
        ),
    ),
    {"metastatic": 1, "metastasis": 1, "pfs": 1, "os": 1},
)
INDICES: Mapping[str, Index] = {"response": RESPONSE, "spread": SPREAD}


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
