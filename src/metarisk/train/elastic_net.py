"""Elastic-net logistic regression tuned on patients it holds out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metarisk.train.examples import (
    Examples,
    Features,
    Floats,
    inner_splits,
    labelled,
    telling_columns,
)
from metarisk.train.penalty_choice import FOLDS, InnerSplit, NetChoice, Problem, tuned
from metarisk.train.standardised import Scaling

_FEWEST_DIFFERING = 5
_MOST_COLUMNS = 4000


@dataclass(frozen=True)
class LinearPredictor:
    """Coefficients on standardised columns; an unknown value is taken at the training median.

    Attributes
    ----------
    columns
        Columns of X that it may read, shape (C,).
    scaling
        Medians, means and standard deviations of these columns.
    coefficients
        A standard deviation, shape (C,).
    """

    columns: NDArray[np.intp]
    scaling: Scaling
    coefficients: Floats

    def of(self, X: Features) -> Floats:
        """Linear predictor of each row, (N, F) -> (N,)."""
        return np.asarray(self.scaling.apply(X[:, self.columns]) @ self.coefficients)


@dataclass(frozen=True)
class ElasticNet:
    """A fitted elastic-net logistic regression.

    Attributes
    ----------
    predictor, intercept
        In log odds; higher = the event is likelier.
    choice
        What the inner patients chose.
    """

    predictor: LinearPredictor
    intercept: float
    choice: NetChoice

    def predict(self, X: Features) -> Floats:
        """P(event) of each row, (N, F) -> (N,)."""
        return _probability(self.predictor.of(X) + self.intercept)


@dataclass(frozen=True)
class LogisticLoss:
    """Mean logistic loss.

    Attributes
    ----------
    y
        0.0 or 1.0, shape (N,).
    share
        Of each row in the mean, shape (N,), summing to 1.
    """

    y: Floats
    share: Floats

    @classmethod
    def of(cls, examples: Examples) -> LogisticLoss:
        """Loss of labelled rows."""
        return cls(examples.y, examples.weight / examples.weight.sum())

    def value(self, predictor: Floats) -> float:
        """Mean loss at log odds of shape (N,)."""
        return float(self.share @ np.logaddexp(0.0, predictor * (1.0 - 2.0 * self.y)))

    def slopes(self, predictor: Floats) -> tuple[Floats, Floats]:
        """Minus the first derivative, and the second, shape (N,) each."""
        probability = _probability(predictor)
        spread = np.maximum(probability * (1.0 - probability), 1e-5)
        return self.share * (self.y - probability), self.share * spread


def fit_elastic_net(X: Features, y: NDArray[Any], *, seed: int, groups: NDArray[Any]) -> ElasticNet:
    """Elastic-net logistic regression of a yes / no target on standardised columns.

    Parameters
    ----------
    X
        Shape (N, F), NaN where unknown. Of more than four thousand telling columns it reads those most
        correlated with the label, chosen anew inside each inner split.
    y
        1 the event, 0 none, NaN unknown (left out), shape (N,).
    seed
        Equal seeds give equal models.
    groups
        Patient of each row, shape (N,): no patient is on both sides of an inner split.

    Raises
    ------
    InputError
        If lengths differ, or fewer than two patients have the event or are without it.
    """
    examples = labelled(X, y, np.ones(len(X)), groups)
    columns, scaling = read_columns(examples)
    coefficients, choice = tuned(_problem(examples, columns, scaling), _inner(examples, seed))
    predictor = LinearPredictor(columns, scaling, coefficients[:-1])
    return ElasticNet(predictor, float(coefficients[-1]), choice)


def read_columns(examples: Examples) -> tuple[NDArray[np.intp], Scaling]:
    """Columns that a net reads of training rows, and their scale; raises `InputError` where none tells."""
    columns = telling_columns(examples, least=_FEWEST_DIFFERING, most=_MOST_COLUMNS)
    return columns, Scaling.of(examples.X[:, columns])


def scaled_rows(X: Features, columns: NDArray[np.intp], scaling: Scaling, *, ones: bool) -> Floats:
    """Standardised columns as rows, (N, F) -> (C, N), with one of ones below them if asked for."""
    rows = scaling.apply(X[:, columns]).T
    return np.ascontiguousarray(np.vstack([rows, np.ones(len(X))]) if ones else rows)


def _problem(examples: Examples, columns: NDArray[np.intp], scaling: Scaling) -> Problem:
    rows = scaled_rows(examples.X, columns, scaling, ones=True)
    return Problem(rows, LogisticLoss.of(examples), intercept=True)


def _inner(examples: Examples, seed: int) -> Iterator[InnerSplit]:
    for training, held in inner_splits(examples, seed, FOLDS):
        columns, scaling = read_columns(training)
        judge = partial(
            _held_out_loss, scaled_rows(held.X, columns, scaling, ones=True), LogisticLoss.of(held)
        )
        yield InnerSplit(_problem(training, columns, scaling), judge)


def _held_out_loss(rows: Floats, loss: LogisticLoss, coefficients: Floats) -> float:
    return loss.value(coefficients @ rows)


def _probability(log_odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -80, 80))), dtype=np.float64)
