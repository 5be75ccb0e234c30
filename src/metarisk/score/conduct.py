"""How a scoring job is carried out, and who looks on: nothing here changes a number or a byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from metarisk.data.cohort import Cohort
from metarisk.score.engine import Engine
from metarisk.score.report import ScoreReport

# Whole blocks of `metarisk.models.ensemble.ROWS_AT_A_TIME`; few enough that whole genomes are no burden.
SAMPLES_AT_A_TIME = 256

OnProgress = Callable[[str, int, int], None]  # stage, how far, of how much


def _silent(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Hooks:
    """What is called on the way, in this order; an error that one raises ends the job, resumable.

    Attributes
    ----------
    input_seen
        Samples, portion by portion: all that the table will have, those that an earlier
        process scored included, so that what is added up over them is the same after an interruption. How the
        input is cut into portions is always the same for the same input.
    scores_composed
        Rows of the table, row group by row group, in its order.
    finishing
        Draft of the result's folder, before it appears, and the report. Files added there are listed with
        their hashes in the manifest.
    """

    input_seen: Callable[[Cohort], None] = _silent
    scores_composed: Callable[[pd.DataFrame], None] = _silent
    finishing: Callable[[Path, ScoreReport], None] = _silent


@dataclass(frozen=True)
class Conduct:
    """How a job is carried out.

    Attributes
    ----------
    engine
        Who scores; this process, on one thread, if None.
    progress
        Told the stage, how far it is, and of how much.
    stop
        Asked between parts; once it is True the job ends with `StoppedError` and can go on later.
    hooks
        Who looks on.
    samples_at_a_time
        Samples of a part.
    """

    engine: Engine | None = None
    progress: OnProgress = _silent
    stop: Callable[[], bool] = lambda: False
    hooks: Hooks = field(default_factory=Hooks)
    samples_at_a_time: int = SAMPLES_AT_A_TIME
