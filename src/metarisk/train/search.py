"""Judge settings on folds of the training patients; the held-out patients are not even passed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.config.experiment import Experiment
from metarisk.config.search import SearchSection
from metarisk.data.cohort import Cohort
from metarisk.data.split import holdout, patient_folds
from metarisk.errors import ConfigError
from metarisk.metrics.within import stratified_auroc
from metarisk.models.ensemble import Ensemble
from metarisk.models.planning import fit_flat, plan_network
from metarisk.nn.heads import TaskLayout
from metarisk.pathways.topology import Topology
from metarisk.train.fit import Epoch, FoldRows, fit_member
from metarisk.train.members import SEEDS_APART, TrainingSet, choose_device
from metarisk.train.run import HOLDOUT_SALT, prepare
from metarisk.train.samples import Data, to_device
from metarisk.train.tasks import learnable_layout

FEATURES = "features."


class Ready(NamedTuple):
    """What `prepare` made of the training patients, and the same samples on the device."""

    training_set: TrainingSet
    topology: Topology
    data: Data


@dataclass(frozen=True)
class Ground:
    """What every trial of a search stands on.

    Attributes
    ----------
    experiment, search
        The configuration, and its search section.
    cohort
        Training samples; the held-out ones were left behind.
    topology
        The graph, whole.
    layout
        The questions that the training patients can answer.
    folds
        Rows that a trial learns from and is judged on, one an inner fold.
    ready
        Features for all trials; None where the space holds settings of the features.
    strata
        Cohort or cancer type inside which AUROC ranks, shape (N,); all samples together if None.
    """

    experiment: Experiment
    search: SearchSection
    cohort: Cohort
    topology: Topology
    layout: TaskLayout
    folds: tuple[FoldRows, ...]
    ready: Ready | None = field(repr=False)
    strata: NDArray[np.str_] | None = None


def ground_of(experiment: Experiment, search: SearchSection, cohort: Cohort, topology: Topology) -> Ground:
    """Leave the held-out patients behind and deal the others to the inner folds.

    The inner folds are not those of the final fit, so that its early stopping and calibration stand on folds
    that no setting was chosen on.

    Raises
    ------
    ConfigError, InputError
        If no question can be learned from the training patients, the metric asks for yes / no targets and
        there are none, or there are too few patients.
    """
    training = cohort.take(holdout(cohort, experiment.evaluation.test_fraction, HOLDOUT_SALT).train_rows)
    layout, _ = learnable_layout(training.endpoints, experiment.tasks)
    if search.metric == "auroc" and not layout.binary:
        raise ConfigError(
            "search.metric is auroc, and no yes / no target has enough training patients",
            expected="at least one of tasks.sites and tasks.binary",
            do="Set search.metric to valid_loss.",
        )
    fold = patient_folds(training.patient_ids, experiment.training.folds, f"search-{experiment.seed}")
    folds = fold_rows(fold, search.folds, experiment.seed)
    varied = any(key.startswith(FEATURES) for key in search.space)
    ready = None if varied else make_ready(training, topology, experiment)
    return Ground(experiment, search, training, topology, layout, folds, ready)


def fold_rows(fold: NDArray[np.intp], folds: int, seed: int) -> tuple[FoldRows, ...]:
    """Rows of the first inner folds, where ``fold`` is that of each training row, shape (N,)."""
    return tuple(
        FoldRows(
            np.flatnonzero(fold != number),
            np.flatnonzero(fold == number),
            number,
            seed * SEEDS_APART + number,
        )
        for number in range(folds)
    )


def make_ready(training: Cohort, topology: Topology, experiment: Experiment) -> Ready:
    """Features of the training patients under an experiment's settings, on its device."""
    training_set, topology, _ = prepare(training, topology, experiment)
    device = choose_device(experiment.training.device)
    return Ready(training_set, topology, to_device(training_set.batch, training_set.targets, device))


def judge(ground: Ground, experiment: Experiment, on_epoch: Callable[[Epoch], None]) -> tuple[float, ...]:
    """The metric of settings on each inner fold, by one member a fold; not finite where one diverged.

    Parameters
    ----------
    ground
        What every trial stands on.
    experiment
        The configuration with the trial's settings.
    on_epoch
        Told after every epoch, with the fold as the member; what it raises stops the trial.
    """
    ready = ground.ready or make_ready(ground.cohort, ground.topology, experiment)
    return tuple(_judge_fold(ground, ready, rows, experiment, on_epoch) for rows in ground.folds)


def _judge_fold(
    ground: Ground,
    ready: Ready,
    rows: FoldRows,
    experiment: Experiment,
    on_epoch: Callable[[Epoch], None],
) -> float:
    training_set, best = ready.training_set, float("inf")

    def watch(epoch: Epoch) -> None:
        nonlocal best
        best = min(best, epoch.valid_loss)
        on_epoch(epoch)

    bins, weight = experiment.features.numeric_bins, experiment.network.assay_weight
    flat = fit_flat(training_set.batch.flat, training_set.transform, bins, weight)
    plan = plan_network(experiment.network, ground.layout, training_set.transform, ready.topology, flat)
    network = fit_member(plan, ready.topology, ready.data, rows, experiment.training, on_epoch=watch)
    if ground.search.metric == "valid_loss" or not np.isfinite(best):
        return best
    member = Ensemble(plan, ready.topology, [network.cpu()])
    answers = member.answers(training_set.batch.take(rows.valid))["outputs"][0]
    strata = None if ground.strata is None else ground.strata[rows.valid]
    return _mean_auroc(answers, training_set.targets.binary[rows.valid], strata)


def _mean_auroc(answers: np.ndarray, labels: np.ndarray, strata: NDArray[np.str_] | None) -> float:
    """Mean over the yes / no targets that have both answers, shapes (N, O), (N, B) and (N,)."""
    inside = np.zeros(len(labels), dtype=int) if strata is None else strata
    known = ~np.isnan(labels)
    values = [
        stratified_auroc(answers[rows, column].astype(np.float64), labels[rows, column], inside[rows], 1)
        for column, rows in enumerate(known.T)
    ]
    return float(np.nanmean(values)) if not np.isnan(values).all() else 0.5
