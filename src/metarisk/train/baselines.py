"""Boosting and ridge regression on the inputs of the network's direct path: the rows to beat.

Each fit tunes itself on patients it holds out inside the training data, then fits on all of them. Inputs are
flat: X of shape (N, F), float32, NaN where a value is unknown. Threads are those OMP_NUM_THREADS allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError
from metarisk.metrics.censoring import censoring_curve, status_at_horizon

Features = NDArray[np.float32]
Floats = NDArray[np.float64]

_FOLDS = 5
_MANY_ROWS = 3000  # from here one held-out fold says enough; below it three are averaged
_MOST_TREES = 400
_PATIENCE = 10
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C, the inverse strength of the ridge
_FEWEST_DIFFERING = 5  # rows that must differ from a column's commonest value for a linear weight


class Baseline(Protocol):
    """A fitted model that answers one yes / no target."""

    def predict(self, X: Features) -> Floats:
        """P(event) of each row, (N, F) -> (N,); higher = the event is likelier."""


class Examples(NamedTuple):
    """Rows to learn from; every label is known.

    Attributes
    ----------
    X
        Shape (N, F), NaN where unknown.
    y
        0.0 or 1.0, shape (N,).
    weight
        Shape (N,).
    groups
        Patient of each row, shape (N,).
    """

    X: Features
    y: Floats
    weight: Floats
    groups: NDArray[Any]

    def take(self, rows: NDArray[Any]) -> Examples:
        """Rows by index or mask."""
        return Examples(self.X[rows], self.y[rows], self.weight[rows], self.groups[rows])


@dataclass(frozen=True)
class BoostingChoice:
    """Settings of a boosting model.

    Attributes
    ----------
    learning_rate, leaves, l2, leaf_rows
        Shrinkage, most leaves a tree, ridge on leaf values, least rows in a leaf.
    trees
        How many trees.
    """

    learning_rate: float = 0.1
    leaves: int = 15
    l2: float = 1.0
    leaf_rows: int = 20
    trees: int = _MOST_TREES


# Tuned one after the other, each from the best so far: the whole grid has 36 corners, this asks for 7.
_SEARCH: tuple[tuple[dict[str, Any], ...], ...] = (
    ({"leaves": 7}, {"leaves": 31}),
    ({"l2": 0.0}, {"l2": 10.0}),
    ({"leaf_rows": 50},),
    ({"learning_rate": 0.05},),
)


@dataclass(frozen=True)
class Boosting:
    """Histogram gradient boosting; unknown values take the branch that fitted them best.

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


@dataclass(frozen=True)
class Linear:
    """Ridge logistic regression on standardised columns, unknown values at the training median.

    Attributes
    ----------
    columns
        Columns of X that it reads, shape (C,).
    scaling
        Medians, means and standard deviations of these columns.
    coefficients, intercept
        In log odds a standard deviation, shape (C,), and log odds.
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
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -700, 700))), dtype=np.float64)


@dataclass(frozen=True)
class Scaling:
    """Median imputation and standardisation, learned on training rows; shape (C,) each."""

    median: Floats
    mean: Floats
    deviation: Floats

    def apply(self, X: Features) -> Floats:
        """Known, centred and scaled, (N, C) -> (N, C)."""
        return (np.where(np.isnan(X), self.median, X) - self.mean) / self.deviation


def fit_boosting(X: Features, y: NDArray[Any], *, seed: int, groups: NDArray[Any]) -> Boosting:
    """Gradient boosting of a yes / no target.

    Parameters
    ----------
    X
        Shape (N, F), NaN where unknown.
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
    return _boost(_examples(X, y, np.ones(len(X)), groups), seed)


def fit_boosting_horizon(
    X: Features,
    time: NDArray[Any],
    event_code: NDArray[Any],
    *,
    horizon: float,
    seed: int,
    groups: NDArray[Any],
) -> Boosting:
    """Gradient boosting of "the event of cause 1 by the horizon", weighted by the inverse of censoring.

    Rows censored before the horizon are left out and the others stand in for them with weight 1 / G, G the
    censoring curve of these same training rows; a competing event before the horizon is a "no".

    Parameters
    ----------
    X
        Shape (N, F), NaN where unknown.
    time
        Days to the event or to last contact, NaN unknown (left out), shape (N,).
    event_code
        0 censored, 1 the cause, 2 .. competing causes, NaN unknown (left out), shape (N,).
    horizon
        Days.
    seed, groups
        As in `fit_boosting`.

    Raises
    ------
    InputError
        As `fit_boosting`, or if no row is followed to the horizon.
    """
    known = ~(np.isnan(time.astype(np.float64)) | np.isnan(event_code.astype(np.float64)))
    time, event_code = time[known], event_code[known]
    status = status_at_horizon(time, event_code, horizon, censoring_curve(time, event_code))
    label = np.where(status.weight > 0, status.label, np.nan)
    return _boost(_examples(X[known], label, status.weight, groups[known]), seed)


def fit_linear(X: Features, y: NDArray[Any], *, seed: int, groups: NDArray[Any]) -> Linear:
    """Ridge logistic regression of a yes / no target; arguments and refusals are those of `fit_boosting`."""
    examples = _examples(X, y, np.ones(len(X)), groups)
    columns = _differing_columns(examples.X, _FEWEST_DIFFERING)
    examples = examples._replace(X=examples.X[:, columns])
    splits = list(_inner_splits(examples, seed))
    losses = np.mean([_ridge_losses(examples.take(~held), examples.take(held)) for held in splits], axis=0)
    penalty = _PENALTIES[int(np.argmin(losses))]
    scaling = _learn_scaling(examples.X)
    coefficients, intercept = next(_ridge_path(scaling.apply(examples.X), examples, (penalty,)))
    return Linear(columns, scaling, coefficients, intercept, penalty)


def _boost(examples: Examples, seed: int) -> Boosting:
    splits = list(_inner_splits(examples, seed))
    columns = _differing_columns(examples.X, BoostingChoice().leaf_rows)
    examples = examples._replace(X=examples.X[:, columns])
    inner = [(examples.take(~held), examples.take(held)) for held in splits]
    best = _search(inner, seed)
    model = _booster(best, seed).fit(examples.X, examples.y, sample_weight=examples.weight)
    return Boosting(model, columns, best)


def _search(inner: list[tuple[Examples, Examples]], seed: int) -> BoostingChoice:
    """Best settings of the coordinate search, with the number of trees that the inner patients stopped at."""
    loss, best = _judge(BoostingChoice(), inner, seed)
    for changes in _SEARCH:
        start = replace(best, trees=_MOST_TREES)
        trials = [_judge(replace(start, **change), inner, seed) for change in changes]
        loss, best = min([(loss, best), *trials], key=lambda trial: trial[0])
    return best


def _judge(
    choice: BoostingChoice, inner: list[tuple[Examples, Examples]], seed: int
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
        scores = np.asarray(model.validation_score_)  # minus the loss, first without any tree
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
        early_stopping=early_stopping,
        n_iter_no_change=_PATIENCE,
        random_state=seed,
    )


def _ridge_losses(training: Examples, held: Examples) -> Floats:
    """Log loss of the held-out patients at each penalty, shape (penalties,)."""
    scaling = _learn_scaling(training.X)
    scaled, scaled_held = scaling.apply(training.X), scaling.apply(held.X)
    losses = []
    for coefficients, intercept in _ridge_path(scaled, training, _PENALTIES):
        signed = (scaled_held @ coefficients + intercept) * (2.0 * held.y - 1.0)
        losses.append(np.average(np.logaddexp(0.0, -signed), weights=held.weight))
    return np.array(losses)


def _ridge_path(
    scaled: Floats, examples: Examples, penalties: tuple[float, ...]
) -> Iterator[tuple[Floats, float]]:
    """Coefficients (C,) and intercept at each penalty, each started from the one before."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(tol=1e-3, max_iter=1000, warm_start=True)
    for penalty in penalties:
        model.set_params(C=penalty).fit(scaled, examples.y, sample_weight=examples.weight)
        yield model.coef_[0].copy(), float(model.intercept_[0])


def _learn_scaling(X: Features) -> Scaling:
    known = ~np.isnan(X)
    # A column that this fold does not know at all says nothing: any constant will do.
    median = np.array(
        [np.median(column[here]) if here.any() else 0.0 for column, here in zip(X.T, known.T, strict=True)]
    )
    filled = np.where(known, X, median)
    deviation = filled.std(axis=0)
    return Scaling(median, filled.mean(axis=0), np.where(deviation > 0, deviation, 1.0))


def _differing_columns(X: Features, least: int) -> NDArray[np.intp]:
    """Columns in which at least ``least`` rows differ from the commonest value, unknown being a value.

    For boosting nothing is lost: no split of any other column could put ``least`` rows on both sides.
    """
    values = np.where(np.isnan(X), np.float32(np.inf), X)
    middle = len(values) // 2  # a value of most rows is also the middle one
    commonest = np.partition(values, middle, axis=0)[middle]
    kept = np.flatnonzero((values != commonest).sum(axis=0) >= least)
    return kept if kept.size else np.arange(min(1, X.shape[1]))


def _inner_splits(examples: Examples, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Masks of held-out rows, shape (N,): whole patients, those with the event spread evenly."""
    patients, patient_of = np.unique(examples.groups, return_inverse=True)
    events = np.bincount(patient_of, weights=examples.y, minlength=len(patients))
    shuffled = np.random.default_rng(seed).permutation(len(patients))
    dealt = shuffled[np.argsort(-events[shuffled], kind="stable")]
    fold_of = np.empty(len(patients), dtype=np.intp)
    fold_of[dealt] = np.arange(len(patients)) % _FOLDS
    for fold in range(1 if len(examples.y) >= _MANY_ROWS else 3):
        held = fold_of[patient_of] == fold
        if held.any():
            yield held


def _examples(X: Features, y: NDArray[Any], weight: Floats, groups: NDArray[Any]) -> Examples:
    if not len(X) == len(y) == len(groups):
        raise InputError(
            f"X has {len(X)} rows, y {len(y)} and groups {len(groups)}",
            expected="one row a sample in each",
            do="Align them.",
        )
    label = np.asarray(y, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(label))
    examples = Examples(X, label, weight, groups).take(known)
    _check_classes(examples)
    return examples


def _check_classes(examples: Examples) -> None:
    with_event, without = (len(np.unique(examples.groups[examples.y == value])) for value in (1, 0))
    if min(with_event, without) < 2:
        raise InputError(
            f"the target has {with_event} patients with the event and {without} without it",
            expected="at least two of each",
            do="Leave the target out of the baselines, or add patients.",
        )
