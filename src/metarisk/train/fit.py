"""Fit one network: masked losses, learned task weights, early stopping that restores the best weights."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.config.training import TrainingSection
from metarisk.models.network import Network, NetworkPlan
from metarisk.pathways.topology import Topology
from metarisk.train.checkpoint import Checkpoint, CheckpointFile, read_checkpoint, write_checkpoint
from metarisk.train.objective import count_tasks, set_base_rates
from metarisk.train.processes import Team
from metarisk.train.samples import Data, assay_columns
from metarisk.train.step import Learner, held_out_losses, random_state, restore_random_state, take_step

LEAST_GAIN = 1e-5

_log = logging.getLogger(__name__)


class Epoch(NamedTuple):
    """What one epoch gave: mean losses over the tasks, in nats a sample, and the seconds it took."""

    member: int
    epoch: int
    train_loss: float
    valid_loss: float
    best: bool
    seconds: float = 0.0


class FoldRows(NamedTuple):
    """One member's share of the work; no patient in both sets of rows.

    Attributes
    ----------
    train, valid
        Rows that it learns from, and rows that it stops on.
    member
        Its number, for reports.
    seed
        Fixes initial weights, order and dropout.
    checkpoint
        Where it is kept from epoch to epoch; nowhere if None.
    team
        Processes that share it.
    """

    train: NDArray[np.intp]
    valid: NDArray[np.intp]
    member: int = 0
    seed: int = 0
    checkpoint: CheckpointFile | None = None
    team: Team = Team()


@dataclass
class _Fit:
    """A member on its way: the learner, the order of its samples, and the best weights so far."""

    learner: Learner
    order: np.random.Generator
    kept: dict[str, Tensor]
    best: float = float("inf")
    waited: int = 0
    told: list[Epoch] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        training = self.learner.training
        return self.waited >= training.patience or len(self.told) >= training.epochs


def fit_member(
    plan: NetworkPlan,
    topology: Topology,
    data: Data,
    rows: FoldRows,
    training: TrainingSection,
    *,
    on_epoch: Callable[[Epoch], None],
) -> Network:
    """Train one member and return it with the weights of its best epoch on the held-out fold.

    Parameters
    ----------
    plan, topology
        What to build.
    data
        All training samples.
    rows
        Which of them to learn from and which to stop on; the member's number and seed. Where its checkpoint
        is there, the fit goes on from it, to the weights that it would have had without the break.
    training
        Epochs, rates and decays.
    on_epoch
        Told after every epoch, those before the break included.

    Raises
    ------
    InputError
        If the checkpoint is partial, altered or of another job.
    ResourceError
        If memory does not suffice for a single sample, or another process is gone.
    """
    fit = _begin(plan, topology, data, rows, training)
    network = fit.learner.network
    _go_on(fit, rows)
    for epoch in fit.told:
        on_epoch(epoch)
    held_out = data.take(torch.from_numpy(rows.valid))
    while not fit.ended:
        on_epoch(_epoch(fit, data, held_out, rows))
        if fit.ended or len(fit.told) % training.checkpoint_every == 0:
            _keep(fit, rows)
    network.load_state_dict(fit.kept)
    return network.eval()


def _begin(
    plan: NetworkPlan, topology: Topology, data: Data, rows: FoldRows, training: TrainingSection
) -> _Fit:
    torch.manual_seed(rows.seed)
    device = data.flat.device
    network = Network(plan, topology).to(device)
    set_base_rates(network, data, torch.from_numpy(rows.train), training.imbalance)
    noise = nn.Parameter(torch.zeros(count_tasks(network), device=device))
    optimiser = torch.optim.Adam([*network.parameters(), noise], lr=training.learning_rate)
    learner = Learner(
        network,
        noise,
        optimiser,
        training,
        assay_columns(plan, data),
        n_train=len(rows.train),
        seed=rows.seed,
        team=rows.team,
    )
    return _Fit(learner, np.random.default_rng(rows.seed), _snapshot(network))


def _epoch(fit: _Fit, data: Data, held_out: Data, rows: FoldRows) -> Epoch:
    """Run through all training samples once, and judge the held-out ones."""
    started = time.perf_counter()
    learner, training = fit.learner, fit.learner.training
    learner.network.train()
    losses = [
        take_step(learner, data, torch.from_numpy(chosen).to(data.flat.device))
        for chosen in _minibatches(rows.train, training.batch_size, fit.order)
    ]
    train = float(torch.stack(losses).mean())
    valid = float(held_out_losses(learner, held_out).mean())
    improved = valid < fit.best - LEAST_GAIN
    if improved:
        fit.best, fit.kept = valid, _snapshot(learner.network)
    fit.waited = 0 if improved else fit.waited + 1
    epoch = Epoch(rows.member, len(fit.told), train, valid, improved, time.perf_counter() - started)
    fit.told.append(epoch)
    if rows.team.rank == 0:
        _log.info(
            "%s epoch %d: loss %.4f, held out %.4f%s, %.2f s",
            rows.checkpoint.name if rows.checkpoint else f"member-{rows.member}",
            *epoch[1:4],
            " (best)" if improved else "",
            epoch.seconds,
        )
    return epoch


def _keep(fit: _Fit, rows: FoldRows) -> None:
    """Write the checkpoint; of a member that has ended, only the best weights."""
    if rows.checkpoint is None or rows.team.rank > 0:
        return
    tensors = {f"best.{name}": value for name, value in fit.kept.items()}
    facts: dict[str, Any] = {"ended": fit.ended, "told": fit.told}
    if not fit.ended:
        learner = fit.learner
        tensors |= {f"network.{name}": value for name, value in learner.network.state_dict().items()}
        tensors |= {"noise": learner.noise}
        tensors |= {f"random.{name}": state for name, state in random_state(learner.noise.device).items()}
        for index, state in learner.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": value for name, value in state.items()}
        facts |= {"best": fit.best, "waited": fit.waited, "order": fit.order.bit_generator.state}
        facts |= {name: getattr(learner, name) for name in ("pieces", "held_out_pieces", "steps")}
    write_checkpoint(rows.checkpoint, Checkpoint(tensors, facts))


def _go_on(fit: _Fit, rows: FoldRows) -> None:
    """Put a fit where its checkpoint stands, if there is one."""
    found = None if rows.checkpoint is None else read_checkpoint(rows.checkpoint)
    if found is None:
        return
    learner, facts, device = fit.learner, found.facts, fit.learner.noise.device
    fit.told = [Epoch(*epoch) for epoch in facts["told"]]
    fit.kept = {name: value.to(device) for name, value in _under("best.", found.tensors).items()}
    if facts["ended"]:
        fit.waited = learner.training.patience
        return
    learner.network.load_state_dict(_under("network.", found.tensors))
    with torch.no_grad():
        learner.noise.copy_(found.tensors["noise"])
    groups = learner.optimiser.state_dict()["param_groups"]
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in _under("optimiser.", found.tensors).items():
        index, _, name = key.partition(".")
        states.setdefault(int(index), {})[name] = value
    learner.optimiser.load_state_dict({"state": states, "param_groups": groups})
    fit.best, fit.waited = facts["best"], facts["waited"]
    fit.order.bit_generator.state = facts["order"]
    for name in ("pieces", "held_out_pieces", "steps"):
        setattr(learner, name, facts[name])
    restore_random_state(_under("random.", found.tensors))


def _under(prefix: str, tensors: Any) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _minibatches(rows: NDArray[np.intp], size: int, order: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    shuffled = order.permutation(rows)
    for start in range(0, len(shuffled), size):
        if len(shuffled) - start > 1 or start == 0:
            yield shuffled[start : start + size]


def _snapshot(network: Network) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
