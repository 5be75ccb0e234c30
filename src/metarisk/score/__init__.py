"""A bundle applied to a cohort: tidy scores on disk, whole or not at all."""

from metarisk.score.export import export_csv
from metarisk.score.intake import is_table, read_table
from metarisk.score.reading import read_scores
from metarisk.score.report import ScoreReport
from metarisk.score.stream import score_to

__all__ = ["score_to", "ScoreReport", "read_scores", "export_csv", "is_table", "read_table"]
