"""Whether dated answers rank held-out patients by when the event came: Harrell's and Uno's c."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from metarisk.metrics.concordance import censoring_weighted, weighted_concordance
from metarisk.metrics.intervals import bootstrap
from metarisk.train.figures import EVER, FIGURE_COLUMNS, OURS, Answers, Question, followed, training_censoring
from metarisk.train.fold_statistics import HARRELL, UNO
from metarisk.train.held_out import HeldOut


def concordance_figures(answers: Answers, held_out: HeldOut) -> pd.DataFrame:
    """Concordance of our dated answers, in the columns of `metarisk.train.figures.held_out_figures`.

    ``harrell_c`` and ``uno_c`` (1 is perfect, 0.5 chance), of the events before the horizon; a competing
    event is never to have the event (`metarisk.metrics.concordance`).

    Parameters
    ----------
    answers
        Question -> probability of each sample, shape (N,).
    held_out
        The samples.
    """
    dated = [question for question in answers if question.horizon_days != EVER]
    rows = [row for question in dated for row in _rows_of(question, answers, held_out)]
    return pd.DataFrame(rows, columns=list(FIGURE_COLUMNS))


def _rows_of(question: Question, answers: Answers, held_out: HeldOut) -> Iterator[dict[str, Any]]:
    time, event = followed(held_out.endpoints, question.endpoint)
    known = np.flatnonzero(~np.isnan(time) & ~np.isnan(event))
    code = event[known].astype(np.int64)
    before = int(((code == 1) & (time[known] < question.horizon_days)).sum())
    if before < 2 or before > len(known) - 2:
        return
    censoring = training_censoring(held_out.training, question.endpoint)
    uno = censoring_weighted(time[known], code, censoring, question.horizon_days)
    harrell = replace(uno, inverse=np.ones(len(known)))
    for metric, follow_up in ((HARRELL, harrell), (UNO, uno)):
        ranks = partial(weighted_concordance, answers[question][known], follow_up)
        resamples = held_out.section.bootstrap
        interval = bootstrap(ranks, held_out.patients[known], events=before, resamples=resamples)
        yield {"model": OURS, **question._asdict(), "metric": metric, "stratum": "all", **interval._asdict()}
