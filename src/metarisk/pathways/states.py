"""States of circuits that are read from expression: EMT, hypoxia, vessels, matrix, dormancy, immunity.

Genes and signs come from the curated edges (`metarisk.pathways.curated`), each with its reference; how they
are put to a score is told in `metarisk.features.states`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property

from metarisk.pathways.curated import CuratedEdge, curated_edges


@dataclass(frozen=True)
class State:
    """What is read of one or more curated circuits.

    Attributes
    ----------
    name, title
        Id, and what a high score means.
    circuits
        Circuits whose edges are read.
    effectors
        Sources of these edges.
    relation
        Kind of the edges.
    raises
        Whether the genes that the effectors raise count, and so push the score up.
    lowers
        Sign with which the genes that they lower count: -1 as the other arm, 1 where the state *is* their
        presence (the epithelial genes that EMT factors lower), 0 not at all.
    senders
        Whether the effectors themselves count: of ligands that are measured with their receptors.
    """

    name: str
    title: str
    circuits: tuple[str, ...]
    effectors: tuple[str, ...]
    relation: str = "tf_target"
    raises: bool = True
    lowers: int = 0
    senders: bool = False

    @cached_property
    def edges(self) -> tuple[CuratedEdge, ...]:
        """The curated edges that it rests on."""
        return tuple(edge for edge in curated_edges() if self.reads(edge) and self._counts(edge.sign))

    def reads(self, edge: CuratedEdge) -> bool:
        """Whether an edge is one of its effectors' in its circuits, whatever its sign."""
        of_effector = edge.source in self.effectors and edge.relation == self.relation
        return of_effector and edge.circuit in self.circuits

    def _counts(self, sign: int) -> bool:
        return self.raises if sign == 1 else sign == -1 and self.lowers != 0

    @cached_property
    def genes(self) -> dict[str, int]:
        """Sign with which each gene counts; one that is both raised and lowered does not."""
        return self.genes_of((edge.target, edge.sign) for edge in self.edges)

    def genes_of(self, ends: Iterable[tuple[str, int]]) -> dict[str, int]:
        """The same of other edges: target and sign of each, such as a permuted topology has."""
        signs: dict[str, set[int]] = {}
        for target, sign in ends:
            if self._counts(sign):
                signs.setdefault(target, set()).add(1 if sign == 1 else self.lowers)
        for gene in self.effectors if self.senders else ():
            signs.setdefault(gene, set()).add(1)
        return {gene: found.pop() for gene, found in sorted(signs.items()) if len(found) == 1}

    @cached_property
    def evidence(self) -> tuple[str, ...]:
        """Keys of the references of its edges, see `metarisk.pathways.curated.references`."""
        return tuple(sorted({edge.evidence for edge in self.edges}))


EMT_FACTORS = ("SNAI1", "SNAI2", "TWIST1", "ZEB1", "ZEB2")
EMT_CIRCUITS = ("emt_core", "cadherin_switch")
EPITHELIAL = State(
    "epithelial",
    "epithelial genes present (those that EMT factors lower)",
    EMT_CIRCUITS,
    EMT_FACTORS,
    raises=False,
    lowers=1,
)
MESENCHYMAL = State(
    "mesenchymal", "mesenchymal genes present (those that EMT factors raise)", EMT_CIRCUITS, EMT_FACTORS
)
STATES = (
    EPITHELIAL,
    MESENCHYMAL,
    State("hypoxia", "genes that HIF1A and EPAS1 raise", ("hypoxia",), ("HIF1A", "EPAS1")),
    State(
        "angiogenesis",
        "signals that call vessels, and their receptors",
        ("angiogenesis",),
        ("ANGPT1", "APLN", "FGF1", "FGF2", "PDGFB", "PGF", "VEGFA", "VEGFB"),
        relation="ligand_receptor",
        senders=True,
    ),
    State(
        "extracellular_matrix",
        "matrix and what stiffens it (genes that SMAD3, YAP1 and TEADs raise)",
        ("matrix_stiffening",),
        ("SMAD3", "SRF", "TEAD1", "TEAD4", "WWTR1", "YAP1"),
    ),
    State(
        "dormancy",
        "dormancy signalling (genes that p38, NR2F1 and BHLHE41 raise, against those they lower)",
        ("dormancy",),
        ("BHLHE41", "MAPK14", "NR2F1", "SOX9"),
        lowers=-1,
    ),
    State(
        "cell_cycle_arrest",
        "arrest (CDK inhibitors, against genes that DREAM lowers)",
        ("quiescence_cell_cycle",),
        ("E2F4", "FOXO1", "FOXO3", "RBL2", "TP53"),
        lowers=-1,
    ),
    State("interferon_gamma", "genes that STAT1 and IRF1 raise", ("interferon_gamma",), ("IRF1", "STAT1")),
    State(
        "antigen_presentation",
        "genes that NLRC5, CIITA and RFX5 raise",
        ("antigen_presentation",),
        ("CIITA", "NLRC5", "RFX5"),
    ),
    State(
        "cytotoxicity",
        "killing by T and NK cells (genes that EOMES, TBX21 and RUNX3 raise)",
        ("tcr_signalling_cytotoxicity",),
        ("EOMES", "RUNX3", "TBX21"),
    ),
    State(
        "regulatory_t_cells",
        "genes that FOXP3 raises, against those it lowers",
        ("regulatory_t_cells",),
        ("FOXP3",),
        lowers=-1,
    ),
    State(
        "myeloid_suppression",
        "signals that call and feed myeloid cells, and their receptors",
        ("myeloid_suppression",),
        ("CCL2", "CSF1", "CSF3", "CXCL1", "CXCL8", "IL34", "S100A8", "S100A9"),
        relation="ligand_receptor",
        senders=True,
    ),
    State(
        "t_cell_exclusion",
        "TGF-beta's stroma (genes that SMAD3 raises, against those of T cells that it lowers)",
        ("t_cell_exclusion_tgf_beta",),
        ("SMAD3",),
        lowers=-1,
    ),
)
EMT = "emt"  # the mesenchymal score minus the epithelial one
STATE_NAMES = (*(state.name for state in STATES), EMT)


@cache
def states_sha256() -> str:
    """Hash of what the states are: their genes with signs. Scores of another one cannot be compared."""
    told = json.dumps({state.name: state.genes for state in STATES}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
