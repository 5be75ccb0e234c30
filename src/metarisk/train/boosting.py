"""Histogram gradient boosting that tunes itself on patients it holds out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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

_MOST_TREES = 300
_PATIENCE = 10
_SMALLEST_LEAF = 20
_MOST_COLUMNS = 1000
_MOST_CELLS = 3e6
_MOST_BINS = 63


@dataclass(frozen=True)
class BoostingChoice:
    """Settings of a boosting model.

    Attributes
    ----------
    trees
        How many trees.
    learning_rate, leaves, l2, leaf_rows
        Shrinkage, most leaves a tree, ridge on leaf values, least rows in a leaf.
    """

    trees: int
    learning_rate: float = 0.1
    leaves: int = 15
    l2: float = 1.0
    leaf_rows: int = _SMALLEST_LEAF


# Tuned one after the other, each from the best so far: the whole grid has 36 corners, this asks for 6.
_SEARCH: tuple[tuple[dict[str, Any], ...], ...] = (
    ({"leaves": 7}, {"leaves": 31}),
    ({"l2": 10.0}, {"leaf_rows": 50}),
    ({"learning_rate": 0.05},),
)


@dataclass(frozen=True)
class Boosting:
    """A fitted boosting model; an unknown value takes the branch that fitted it best.

    Attributes
    ----------
    model
        Fitted scikit-learn classifier.
    columns
        Columns of X that it reads.
    choice
        What the inner patients chose.
    """

    model: Any
    columns: NDArray[np.intp]
    choice: BoostingChoice

    def predict(self, X: Features) -> Floats:
        """P(event) of each row, (N, F) -> (N,)."""
        return np.asarray(self.model.predict_proba(X[:, self.columns])[:, 1], dtype=np.float64)


def fit_boosting(X: Features, y: NDArray[Any], *, seed: int, groups: NDArray[Any]) -> Boosting:
    """Gradient boosting of a yes / no target.

    Parameters
    ----------
    X
        Shape (N, F), NaN where unknown. Of more than a thousand telling columns, or more than three million
        cells that differ from their column's commonest value (375 continuous columns of 8,000 rows), it reads
        those most correlated with the label, chosen anew inside each inner split.
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


def fit_boosting_horizon(
    X: Features,
    time: NDArray[Any],
    event_code: NDArray[Any],
    *,
    horizon: float,
    seed: int,
    groups: NDArray[Any],
) -> Boosting:
    """Gradient boosting of "the event of cause 1 by the horizon", weighted for censoring.

    Parameters
    ----------
    X, time, event_code, horizon, groups
        As in `metarisk.train.examples.labelled_by_horizon`.
    seed
        Equal seeds give equal models.

    Raises
    ------
    InputError
        As `fit_boosting`, or if a time or code is negative.
    """
    return _fit(labelled_by_horizon(X, time, event_code, horizon, groups), seed)


def _fit(examples: Examples, seed: int) -> Boosting:
    choice = _search([_readable(*split) for split in inner_splits(examples, seed)], seed)
    columns = _columns(examples)
    model = _booster(choice, seed).fit(examples.X[:, columns], examples.y, sample_weight=examples.weight)
    return Boosting(model, columns, choice)


def _readable(training: Examples, held: Examples) -> tuple[Examples, Examples]:
    columns = _columns(training)
    return training.read(columns), held.read(columns)


def _columns(training: Examples) -> NDArray[np.intp]:
    return telling_columns(training, least=_SMALLEST_LEAF, most=_MOST_COLUMNS, cells=_MOST_CELLS)


def _search(inner: Sequence[tuple[Examples, Examples]], seed: int) -> BoostingChoice:
    """Best settings of the coordinate search, with the number of trees that the inner patients stopped at."""
    loss, best = _judge(BoostingChoice(_MOST_TREES), inner, seed)
    for changes in _SEARCH:
        start = replace(best, trees=_MOST_TREES)
        trials = [_judge(replace(start, **change), inner, seed) for change in changes]
        loss, best = min([(loss, best), *trials], key=lambda trial: trial[0])
    return best


def _judge(
    choice: BoostingChoice, inner: Sequence[tuple[Examples, Examples]], seed: int
) -> tuple[float, BoostingChoice]:
    """Log loss on the held-out patients at the best number of trees, and the choice with that number."""
    losses, trees = [], []
    for training, held in inner:
        model = _booster(choice, seed, early_stopping=True).fit(
            training.X,
            training.y,
            sample_weight=training.weight,
            X_val=held.X,
            y_val=held.y,
            sample_weight_val=held.weight,
        )
        scores = np.asarray(model.validation_score_)  # minus the loss; the first is without any tree
        losses.append(-float(scores.max()))
        trees.append(int(scores.argmax()))
    return float(np.mean(losses)), replace(choice, trees=max(1, round(float(np.mean(trees)))))


def _booster(choice: BoostingChoice, seed: int, *, early_stopping: bool = False) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        learning_rate=choice.learning_rate,
        max_iter=choice.trees,
        max_leaf_nodes=choice.leaves,
        min_samples_leaf=choice.leaf_rows,
        l2_regularization=choice.l2,
        max_bins=_MOST_BINS,
        early_stopping=early_stopping,
        n_iter_no_change=_PATIENCE,
        random_state=seed,
    )
