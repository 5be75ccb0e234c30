"""Evaluations and checks told in tables, pages and words."""

from metarisk.report.tables import Cell, Comparison, comparison, figures_markdown, set_comparison

__all__ = ["Cell", "Comparison", "comparison", "figures_markdown", "set_comparison"]
