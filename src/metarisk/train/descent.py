"""Elastic-net paths of any convex loss of a linear predictor, by coordinate descent over active columns.

The minimised objective is ``loss(X b) + strength * (share * |b|_1 + (1 - share) / 2 * |b|_2^2)``, the loss a
mean over rows: Friedman, Hastie & Tibshirani, Regularization paths for generalized linear models via
coordinate descent, J Stat Softw 2010; for Cox, Simon et al., J Stat Softw 2011.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metarisk.train.examples import Floats

STRENGTHS = 40
_TOLERANCE = 1e-9  # largest curvature x change^2 of one coefficient: thrice as fine as moves a log odds
_MOST_PASSES = 1000
_MOST_STEPS = 50
_REORDERED = {"reassoc", "contract"}  # sums over rows may be taken several at a time


class Loss(Protocol):
    """A mean over rows, convex in their linear predictors."""

    def value(self, predictor: Floats) -> float:
        """Mean loss at linear predictors of shape (N,)."""

    def slopes(self, predictor: Floats) -> tuple[Floats, Floats]:
        """Minus the first derivative, and a curvature no smaller than the second, shape (N,) each."""


class Penalty(NamedTuple):
    """The elastic net.

    Attributes
    ----------
    share
        Of the lasso, 0 .. 1; the rest is ridge.
    free
        True for columns that are not penalised (the intercept), shape (C,).
    """

    share: float
    free: NDArray[np.bool_]

    def lasso(self, strength: float) -> Floats:
        """Weight of each coefficient's size, shape (C,)."""
        return np.where(self.free, 0.0, strength * self.share)

    def ridge(self, strength: float) -> Floats:
        """Weight of half of each coefficient's square, shape (C,)."""
        return np.where(self.free, 0.0, strength * (1.0 - self.share))


def strengths_of(columns: Floats, loss: Loss, penalty: Penalty) -> Floats:
    """Strengths from the least that leaves only free columns, downward on a log scale, `STRENGTHS` of them.

    Parameters
    ----------
    columns
        Standardised, one a row, shape (C, N).
    loss, penalty
        What is minimised.
    """
    C, N = columns.shape
    null = _Fit(columns, loss)
    null.solve(penalty, np.inf, np.flatnonzero(penalty.free))
    gradient = np.where(penalty.free, 0.0, np.abs(null.gradient()))
    highest = max(float(gradient.max()), 1e-6) / max(penalty.share, 1e-3)
    return np.asarray(np.geomspace(highest, highest * (1e-3 if N > C else 2e-2), STRENGTHS))


def path(columns: Floats, loss: Loss, penalty: Penalty, strengths: Floats) -> Iterator[Floats]:
    """Coefficients at each strength, each started from the one before.

    Parameters
    ----------
    columns
        Standardised, one a row, shape (C, N), contiguous.
    loss, penalty
        What is minimised.
    strengths
        Descending.

    Yields
    ------
    Floats
        Shape (C,).
    """
    fit = _Fit(columns, loss)
    before = float(strengths[0])
    for strength in map(float, strengths):
        # Few columns outside the strong rule's ever enter: Tibshirani et al., J R Stat Soc B 2012.
        strong = np.abs(fit.gradient()) >= penalty.lasso(max(2 * strength - before, 0.0))
        active = np.flatnonzero(strong | penalty.free | (fit.coefficients != 0))
        while True:
            fit.solve(penalty, strength, active)
            beyond = np.abs(fit.gradient()) > penalty.lasso(strength) * (1 + 1e-6) + 1e-9
            entering = np.setdiff1d(np.flatnonzero(beyond), active)
            if not len(entering):
                break
            active = np.union1d(active, entering)
        before = strength
        yield fit.coefficients.copy()


class _Fit:
    """Coefficients on their way down a path."""

    def __init__(self, columns: Floats, loss: Loss) -> None:
        self.columns, self.loss = columns, loss
        self.coefficients = np.zeros(len(columns))
        self.predictor = np.zeros(columns.shape[1])

    def gradient(self) -> Floats:
        """Minus the derivative of the loss by each coefficient, shape (C,)."""
        return np.asarray(self.columns @ self.loss.slopes(self.predictor)[0])

    def solve(self, penalty: Penalty, strength: float, active: NDArray[np.intp]) -> None:
        """Minimise over the active columns, the others as they are."""
        weights = np.zeros((2, len(self.columns)))
        if np.isfinite(strength):
            weights = np.stack([penalty.lasso(strength), penalty.ridge(strength)])
        objective = self._objective(self.predictor, self.coefficients, weights)
        for _ in range(_MOST_STEPS):
            slope, curvature = self.loss.slopes(self.predictor)
            aim = self.coefficients.copy()
            _descend(self.columns, active, np.stack([slope, curvature]), aim, weights, _TOLERANCE)
            change = aim - self.coefficients
            moved = change[active] @ self.columns[active]
            length, objective = self._step(change, moved, weights, objective)
            if length**2 * float(curvature @ moved**2) < 10 * _TOLERANCE:
                break

    def _step(self, change: Floats, moved: Floats, weights: Floats, before: float) -> tuple[float, float]:
        """Go the whole way, or half of it as often as the objective would rise; length and objective."""
        length = 1.0
        while True:
            coefficients = self.coefficients + length * change
            predictor = self.predictor + length * moved
            after = self._objective(predictor, coefficients, weights)
            if after <= before + 1e-12 * abs(before) or length < 1e-3:
                break
            length /= 2
        self.coefficients, self.predictor = coefficients, predictor
        return length, after

    def _objective(self, predictor: Floats, coefficients: Floats, weights: Floats) -> float:
        penalty = weights[0] @ np.abs(coefficients) + weights[1] @ coefficients**2 / 2
        return self.loss.value(predictor) + float(penalty)


def _compiled(function: Callable[..., Any]) -> Any:
    """Machine code, kept on disk where a folder for it can be written."""
    try:
        return njit(function, nogil=True, cache=True, fastmath=_REORDERED, error_model="numpy")
    except RuntimeError:  # no folder: compiled again in each process
        return njit(function, nogil=True, fastmath=_REORDERED, error_model="numpy")


def _bends_slowly(columns: Floats, active: NDArray[np.intp], curvature: Floats) -> Floats:
    """Second derivative of the quadratic by each active coefficient, shape (active,)."""
    bends = np.zeros(len(active))
    for k in range(len(active)):
        x = columns[active[k]]
        total = 0.0
        for i in range(len(curvature)):
            total += curvature[i] * x[i] * x[i]
        bends[k] = total
    return bends


_bends = _compiled(_bends_slowly)


def _descend_slowly(
    columns: Floats,
    active: NDArray[np.intp],
    rows: Floats,
    coefficients: Floats,
    weights: Floats,
    tolerance: float,
) -> None:
    """Minimise the quadratic with these slopes and curvatures (2, N), coefficient by coefficient in place."""
    residual, curvature = rows[0], rows[1]
    bends = _bends(columns, active, curvature)
    for _ in range(_MOST_PASSES):
        largest = 0.0
        for k in range(len(active)):
            j = active[k]
            x, old = columns[j], coefficients[j]
            pull = bends[k] * old
            for i in range(len(residual)):
                pull += x[i] * residual[i]
            over = max(abs(pull) - weights[0, j], 0.0)
            new = np.sign(pull) * over / max(bends[k] + weights[1, j], 1e-12)
            change = new - old
            if change != 0.0:
                coefficients[j] = new
                for i in range(len(residual)):
                    residual[i] -= curvature[i] * x[i] * change
                largest = max(largest, bends[k] * change * change)
        if largest < tolerance:
            return


_descend = _compiled(_descend_slowly)
