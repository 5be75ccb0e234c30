"""Why, and what if: what each assay, gene, edge and pathway adds to an answer, and the state of circuits."""

from metarisk.explain.cohort import CohortTally
from metarisk.explain.genes import GeneAttribution, gene_attribution
from metarisk.explain.parts import Explained, Subject, explain_rows
from metarisk.explain.pathways import ensemble_importance, pathway_importance, planted_ranks
from metarisk.explain.questions import choose_questions
from metarisk.explain.states import state_rows

__all__ = [
    "CohortTally",
    "Explained",
    "GeneAttribution",
    "Subject",
    "choose_questions",
    "ensemble_importance",
    "explain_rows",
    "gene_attribution",
    "pathway_importance",
    "planted_ranks",
    "state_rows",
]
