"""The state of circuits in a sample, read from expression: EMT, hypoxia, vessels, matrix, dormancy, immunity.

A state's score is the mean standardised expression of the genes that the named effectors of a curated circuit
raise, minus that of the genes they lower: 0 is the training mean, 1 a training standard deviation of each
gene. Genes and signs come from the curated edges (`metarisk.pathways.curated`), each with its reference; the
network's own pathway states are not used, since they have no sign that means anything outside of the model.
It is no measurement of the state itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.features.batch import Batch
from metarisk.models.bundle import ModelBundle
from metarisk.pathways.curated import CuratedEdge, curated_edges
from metarisk.schema.assays import Assay

LEAST_GENES, LEAST_SHARE = 4, 0.5  # measured; with less the state is not told
TOO_FEW = "abstained:too-few-genes"
NO_EXPRESSION = "abstained:no-expression"

DoubleArray = NDArray[np.float64]


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
        counted = {sign for sign, counts in ((1, self.raises), (-1, self.lowers != 0)) if counts}
        return tuple(
            edge
            for edge in curated_edges()
            if edge.circuit in self.circuits
            and edge.source in self.effectors
            and edge.relation == self.relation
            and edge.sign in counted
        )

    @cached_property
    def genes(self) -> dict[str, int]:
        """Sign with which each gene counts; one that is both raised and lowered does not."""
        signs: dict[str, set[int]] = {}
        for edge in self.edges:
            signs.setdefault(edge.target, set()).add(1 if edge.sign == 1 else self.lowers)
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


def emt_call(epithelial: DoubleArray, mesenchymal: DoubleArray) -> NDArray[np.object_]:
    """EMT state by which arms stand at or above the training mean, shape (N,); empty where one is unknown.

    ``epithelial`` and ``mesenchymal`` where one arm alone does, ``hybrid`` where both do: cells, or a mixture
    of cells, that show both kinds of genes at once, which is what the hybrid state was defined by (Jolly et
    al., Implications of the hybrid epithelial/mesenchymal phenotype in metastasis, Front Oncol 2015; Nieto et
    al., EMT: 2016, Cell 2016), and ``neither``. The bound is ours, and bulk tissue cannot tell hybrid cells
    from epithelial tumour beside mesenchymal stroma.
    """
    high = (epithelial >= 0.0).astype(int) + 2 * (mesenchymal >= 0.0)
    named = np.array(["neither", "epithelial", "mesenchymal", "hybrid"], dtype=object)[high]
    return np.where(np.isnan(epithelial) | np.isnan(mesenchymal), "", named)


def state_scores(bundle: ModelBundle, batch: Batch) -> tuple[DoubleArray, NDArray[np.int64]]:
    """Score of each state in each sample, NaN where it is not told, and genes measured, (N, states) each."""
    scores = np.full((len(batch), len(STATES)), np.nan)
    counts = np.zeros(scores.shape, dtype=np.int64)
    entry = batch.assays.get(Assay.EXPRESSION)
    if entry is None:
        return scores, counts
    place = {gene: at for at, gene in enumerate(bundle.transform.scales[Assay.EXPRESSION].genes)}
    for column, state in enumerate(STATES):
        known = [gene for gene in state.genes if gene in place]
        if known:
            at = [place[gene] for gene in known]
            signs = np.array([state.genes[gene] for gene in known])
            measured = entry.measured[:, at]
            counts[:, column] = measured.sum(axis=1)
            enough = counts[:, column] >= max(LEAST_GENES, LEAST_SHARE * len(state.genes))
            told = _by_arms(entry.values[:, at, 0].astype(np.float64), measured, signs)
            scores[:, column] = np.where(enough, told, np.nan)
    return scores, counts


def _by_arms(values: DoubleArray, measured: NDArray[np.bool_], signs: NDArray[np.int64]) -> DoubleArray:
    """Mean of the genes that count up minus mean of those that count down, (N, genes) to (N,)."""
    total = np.zeros(len(values))
    for sign in np.unique(signs):
        arm = measured & (signs == sign)
        mean = np.where(arm, values, 0.0).sum(axis=1) / np.maximum(arm.sum(axis=1), 1)
        total += sign * np.where(arm.any(axis=1), mean, np.nan)
    return total


def state_rows(bundle: ModelBundle, batch: Batch, sample_ids: NDArray[np.str_]) -> pd.DataFrame:
    """One row a sample and state, and one a sample for ``emt``, whose score is mesenchymal minus epithelial.

    Columns: sample_id, state, score, call (of ``emt``), genes_measured, genes, flag. No percentile: that is
    the cohort's, see `percentiles`.
    """
    scores, counts = state_scores(bundle, batch)
    arms = scores[:, 0], scores[:, 1]
    names = np.array([*(state.name for state in STATES), "emt"], dtype=object)
    every = np.column_stack([scores, arms[1] - arms[0]])
    measured = np.column_stack([counts, counts[:, 0] + counts[:, 1]])
    genes = np.array([len(state.genes) for state in STATES])
    calls = np.full(every.shape, "", dtype=object)
    calls[:, -1] = emt_call(*arms)
    blank = np.where(measured == 0, NO_EXPRESSION, TOO_FEW)
    return pd.DataFrame(
        {
            "sample_id": np.repeat(sample_ids, len(names)),
            "state": np.tile(names, len(batch)),
            "score": every.ravel(),
            "call": calls.ravel(),
            "genes_measured": measured.ravel(),
            "genes": np.tile(np.append(genes, genes[0] + genes[1]), len(batch)),
            "flag": np.where(np.isnan(every), blank, "").ravel(),
        }
    )


def state_names() -> tuple[str, ...]:
    """States in the order of a sample's rows."""
    return (*(state.name for state in STATES), "emt")


def percentiles(scores: DoubleArray, among: Sequence[float] | DoubleArray) -> DoubleArray:
    """Percent of a cohort's known scores that are lower, ties counting half; NaN for unknown ones, (N,).

    Parameters
    ----------
    scores
        Shape (N,).
    among
        Scores of the cohort, ascending, NaN last or absent.
    """
    known = np.asarray(among, dtype=np.float64)
    known = known[~np.isnan(known)]
    below = (np.searchsorted(known, scores, "left") + np.searchsorted(known, scores, "right")) / 2.0
    return np.where(np.isnan(scores), np.nan, 100.0 * below / max(len(known), 1))
