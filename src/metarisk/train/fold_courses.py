"""Figures of a dated endpoint as a whole: all its horizons judged as one curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from metarisk.metrics.censoring import HorizonStatus, status_at_horizon
from metarisk.metrics.courses import LEAST_HORIZONS, course_d_calibration, integrated_brier_terms
from metarisk.metrics.intervals import one_figure, weighted_mean
from metarisk.metrics.strata_names import POOLED
from metarisk.train.figures import EVER, Answers, Question, training_censoring
from metarisk.train.fold_questions import HeldOut, Tested, followed
from metarisk.train.fold_statistics import INTEGRATED_BRIER, Families, Figure

D_CALIBRATION = "d_calibration_p"


@dataclass(frozen=True)
class Course:
    """A dated endpoint, and each model's probabilities at all its horizons.

    Attributes
    ----------
    endpoint
        Its name.
    horizons
        Days, ascending, shape (H,).
    tested
        Samples with follow-up whom every model answered at each horizon; the scores are those at the last.
    time
        Days to the event or to last contact, shape (n,).
    event_code
        0 censored, 1 the event, 2 .. competing, shape (n,).
    statuses
        Status and censoring weight of each row at each horizon.
    probabilities
        Model -> shape (n, H).
    """

    endpoint: str
    horizons: NDArray[np.float64]
    tested: Tested
    time: NDArray[np.float64]
    event_code: NDArray[np.int64]
    statuses: tuple[HorizonStatus, ...]
    probabilities: Mapping[str, NDArray[np.float64]]

    def families(self) -> Families:
        """Integrated Brier score of each model."""
        return {
            (Figure(model, INTEGRATED_BRIER, POOLED),): one_figure(
                partial(weighted_mean, integrated_brier_terms(table, self.statuses, self.horizons))
            )
            for model, table in self.probabilities.items()
        }

    def d_calibration(self) -> dict[str, float]:
        """Model -> p value; none where events compete, or where the horizons are too few to be a curve."""
        if len(self.horizons) < LEAST_HORIZONS or self.event_code.max() > 1:
            return {}
        return {
            model: course_d_calibration(table, self.time, self.event_code, self.horizons)
            for model, table in self.probabilities.items()
        }


def course_of(endpoint: str, models: Mapping[str, Answers], held: HeldOut) -> Course | None:
    """Course of an endpoint over the horizons that every model answers; None with fewer than two of them.

    Parameters
    ----------
    endpoint
        Name of a dated endpoint.
    models
        Models whose answers are probabilities.
    held
        Cohort and split.
    """
    shared = set.intersection(*(set(answers) for answers in models.values()))
    days = sorted(asked.horizon_days for asked in shared if asked.endpoint == endpoint)
    horizons = np.array([horizon for horizon in days if horizon != EVER])
    if len(horizons) < 2:
        return None
    asked = [Question(endpoint, float(horizon)) for horizon in horizons]
    tables = {name: np.column_stack([answers[each] for each in asked]) for name, answers in models.items()}
    answered = np.isfinite(sum(table.sum(axis=1) for table in tables.values()))
    judged, follow_up = followed(asked[-1], held, answered)
    if not len(judged.rows):
        return None
    last = {name: table[:, -1] for name, table in tables.items()}
    probabilities = {name: table[judged.rows] for name, table in tables.items()}
    tested = held.tested(judged, last)
    time, code = follow_up.time.astype(np.float64), follow_up.event_code
    statuses = tuple(_status(each, held, tested, time, code) for each in asked)
    return Course(endpoint, horizons, tested, time, code, statuses, probabilities)


def _status(
    question: Question,
    held: HeldOut,
    tested: Tested,
    time: NDArray[np.float64],
    code: NDArray[np.int64],
) -> HorizonStatus:
    """Status at a horizon; each part has the censoring curve of the patients that its models learned from."""
    label, weight = np.zeros((2, len(time)))
    for number in np.unique(tested.part):
        inside = tested.part == number
        training = held.cohort.endpoints.iloc[held.split.split(int(number)).train_rows]
        censoring = training_censoring(training, question.endpoint)
        found = status_at_horizon(time[inside], code[inside], question.horizon_days, censoring)
        label[inside], weight[inside] = found
    return HorizonStatus(label, weight)
