"""Evaluations told in tables and words."""

from metarisk.report.tables import Cell, Comparison, comparison, figures_markdown

__all__ = ["Cell", "Comparison", "comparison", "figures_markdown"]
