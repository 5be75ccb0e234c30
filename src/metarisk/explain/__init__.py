"""Why, and what if: what each pathway and each gene adds to an answer."""

from metarisk.explain.genes import GeneAttribution, gene_attribution
from metarisk.explain.pathways import ensemble_importance, pathway_importance, planted_ranks

__all__ = [
    "GeneAttribution",
    "ensemble_importance",
    "gene_attribution",
    "pathway_importance",
    "planted_ranks",
]
