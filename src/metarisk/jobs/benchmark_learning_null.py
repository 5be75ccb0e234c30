"""What the network says where there is nothing to find: every patient has the same truth."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.jobs.benchmark_learning_trial import Trial, true_answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metarisk.train.figures import Question

REDRAWS = 400
NOTHING = {"signal": 0.0, "background": 0.0}

DoubleArray = NDArray[np.float64]


class Nothing(NamedTuple):
    """One question among the held-out patients of a cohort without signal.

    Attributes
    ----------
    question
        Endpoint, and ``@<days>`` for dated ones.
    auroc, lower, upper
        With its 95 % interval over patients.
    calibration_p
        Chance that labels drawn from the predicted probabilities show as large a calibration error as the
        real ones; NaN for dated questions.
    rate_calibration_p
        The same of a model that knows nothing but the rate among its training patients: that rate has an
        error of its own.
    error
        Root mean square distance of the predicted probability from the true one.
    rate_error
        What is expected of the model that knows nothing but the rate.
    """

    question: str
    auroc: float
    lower: float
    upper: float
    calibration_p: float
    rate_calibration_p: float
    error: float
    rate_error: float


def judge_nothing(trial: Trial, answers: Mapping[Question, DoubleArray], resamples: int) -> list[Nothing]:
    """Each question's discrimination and calibration where the truth is one number."""
    from metarisk.metrics import bootstrap
    from metarisk.metrics.discrimination import weighted_auroc
    from metarisk.metrics.intervals import reweighted
    from metarisk.train.figures import EVER, judged_by

    truth, rows = true_answers(trial), []
    test, training = trial.test, trial.training
    for question, probability in answers.items():
        judged = judged_by(test.endpoints, question, training.endpoints)
        said, dated = probability[judged.rows], question.horizon_days != EVER
        statistic = reweighted(partial(weighted_auroc, said, judged.label), judged.weight)
        events = int(judged.label.sum())
        found = bootstrap(statistic, test.patient_ids[judged.rows], events=events, resamples=resamples)
        chance = truth[question]
        known = judged_by(training.endpoints, question, training.endpoints)
        rate = np.full(len(said), np.average(known.label, weights=known.weight))
        p, rate_p = (
            float("nan") if dated else calibration_p(values, judged.label, trial.experiment.seed)
            for values in (said, rate)
        )
        rows.append(
            Nothing(
                f"{question.endpoint}@{question.horizon_days:g}" if dated else question.endpoint,
                found.value,
                found.lower,
                found.upper,
                p,
                rate_p,
                float(np.sqrt(np.mean((probability - chance) ** 2))),
                float(np.sqrt(chance.mean() * (1.0 - chance.mean()) / len(known.rows))),
            )
        )
    return rows


def calibration_p(probability: DoubleArray, label: DoubleArray, seed: int, redraws: int = REDRAWS) -> float:
    """Chance, were the probabilities right, of a calibration error as large as that of the labels.

    One is added to both counts, so that it is never 0 (Davison and Hinkley 1997, 4.11).
    """
    from metarisk.metrics import expected_calibration_error

    rng = np.random.default_rng(seed)
    seen = expected_calibration_error(probability, label)
    drawn = [
        expected_calibration_error(probability, (rng.random(len(probability)) < probability).astype(float))
        for _ in range(redraws)
    ]
    return float((1 + np.sum(np.array(drawn) >= seen)) / (redraws + 1))
