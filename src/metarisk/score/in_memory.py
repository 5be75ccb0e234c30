"""Score a cohort that is in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.data.cohort import Cohort
from metarisk.score.conduct import SAMPLES_AT_A_TIME, Conduct
from metarisk.score.job import score_stream
from metarisk.score.report import ScoreReport
from metarisk.score.stream import stream_cohort

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle


def score_to(
    bundle: ModelBundle,
    cohort: Cohort,
    out: Path,
    *,
    overwrite: bool = False,
    samples_at_a_time: int = SAMPLES_AT_A_TIME,
) -> ScoreReport:
    """Write the scores of a cohort; arguments, bytes and errors are those of `score_stream`.

    Parameters
    ----------
    cohort
        Samples; it is kept whole, a part of it at a time as features.
    samples_at_a_time
        Samples of a part; it changes no byte.
    """
    conduct = Conduct(samples_at_a_time=samples_at_a_time)
    return score_stream(bundle, stream_cohort(cohort), out, overwrite=overwrite, conduct=conduct)
