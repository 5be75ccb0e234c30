"""Elastic-net Cox regression of each cause, and the probability of the first by a horizon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError
from metarisk.metrics.inputs import check_follow_up
from metarisk.train.elastic_net import LinearPredictor, read_columns, scaled_rows
from metarisk.train.examples import Examples, Features, Floats, held_out_rows
from metarisk.train.penalty_choice import FOLDS, InnerSplit, NetChoice, Problem, tuned

# Below this many events competing causes are one hazard for everybody: nothing could be tuned.
FEWEST_COMPETING = 20


class Followed(NamedTuple):
    """Rows with known follow-up.

    Attributes
    ----------
    X
        Shape (N, F), NaN where unknown.
    time
        Days to the event or to last contact, shape (N,).
    event
        True where the cause's event was seen, shape (N,); another cause's ends follow-up.
    groups
        Patient of each row, shape (N,).
    """

    X: Features
    time: Floats
    event: NDArray[np.bool_]
    groups: NDArray[Any]

    def take(self, rows: NDArray[Any]) -> Followed:
        """Rows by index or mask."""
        return Followed(self.X[rows], self.time[rows], self.event[rows], self.groups[rows])

    @property
    def examples(self) -> Examples:
        """The same with whether the event was seen as label, for choosing columns."""
        return Examples(self.X, self.event.astype(np.float64), np.ones(len(self.X)), self.groups)


@dataclass(frozen=True)
class CoxLoss:
    """Minus the log partial likelihood, divided by the rows; ties after Breslow.

    Attributes
    ----------
    times
        Distinct times, ascending, shape (K,).
    position
        Time of each row, 0 .. K - 1, shape (N,).
    event
        1.0 where the event was seen, shape (N,).
    deaths
        Events at each time, shape (K,).
    """

    times: Floats
    position: NDArray[np.intp]
    event: Floats
    deaths: Floats

    @classmethod
    def of(cls, followed: Followed) -> CoxLoss:
        """Loss of followed rows."""
        times, position = np.unique(followed.time, return_inverse=True)
        event = followed.event.astype(np.float64)
        deaths = np.zeros(len(times))
        np.add.at(deaths, position, event)
        return cls(times, position, event, deaths)

    def value(self, predictor: Floats) -> float:
        """Mean loss at log hazards of shape (N,)."""
        highest = float(predictor.max())
        dead = self.deaths > 0
        at_risk = np.log(self._at_risk(np.exp(predictor - highest))[dead]) + highest
        return float(self.deaths[dead] @ at_risk - self.event @ predictor) / len(predictor)

    def slopes(self, predictor: Floats) -> tuple[Floats, Floats]:
        """Minus the first derivative, and the second's diagonal without what makes it smaller, (N,) each."""
        hazard = np.exp(predictor - predictor.max())
        expected = hazard * np.cumsum(self._increments(hazard))[self.position]
        return (self.event - expected) / len(predictor), expected / len(predictor)

    def baseline(self, predictor: Floats) -> Floats:
        """Breslow's jumps of the cumulative hazard at log hazard 0 at each of ``times``, shape (K,)."""
        return self._increments(np.exp(predictor))

    def _at_risk(self, hazard: Floats) -> Floats:
        here = np.bincount(self.position, weights=hazard, minlength=len(self.times))
        return np.asarray(here[::-1].cumsum()[::-1])

    def _increments(self, hazard: Floats) -> Floats:
        return np.asarray(self.deaths / np.maximum(self._at_risk(hazard), 1e-300))


@dataclass(frozen=True)
class CauseHazard:
    """Hazard of one cause.

    Attributes
    ----------
    predictor
        Log hazard beside the baseline; None where the cause has too few events to be told apart.
    times
        Distinct times of the training rows, ascending, shape (K,).
    baseline
        Jumps of the cumulative hazard at log hazard 0, shape (K,).
    choice
        What the inner patients chose.
    """

    predictor: LinearPredictor | None
    times: Floats
    baseline: Floats
    choice: NetChoice | None

    def relative(self, X: Features) -> Floats:
        """Hazard beside the baseline, (N, F) -> (N,); higher is worse."""
        if self.predictor is None:
            return np.ones(len(X))
        return np.asarray(np.exp(np.clip(self.predictor.of(X), -30, 30)))


@dataclass(frozen=True)
class CoxNet:
    """Fitted cause-specific hazards.

    Attributes
    ----------
    cause
        Of the event asked for.
    competing
        Of all other causes together; None where nothing competed.
    """

    cause: CauseHazard
    competing: CauseHazard | None

    def predict(self, X: Features, horizon: float) -> Floats:
        """P(event of the cause by the horizon, in days) of each row, (N, F) -> (N,).

        Both hazards are added up over the training times: the cumulative incidence, not one minus a survival
        that pretends that nobody dies. Between two jumps hazards are even, so that shares stay within 0 .. 1.
        """
        relative = self.cause.relative(X)
        other = np.zeros(len(X)) if self.competing is None else self.competing.relative(X)
        free, incidence = np.ones(len(X)), np.zeros(len(X))
        for place in np.flatnonzero(self.cause.times <= horizon):
            ours = self.cause.baseline[place] * relative
            theirs = 0.0 if self.competing is None else self.competing.baseline[place] * other
            total = ours + theirs
            leaving = -np.expm1(-total) * free
            incidence += leaving * np.divide(ours, total, out=np.zeros(len(X)), where=total > 0)
            free -= leaving
        return np.minimum(incidence, 1.0)  # sums round


def fit_cox_net(
    X: Features, time: NDArray[Any], event_code: NDArray[Any], *, seed: int, groups: NDArray[Any]
) -> CoxNet:
    """Elastic-net Cox regression of cause 1, and of all competing causes together where there are any.

    A competing event ends follow-up in the hazard of cause 1 (a cause-specific hazard), and takes patients
    away in its probability. Each hazard has its own penalty, by the cross-validated partial likelihood of
    Verweij & van Houwelingen, Cross-validation in survival analysis, Stat Med 1993.

    Parameters
    ----------
    X
        Shape (N, F), NaN where unknown. Of more than four thousand telling columns it reads those most
        correlated with having the event, chosen anew inside each inner split.
    time
        Days to the event or to last contact, NaN unknown (left out), shape (N,).
    event_code
        0 censored, 1 the cause, 2 .. competing causes, NaN unknown (left out), shape (N,).
    seed
        Equal seeds give equal models.
    groups
        Patient of each row, shape (N,): no patient is on both sides of an inner split.

    Raises
    ------
    InputError
        If fewer than two patients have the event, or a time or code is negative.
    """
    time, code = np.asarray(time, dtype=np.float64), np.asarray(event_code, dtype=np.float64)
    known = ~(np.isnan(time) | np.isnan(code))
    X, time, code, groups = X[known], time[known], code[known], groups[known]
    check_follow_up(time, code)
    patients = len(np.unique(groups[code == 1]))
    if patients < 2:
        raise InputError(
            f"the dated target has {patients} patients with the event",
            expected="at least two",
            do="Leave the target out of the baselines, or add patients.",
        )
    cause = _fit_hazard(Followed(X, time, code == 1, groups), seed)
    competing = Followed(X, time, code > 1, groups)
    events = int(competing.event.sum())
    if not events:
        return CoxNet(cause, None)
    return CoxNet(cause, _fit_hazard(competing, seed) if events >= FEWEST_COMPETING else _even(competing))


def _fit_hazard(followed: Followed, seed: int) -> CauseHazard:
    columns, scaling = read_columns(followed.examples)
    loss = CoxLoss.of(followed)
    rows = scaled_rows(followed.X, columns, scaling, ones=False)
    coefficients, choice = tuned(Problem(rows, loss, intercept=False), _inner(followed, seed))
    predictor = LinearPredictor(columns, scaling, coefficients)
    return CauseHazard(predictor, loss.times, loss.baseline(coefficients @ rows), choice)


def _even(followed: Followed) -> CauseHazard:
    """The same hazard for every row: Nelson and Aalen's."""
    loss = CoxLoss.of(followed)
    return CauseHazard(None, loss.times, loss.baseline(np.zeros(len(followed.X))), None)


def _inner(followed: Followed, seed: int) -> Iterator[InnerSplit]:
    examples = followed.examples
    for held in held_out_rows(examples, seed, FOLDS):
        training, events = followed.take(~held), float(followed.event[held].sum())
        if not events or not training.event.any():
            continue
        columns, scaling = read_columns(training.examples)
        everybody = scaled_rows(followed.X, columns, scaling, ones=False)
        inner = np.ascontiguousarray(everybody[:, ~held])
        loss = CoxLoss.of(training)
        judge = partial(_left_over, (everybody, CoxLoss.of(followed)), (inner, loss), events)
        yield InnerSplit(Problem(inner, loss, intercept=False), judge)


def _left_over(
    whole: tuple[Floats, CoxLoss], part: tuple[Floats, CoxLoss], events: float, coefficients: Floats
) -> float:
    """Partial likelihood of everybody less that of the inner training patients, an event held out."""
    total, known = (loss.value(coefficients @ rows) * len(loss.event) for rows, loss in (whole, part))
    return (total - known) / events
