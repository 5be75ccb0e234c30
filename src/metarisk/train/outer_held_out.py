"""Answers of fits that each held out a part, as those of one model for all samples that were tested."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.schema.endpoints import event_column, time_column
from metarisk.train.figures import EVER, OURS, Answers
from metarisk.train.held_out import HeldOut
from metarisk.train.outer import UNTESTED, OuterSplit


def samples_judged(
    models: Mapping[str, Answers], cohort: Cohort, split: OuterSplit, section: EvaluationSection
) -> tuple[dict[str, Answers], HeldOut]:
    """Tested samples with the answers for them; what ours was not asked of a sample counts as unknown.

    Parameters
    ----------
    models
        Model -> question -> probability of each sample of the cohort, NaN where no fit answered, shape (N,);
        `OURS` among them.
    cohort
        All samples.
    split
        The parts.
    section
        Resamples, stratum and its least events.

    Returns
    -------
    tuple
        The same answers, shape (n,), and the n tested samples. Censoring weights come from all samples: each
        fit learned from nearly all of them.
    """
    rows = np.flatnonzero(split.part_of != UNTESTED)
    answers: dict[str, Answers] = {
        name: {question: answer[rows] for question, answer in known.items()} for name, known in models.items()
    }
    endpoints = cohort.endpoints.iloc[rows].copy()
    for question, answer in answers[OURS].items():
        columns = [question.endpoint]
        if question.horizon_days != EVER:
            columns = [time_column(question.endpoint), event_column(question.endpoint)]
        for column in columns:
            endpoints[column] = endpoints[column].where(np.isfinite(answer))
    return answers, HeldOut(endpoints, cohort.endpoints, cohort.clinical.iloc[rows], section)
