"""Choose settings inside the training patients of one fit: the inner half of nested cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.config.benchmark import ChoiceSection
from metarisk.config.experiment import Experiment
from metarisk.config.search import SearchSection, Span, with_settings
from metarisk.data.cohort import Cohort
from metarisk.data.split import patient_folds
from metarisk.errors import ConfigError
from metarisk.pathways.topology import Topology
from metarisk.train.outer import Kind, groups_of
from metarisk.train.search import Ground, fold_rows, judge
from metarisk.train.tasks import learnable_layout

# Other than the salts of the outer folds and of the members' own.
CHOICE_SALT = "metarisk-choice"


class Judged(NamedTuple):
    """An alternative, and the metric on each inner fold."""

    alternative: int
    scores: tuple[float, ...]


def judge_alternatives(
    training: Cohort, topology: Topology, experiment: Experiment, section: ChoiceSection, kind: Kind
) -> list[Judged]:
    """The metric of each alternative on inner folds of the training patients, in the order given.

    Parameters
    ----------
    training
        Training patients of one fit; nobody else plays a part.
    topology
        The graph, whole.
    experiment
        What the alternatives change.
    section
        The alternatives, folds and metric.
    kind
        What is held out outside: inner folds hold out the same.

    Raises
    ------
    ConfigError, InputError
        If no question can be learned, or there are fewer patients or groups than inner folds.
    """
    strata = None if kind == "patient" else groups_of(training, kind).astype(str)
    fold = _inner_folds(training, strata, section.folds, experiment.seed)
    layout, _ = learnable_layout(training.endpoints, experiment.tasks)
    rows = fold_rows(fold, section.folds, experiment.seed)
    # The space is only what `judge` reads the metric from: the alternatives are given, not drawn.
    search = SearchSection(metric=section.metric, space={"training.learning_rate": Span(low=1e-4, high=1.0)})
    ground = Ground(experiment, search, training, topology, layout, rows, None, strata)
    return [
        Judged(number, judge(ground, with_settings(experiment, settings), lambda epoch: None))
        for number, settings in enumerate(section.among)
    ]


def best_alternative(judged: Sequence[Judged], metric: str) -> int:
    """Number of the alternative with the best mean over inner folds, the first of equal ones.

    Raises
    ------
    ConfigError
        If each of them diverged.
    """
    means = np.array([np.mean(each.scores) for each in judged])
    if not np.isfinite(means).any():
        raise ConfigError(
            "every alternative of benchmark.choose diverged on an inner fold",
            do="Lower training.learning_rate in the alternatives.",
        )
    order = -means if metric == "auroc" else means
    return judged[int(np.nanargmin(np.where(np.isfinite(order), order, np.nan)))].alternative


def _inner_folds(
    training: Cohort, groups: NDArray[np.str_] | None, folds: int, seed: int
) -> NDArray[np.intp]:
    """Inner fold of each training row, shape (N,): patients, or whole groups dealt the largest first."""
    if groups is None:
        return patient_folds(training.patient_ids, folds, f"{CHOICE_SALT}-{seed}")
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < folds:
        raise ConfigError(
            f"{len(names)} groups of training samples cannot fill {folds} inner folds",
            do="Lower benchmark.choose.folds.",
        )
    filled, fold_of = np.zeros(folds), {}
    for place in np.argsort(-sizes, kind="stable"):
        fold_of[names[place]] = int(filled.argmin())
        filled[filled.argmin()] += sizes[place]
    return np.array([fold_of[name] for name in groups], dtype=np.intp)
