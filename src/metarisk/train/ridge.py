"""Ridge logistic regression whose penalty is tuned on patients it holds out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metarisk.train.examples import (
    Examples,
    Features,
    Floats,
    inner_splits,
    labelled,
    labelled_by_horizon,
    telling_columns,
)
from metarisk.train.standardised import Scaling

_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C, the inverse strength of the ridge
_FEWEST_DIFFERING = 5
_MOST_COLUMNS = 4000


@dataclass(frozen=True)
class Ridge:
    """A fitted ridge logistic regression; an unknown value is taken at the training median.

    Attributes
    ----------
    columns
        Columns of X that it reads, shape (C,).
    scaling
        Medians, means and standard deviations of these columns.
    coefficients, intercept
        In log odds a standard deviation, shape (C,), and in log odds; higher = the event is likelier.
    penalty
        The C that the inner patients chose: the inverse strength of the ridge.
    """

    columns: NDArray[np.intp]
    scaling: Scaling
    coefficients: Floats
    intercept: float
    penalty: float

    def predict(self, X: Features) -> Floats:
        """P(event) of each row, (N, F) -> (N,)."""
        log_odds = self.scaling.apply(X[:, self.columns]) @ self.coefficients + self.intercept
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -80, 80))), dtype=np.float64)


def fit_linear(X: Features, y: NDArray[Any], *, seed: int, groups: NDArray[Any]) -> Ridge:
    """Ridge logistic regression of a yes / no target on standardised columns.

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
    return _fit(labelled(X, y, np.ones(len(X)), groups), seed)


def fit_linear_horizon(
    X: Features,
    time: NDArray[Any],
    event_code: NDArray[Any],
    *,
    horizon: float,
    seed: int,
    groups: NDArray[Any],
) -> Ridge:
    """Ridge logistic regression of "the event of cause 1 by the horizon", weighted for censoring.

    Parameters
    ----------
    X, time, event_code, horizon, groups
        As in `metarisk.train.examples.labelled_by_horizon`.
    seed
        Equal seeds give equal models.

    Raises
    ------
    InputError
        As `fit_linear`, or if a time or code is negative.
    """
    return _fit(labelled_by_horizon(X, time, event_code, horizon, groups), seed)


def _fit(examples: Examples, seed: int) -> Ridge:
    losses = [_losses(training, held) for training, held in inner_splits(examples, seed)]
    penalty = _PENALTIES[int(np.argmin(np.mean(losses, axis=0)))]
    columns = _columns(examples)
    scaling = Scaling.of(examples.X[:, columns])
    scaled = scaling.apply(examples.X[:, columns])
    coefficients, intercept = next(_path(scaled, examples, (penalty,)))
    return Ridge(columns, scaling, coefficients, intercept, penalty)


def _losses(training: Examples, held: Examples) -> Floats:
    """Log loss of the held-out patients at each penalty, shape (penalties,)."""
    columns = _columns(training)
    scaling = Scaling.of(training.X[:, columns])
    scaled, scaled_held = scaling.apply(training.X[:, columns]), scaling.apply(held.X[:, columns])
    losses = []
    for coefficients, intercept in _path(scaled, training, _PENALTIES):
        signed = (scaled_held @ coefficients + intercept) * (2.0 * held.y - 1.0)
        losses.append(np.average(np.logaddexp(0.0, -signed), weights=held.weight))
    return np.array(losses)


def _path(scaled: Floats, examples: Examples, penalties: tuple[float, ...]) -> Iterator[tuple[Floats, float]]:
    """Coefficients (C,) and intercept at each penalty, each started from the one before."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(tol=1e-4, max_iter=1000, warm_start=True)
    for penalty in penalties:
        model.set_params(C=penalty).fit(scaled, examples.y, sample_weight=examples.weight)
        yield model.coef_[0].copy(), float(model.intercept_[0])


def _columns(training: Examples) -> NDArray[np.intp]:
    return telling_columns(training, least=_FEWEST_DIFFERING, most=_MOST_COLUMNS)
