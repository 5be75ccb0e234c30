"""Patients that several models are judged on, question by question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.evaluation import EvaluationSection
from metarisk.metrics.intervals import Statistic, reweighted
from metarisk.train.figures import EVER, OURS, Answers, DoubleArray, Judged, Question, judged_by

# A figure of fewer events, or non-events, says nothing: its row stands with their number and without it.
TOO_FEW = 10


@dataclass(frozen=True)
class HeldOut:
    """Samples that no model was fitted on, and what happened to them.

    Attributes
    ----------
    endpoints
        What happened to the N samples.
    training
        Endpoints that censoring weights come from: the training samples', or of another cohort its own.
    clinical
        ``patient_id`` and what is known at baseline, N rows.
    section
        Resamples, stratum and its least events.
    """

    endpoints: pd.DataFrame
    training: pd.DataFrame
    clinical: pd.DataFrame
    section: EvaluationSection

    @property
    def patients(self) -> NDArray[np.str_]:
        """Patient of each sample, shape (N,)."""
        return self.clinical["patient_id"].to_numpy(dtype=str)

    def asked(self, models: Mapping[str, Answers]) -> Iterator[Asked]:
        """Questions of ours that two samples or more answer "yes" and as many "no", with all answers to them.

        Parameters
        ----------
        models
            Model -> question -> probability of each sample, shape (N,); `OURS` among them.
        """
        for question in models[OURS]:
            judged = judged_by(self.endpoints, question, self.training)
            if fewer(judged.label) >= 2:
                scores = {
                    name: known[question][judged.rows] for name, known in models.items() if question in known
                }
                yield Asked(question, judged, scores)


class Asked(NamedTuple):
    """A question, the samples it is judged on, and what each model answers for them.

    Attributes
    ----------
    question
        Endpoint and horizon.
    judged
        Rows that know the answer, n of them.
    scores
        Model -> probability, shape (n,).
    """

    question: Question
    judged: Judged
    scores: Mapping[str, DoubleArray]

    @property
    def names(self) -> dict[str, object]:
        """Endpoint and horizon as tables have them; NaN is "ever"."""
        horizon = np.nan if self.question.horizon_days == EVER else self.question.horizon_days
        return {"endpoint": self.question.endpoint, "horizon_days": horizon}

    def among(self, statistic: Statistic, rows: NDArray[np.intp]) -> Statistic:
        """Statistic of some of the n rows as one over all N samples, each row with its censoring weight."""
        samples, weight = self.judged.rows[rows], self.judged.weight[rows]
        weighted = statistic if bool((weight == 1).all()) else reweighted(statistic, weight)
        return lambda weights: weighted(np.take(weights, samples, axis=1))


def fewer(label: DoubleArray) -> int:
    """Rows of the rarer answer."""
    return int(min((label == 1).sum(), (label == 0).sum()))
