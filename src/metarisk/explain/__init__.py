"""Why, and what if: what each pathway adds to an answer."""

from metarisk.explain.pathways import pathway_importance, planted_ranks

__all__ = ["pathway_importance", "planted_ranks"]
