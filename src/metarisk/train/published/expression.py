"""Published scores of gene expression, from values that need no second sample.

Levels in an absolute unit become normal scores of a sample's own ranks, z-scores stay, as everywhere in
`metarisk.features.standardise`; so the score of a sample does not depend on who else is in its cohort, other
than by z-scores. Where a sample has no expression but published gene sets scored (assay ``signature``), the
column of the nearest set stands in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from metarisk.data.cohort import AssayTable, Cohort
from metarisk.features.standardise import comparable
from metarisk.schema.assays import Assay
from metarisk.train.examples import Floats

FEWEST_GENES = 0.5

# T-cell-inflamed gene expression profile: genes in Ayers et al., IFN-gamma-related mRNA profile predicts
# clinical response to PD-1 blockade, J Clin Invest 2017; weights in Cristescu et al., Pan-tumor genomic
# biomarkers for PD-1 checkpoint blockade-based immunotherapy, Science 2018, table S2B.
T_CELL_INFLAMED: Mapping[str, float] = {
    "CCL5": 0.008346,
    "CD27": 0.072293,
    "CD274": 0.042853,
    "CD276": -0.0239,
    "CD8A": 0.031021,
    "CMKLR1": 0.151253,
    "CXCL9": 0.074135,
    "CXCR6": 0.004313,
    "HLA-DQA1": 0.020091,
    "HLA-DRB1": 0.058806,
    "HLA-E": 0.07175,
    "IDO1": 0.060679,
    "LAG3": 0.123895,
    "NKG7": 0.075524,
    "PDCD1LG2": 0.003734,
    "PSMB10": 0.032999,
    "STAT1": 0.250229,
    "TIGIT": 0.084767,
}
# Ayers et al. 2017, the mean of six genes.
IFN_GAMMA: Mapping[str, float] = dict.fromkeys(("IDO1", "CXCL10", "CXCL9", "HLA-DRA", "STAT1", "IFNG"), 1.0)


@dataclass(frozen=True)
class GeneScore:
    """A weighted mean of genes.

    Attributes
    ----------
    weights
        Approved symbol -> weight.
    set_name
        Column of an assay of signatures that comes nearest; empty where none does.
    """

    weights: Mapping[str, float]
    set_name: str = ""

    @property
    def reads(self) -> str:
        """What it is computed from, in words."""
        genes = list(self.weights)
        told = genes[0] if len(genes) == 1 else f"{len(genes)} genes"
        instead = f", or the signature {self.set_name}" if self.set_name else ""
        return f"expression of {told}{instead}"

    def of(self, cohort: Cohort) -> Floats:
        """Score of each sample, NaN where under half of the weight is measured, shape (N,)."""
        score = np.full(len(cohort), np.nan)
        if Assay.EXPRESSION in cohort.assays:
            score = _weighted_mean(cohort.assays[Assay.EXPRESSION], self.weights)
        if self.set_name and Assay.SIGNATURE in cohort.assays:
            instead = _weighted_mean(cohort.assays[Assay.SIGNATURE], {self.set_name: 1.0})
            score = np.where(np.isnan(score), instead, score)
        return score


def _weighted_mean(table: AssayTable, weights: Mapping[str, float]) -> Floats:
    """Mean of the measured columns by their weights, shape (N,); the share is of the weights' sizes."""
    position = {name: index for index, name in enumerate(table.genes)}
    found = [name for name in weights if name in position]
    # All columns first: the rank of a gene is among everything that its sample has measured.
    level = comparable(table, table.genes)[:, [position[name] for name in found]].astype(np.float64)
    weight = np.array([weights[name] for name in found], dtype=np.float64)
    known = ~np.isnan(level)
    measured = known @ np.abs(weight)
    total = np.where(known, level, 0.0) @ weight
    enough = measured >= FEWEST_GENES * sum(map(abs, weights.values()))
    told = enough & (measured > 0)
    return np.asarray(np.where(told, total / np.where(told, measured, 1.0), np.nan))
