"""Fit the ensemble: a member for each fold and seed, each judged on the fold it did not see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from metarisk.config.experiment import Experiment
from metarisk.config.network import NetworkSection
from metarisk.data.cohort import Cohort
from metarisk.data.split import patient_folds
from metarisk.features.batch import Batch, Targets
from metarisk.features.targets import targets_of
from metarisk.features.transform import FeatureTransform
from metarisk.models.calibration import Calibration, fit_calibration
from metarisk.models.ensemble import Ensemble
from metarisk.models.planning import fit_flat, plan_network
from metarisk.models.pretrained import Start
from metarisk.nn.heads import TaskLayout
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay
from metarisk.train.fit import Epoch, FoldRows, fit_member
from metarisk.train.samples import to_device

OnEpoch = Callable[[Epoch], None]
SEEDS_APART = 1000  # members that an experiment may have before it shares seeds with the next


@dataclass(frozen=True)
class Learned:
    """A calibrated ensemble and the transform that feeds it."""

    transform: FeatureTransform
    ensemble: Ensemble
    calibration: Calibration


@dataclass(frozen=True)
class TrainingSet:
    """Training patients, as features and as targets.

    Attributes
    ----------
    cohort
        Training samples.
    transform
        Fitted on them.
    batch, targets
        What it made of them.
    layout
        The questions they can answer.
    start
        Pretrained body that networks begin with.
    """

    cohort: Cohort
    transform: FeatureTransform
    batch: Batch
    targets: Targets
    layout: TaskLayout
    start: Start | None = None

    @classmethod
    def of(
        cls, cohort: Cohort, topology: Topology, layout: TaskLayout, experiment: Experiment
    ) -> TrainingSet:
        """Fit the transform on a training cohort and apply it."""
        transform = FeatureTransform.fit(cohort, topology, experiment.features)
        targets = targets_of(cohort.endpoints, layout.binary, layout.bin_edges_days)
        return cls(cohort, transform, transform.apply(cohort), targets, layout)


def learn(
    training_set: TrainingSet, topology: Topology, experiment: Experiment, on_epoch: OnEpoch
) -> Learned:
    """Fit every member, calibrate on the folds each did not see, and measure what missing assays cost."""
    training = experiment.training
    flat = fit_flat(training_set.batch.flat, training_set.transform, experiment.features.numeric_bins)
    plan = plan_network(experiment.network, training_set.layout, training_set.transform, topology, flat)
    plan = replace(plan, start=training_set.start)
    fold = patient_folds(training_set.cohort.patient_ids, training.folds, f"folds-{experiment.seed}")
    members, held_out = [], _HeldOut.empty(training_set, training.seeds)
    device = choose_device(training.device)
    data = to_device(training_set.batch, training_set.targets, device)
    for number in range(training.folds * training.seeds):
        left_out = fold == number % training.folds
        seed = experiment.seed * SEEDS_APART + number
        rows = FoldRows(np.flatnonzero(~left_out), np.flatnonzero(left_out), number, seed)
        network = fit_member(plan, topology, data, rows, training, on_epoch=on_epoch)
        members.append(network.cpu())
        held_out.add(Ensemble(plan, topology, [network]), training_set.batch, rows.valid)
    ensemble = Ensemble(plan, topology, members, training.folds)
    calibration = fit_calibration(held_out.outputs, training_set.targets, training_set.layout, members[0])
    spread = held_out.missing_spread(training_set.batch, calibration.slope)
    return Learned(training_set.transform, ensemble, replace(calibration, missing_spread=spread))


def without_graph(experiment: Experiment) -> Experiment:
    """The same experiment with the graph path left out: the no-graph control."""
    section: NetworkSection = experiment.network.model_copy(update={"graph": False})
    return experiment.model_copy(update={"network": section})


def choose_device(name: str) -> torch.device:
    """Device by its name in the configuration; ``auto`` takes CUDA where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


@dataclass
class _HeldOut:
    """Mean output of the members that did not train on a sample, whole and without each assay, (N, O)."""

    outputs: NDArray[np.float32]
    without: dict[Assay, NDArray[np.float32]]
    seeds: int

    @classmethod
    def empty(cls, training_set: TrainingSet, seeds: int) -> _HeldOut:
        shape = (len(training_set.batch), training_set.layout.outputs)
        zeros = {assay: np.zeros(shape, np.float32) for assay in training_set.batch.assays}
        return cls(np.zeros(shape, np.float32), zeros, seeds)

    def add(self, member: Ensemble, batch: Batch, rows: NDArray[np.intp]) -> None:
        part = batch.take(rows)
        self.outputs[rows] += member.answers(part)["outputs"][0] / self.seeds
        for assay, total in self.without.items():
            total[rows] += member.answers(part, frozenset({assay}))["outputs"][0] / self.seeds

    def missing_spread(self, batch: Batch, slope: NDArray[np.float64]) -> dict[Assay, NDArray[np.float64]]:
        """Root mean square change of each calibrated output where an assay that was there is taken away."""
        spread = {}
        for assay, without in self.without.items():
            has = batch.assays[assay].measured.any(axis=1)
            change = (self.outputs[has] - without[has]) * slope
            spread[assay] = np.sqrt(np.square(change).mean(axis=0)) if has.any() else np.zeros(len(slope))
        return spread
