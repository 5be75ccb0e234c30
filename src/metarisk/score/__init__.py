"""A bundle applied to a cohort: tidy scores on disk, whole or not at all."""

from metarisk.score.conduct import Conduct, Hooks
from metarisk.score.export import export_csv
from metarisk.score.in_memory import score_to
from metarisk.score.intake import is_table, read_table
from metarisk.score.job import score_stream
from metarisk.score.reading import read_scores
from metarisk.score.report import ScoreReport
from metarisk.score.stream import Portion, SampleStream, SetAside, stream_cohort, stream_stored
from metarisk.score.table_stream import stream_table

__all__ = [
    "score_to",
    "score_stream",
    "Conduct",
    "Hooks",
    "SampleStream",
    "Portion",
    "SetAside",
    "stream_cohort",
    "stream_stored",
    "stream_table",
    "ScoreReport",
    "read_scores",
    "export_csv",
    "is_table",
    "read_table",
]
