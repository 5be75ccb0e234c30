"""Fit the ensemble: a member for each fold and seed, each judged on the fold it did not see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from metarisk.models.calibration import Calibration, calibration_in_words, fit_calibration
from metarisk.models.ensemble import Ensemble
from metarisk.models.network import Network
from metarisk.models.planning import fit_flat, plan_network
from metarisk.models.pretrained import Start
from metarisk.models.reference import Reference
from metarisk.models.reference_fitting import fit_reference
from metarisk.models.set_fitting import HeldOutSamples, fit_sets, sets_in_words
from metarisk.nn.heads import TaskLayout
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay
from metarisk.train.checkpoint import Checkpoints
from metarisk.train.fit import Epoch, FoldRows, fit_member
from metarisk.train.processes import make_teams, send_to_all, world
from metarisk.train.samples import to_device

OnEpoch = Callable[[Epoch], None]
SEEDS_APART = 1000  # members that an experiment may have before it shares seeds with the next


@dataclass(frozen=True)
class Learned:
    """A calibrated ensemble and the transform that feeds it.

    Attributes
    ----------
    transform, ensemble, calibration
        The model.
    held_out
        Output of each training sample from the members that did not train on it, before calibration, (N, O).
    """

    transform: FeatureTransform
    ensemble: Ensemble
    calibration: Calibration
    held_out: NDArray[np.float32]


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

    def with_answers(self, held_out: NDArray[np.float32]) -> HeldOutSamples:
        """Its samples with outputs of members that did not train on them, shape (N, O)."""
        return HeldOutSamples(held_out, self.batch, self.cohort.endpoints, self.cohort.patient_ids)


def reference_of(training_set: TrainingSet, learned: Learned, experiment: Experiment) -> Reference:
    """What the training patients of a model look like, for its bundle."""
    seen = training_set.with_answers(learned.held_out)
    return fit_reference(learned.ensemble, learned.calibration, learned.transform, seen, experiment)


def learn(
    training_set: TrainingSet,
    topology: Topology,
    experiment: Experiment,
    on_epoch: OnEpoch,
    checkpoints: Checkpoints | None = None,
) -> Learned:
    """Fit every member, calibrate on the folds each did not see, and measure what missing assays cost.

    Where several processes work together, each fits its share of the members and all end with the same.

    Parameters
    ----------
    training_set
        Training patients.
    topology, experiment
        The graph, and what to fit over it.
    on_epoch
        Told after every epoch; of members that another process fits, when they are done.
    checkpoints
        Of this model; members are kept nowhere if None.
    """
    training = experiment.training
    bins, weight = experiment.features.numeric_bins, experiment.network.assay_weight
    flat = fit_flat(training_set.batch.flat, training_set.transform, bins, weight)
    plan = plan_network(experiment.network, training_set.layout, training_set.transform, topology, flat)
    plan = replace(plan, start=training_set.start)
    data = to_device(training_set.batch, training_set.targets, choose_device(training.device))
    teams = make_teams(training.processes_per_member)
    shares = [share._replace(team=teams.team) for share in _shares(training_set, experiment, checkpoints)]
    fitted: dict[int, Network] = {}
    told: dict[int, list[Epoch]] = {share.member: [] for share in shares}

    def tell(epoch: Epoch) -> None:
        told[epoch.member].append(epoch)
        on_epoch(epoch)

    for share in shares[teams.mine :: teams.number]:
        network = fit_member(plan, topology, data, share, training, on_epoch=tell)
        fitted[share.member] = network.cpu()
    held_out = _HeldOut.empty(training_set, training.seeds)
    for share in shares:
        network = fitted.get(share.member) or Network(plan, topology).eval()
        fitted[share.member] = network
        _send(network, told[share.member], teams.leader(share.member), on_epoch)
        held_out.add(Ensemble(plan, topology, [network]), training_set.batch, share.valid)
    members = [fitted[share.member] for share in shares]
    ensemble = Ensemble(plan, topology, members, training.folds)
    calibration = calibrate(training_set, ensemble, held_out.outputs, experiment)
    spread = held_out.missing_spread(training_set.batch, calibration)
    calibration = replace(calibration, missing_spread=spread)
    return Learned(training_set.transform, ensemble, calibration, held_out.outputs)


def _shares(
    training_set: TrainingSet, experiment: Experiment, checkpoints: Checkpoints | None
) -> Iterator[FoldRows]:
    """Rows, seed and checkpoint of each member, fold by fold, seed by seed."""
    folds = experiment.training.folds
    fold = patient_folds(training_set.cohort.patient_ids, folds, f"folds-{experiment.seed}")
    for number in range(folds * experiment.training.seeds):
        left_out = fold == number % folds
        yield FoldRows(
            np.flatnonzero(~left_out),
            np.flatnonzero(left_out),
            number,
            experiment.seed * SEEDS_APART + number,
            None if checkpoints is None else checkpoints.member(number),
        )


def _send(network: Network, told: list[Epoch], leader: int, on_epoch: OnEpoch) -> None:
    """Give every process the weights and epochs of a member that one of them fitted."""
    rank, size = world()
    if size == 1:
        return
    length = torch.tensor([len(told)])
    send_to_all([*network.state_dict().values(), length], leader)
    epochs = torch.zeros(int(length), len(Epoch._fields), dtype=torch.float64)
    if rank == leader:
        epochs.copy_(torch.tensor(told, dtype=torch.float64).view_as(epochs))
    send_to_all([epochs], leader)
    if not told:
        for member, epoch, train, valid, best, seconds in epochs.tolist():
            on_epoch(Epoch(int(member), int(epoch), train, valid, bool(best), seconds))


def calibrate(
    training_set: TrainingSet, ensemble: Ensemble, held_out: NDArray[np.float32], experiment: Experiment
) -> Calibration:
    """Curves and conformal limits from outputs of members that did not see the sample, shape (N, O)."""
    calibration = fit_calibration(
        held_out,
        training_set.targets,
        training_set.layout,
        ensemble.networks[0],
        experiment.calibration.method,
    )
    seen = training_set.with_answers(held_out)
    return replace(
        calibration, sets=fit_sets(ensemble, calibration, training_set.transform, seen, experiment)
    )


def in_words(learned: Learned, experiment: Experiment) -> tuple[str, ...]:
    """What a reader of the calibration must know: which endpoints and groups could not have their own."""
    layout, section = learned.ensemble.plan.layout, experiment.calibration
    return (
        *calibration_in_words(learned.calibration, layout, section.method),
        *sets_in_words(learned.calibration.sets, section.within),
    )


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

    def missing_spread(self, batch: Batch, calibration: Calibration) -> dict[Assay, NDArray[np.float64]]:
        """Root mean square change of each calibrated output where an assay that was there is taken away."""
        spread = {}
        for assay, without in self.without.items():
            has = batch.assays[assay].measured.any(axis=1)
            change = calibration.apply(self.outputs[has]) - calibration.apply(without[has])
            nothing = np.zeros(self.outputs.shape[1])
            spread[assay] = np.sqrt(np.square(change).mean(axis=0)) if has.any() else nothing
        return spread
