"""The elastic net's mixture and strength, chosen on patients held out inside the training data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from metarisk.train.descent import Loss, Penalty, path, strengths_of
from metarisk.train.examples import Floats

SHARES = (0.05, 0.5, 1.0)
FOLDS = 5  # inner folds; a path costs seconds, and what a net keeps varies more than what trees do
_PATIENCE = 8  # strengths without a better held-out loss, after which a path is left


class NetChoice(NamedTuple):
    """What the inner patients chose.

    Attributes
    ----------
    share
        Of the lasso, 0 .. 1; the rest is ridge.
    strength
        Of the whole penalty, beside a mean loss.
    """

    share: float
    strength: float


class Problem(NamedTuple):
    """Rows that coefficients are fitted to.

    Attributes
    ----------
    columns
        Standardised, one a row, shape (C, N), contiguous.
    loss
        Mean over the rows.
    intercept
        True where the last column is all ones and not penalised.
    """

    columns: Floats
    loss: Loss
    intercept: bool

    def penalty(self, share: float) -> Penalty:
        """The elastic net over its columns."""
        free = np.zeros(len(self.columns), dtype=bool)
        free[-1:] = self.intercept
        return Penalty(share, free)


class InnerSplit(NamedTuple):
    """Inner training patients, and how those held out judge coefficients.

    Attributes
    ----------
    problem
        Of the inner training patients.
    judge
        Loss of the held-out patients at coefficients of shape (C,); lower is better.
    """

    problem: Problem
    judge: Callable[[Floats], float]


def tuned(problem: Problem, inner: Iterable[InnerSplit]) -> tuple[Floats, NetChoice]:
    """Coefficients on all rows, at the mixture and strength with the least mean held-out loss.

    Parameters
    ----------
    problem
        All training rows.
    inner
        Splits of them by whole patients.

    Returns
    -------
    tuple
        Coefficients, shape (C,), and what was chosen.
    """
    grids = [strengths_of(problem.columns, problem.loss, problem.penalty(share)) for share in SHARES]
    losses = np.mean(
        [[_held_out(split, *at) for at in zip(SHARES, grids, strict=True)] for split in inner], 0
    )
    share, place = np.unravel_index(int(np.argmin(losses)), losses.shape)
    choice = NetChoice(SHARES[share], float(grids[share][place]))
    down = path(problem.columns, problem.loss, problem.penalty(choice.share), grids[share][: place + 1])
    *_, coefficients = down
    return coefficients, choice


def _held_out(split: InnerSplit, share: float, strengths: Floats) -> Floats:
    """Held-out loss at each strength; infinite below the one where it had long stopped falling."""
    losses = np.full(len(strengths), np.inf)
    problem = split.problem
    down = path(problem.columns, problem.loss, problem.penalty(share), strengths)
    for place, coefficients in enumerate(down):
        losses[place] = split.judge(coefficients)
        if place - int(np.argmin(losses)) >= _PATIENCE:
            break
    return losses
