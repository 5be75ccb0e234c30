"""Fit one network: masked losses, learned task weights, early stopping that restores the best weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.config.experiment import TrainingSection
from metarisk.features.batch import Batch, Targets
from metarisk.losses.masked import binary_loss, discrete_hazard_loss
from metarisk.models.ensemble import tensors
from metarisk.models.network import Network, NetworkPlan
from metarisk.nn.heads import HazardBaseline
from metarisk.pathways.topology import Topology

GRADIENT_NORM = 1.0


class Epoch(NamedTuple):
    """What one epoch gave: mean losses over the tasks, in nats a sample."""

    member: int
    epoch: int
    train_loss: float
    valid_loss: float
    best: bool


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
    """

    train: NDArray[np.intp]
    valid: NDArray[np.intp]
    member: int = 0
    seed: int = 0


class Data(NamedTuple):
    """Training samples on the device: assay -> (N, Ga, C), flat (N, F), and targets."""

    assays: Mapping[str, Tensor]
    flat: Tensor
    binary: Tensor
    time_bin: Mapping[str, Tensor]
    event: Mapping[str, Tensor]

    def take(self, rows: Tensor) -> Data:
        """Rows in the order asked for."""
        return Data(
            {name: values[rows] for name, values in self.assays.items()},
            self.flat[rows],
            self.binary[rows],
            {name: bins[rows] for name, bins in self.time_bin.items()},
            {name: codes[rows] for name, codes in self.event.items()},
        )


def to_device(batch: Batch, targets: Targets, device: torch.device) -> Data:
    """Put features and targets on a device once, for all epochs."""
    assays, flat = tensors(batch, device)
    return Data(
        assays,
        flat,
        torch.from_numpy(targets.binary).to(device),
        {name: torch.from_numpy(bins).to(device) for name, bins in targets.time_bin.items()},
        {name: torch.from_numpy(codes).to(device) for name, codes in targets.event.items()},
    )


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
        Which of them to learn from and which to stop on; the member's number and seed.
    training
        Epochs, rates and decays.
    on_epoch
        Told after every epoch.
    """
    torch.manual_seed(rows.seed)
    order = np.random.default_rng(rows.seed)
    network = Network(plan, topology).to(data.flat.device)
    set_base_rates(network, data, torch.from_numpy(rows.train))
    weights = nn.Parameter(torch.zeros(_n_tasks(network), device=data.flat.device))
    optimiser = torch.optim.Adam([*network.parameters(), weights], lr=training.learning_rate)
    columns = assay_columns(plan, data)
    held_out = data.take(torch.from_numpy(rows.valid))
    best, kept, waited = float("inf"), _snapshot(network), 0
    for epoch in range(training.epochs):
        network.train()
        losses = []
        for chosen in _minibatches(rows.train, training.batch_size, order):
            part = drop_assays(data.take(torch.from_numpy(chosen)), columns, training.assay_dropout)
            prior = prior_penalty(network, training) / len(rows.train)
            losses.append(_step(network, part, optimiser, weights, prior))
        valid = _valid_loss(network, held_out)
        improved = valid < best - 1e-5
        on_epoch(Epoch(rows.member, epoch, float(np.mean(losses)), valid, improved))
        best, kept, waited = (valid, _snapshot(network), 0) if improved else (best, kept, waited + 1)
        if waited >= training.patience:
            break
    network.load_state_dict(kept)
    return network.eval()


def task_losses(network: Network, data: Data) -> Tensor:
    """Loss of each task, yes / no endpoints first, shape (T,)."""
    answer = network(data.assays, data.flat)
    n_binary = len(network.layout.binary)
    losses = [binary_loss(answer.outputs[:, :n_binary], data.binary)]
    for endpoint in network.layout.timed:
        logits = network.hazard_logits(answer.outputs, endpoint)
        losses.append(discrete_hazard_loss(logits, data.time_bin[endpoint], data.event[endpoint])[None])
    return torch.cat(losses)


def drop_assays(data: Data, columns: Mapping[str, Tensor], rate: float) -> Data:
    """Take whole assays away from random samples, on the graph and in the flat table alike."""
    if rate == 0.0:
        return data
    assays, flat = dict(data.assays), data.flat
    for name, values in data.assays.items():
        lost = torch.rand(len(values), device=values.device) < rate
        assays[name] = values.masked_fill(lost[:, None, None], 0.0)
        flat = flat.masked_fill(lost[:, None] & columns[name], torch.nan)
    return data._replace(assays=assays, flat=flat)


def assay_columns(plan: NetworkPlan, data: Data) -> dict[str, Tensor]:
    """Assay -> True at its columns of the flat table, shape (F,)."""
    groups = np.array(plan.groups, dtype=str)
    return {name: torch.from_numpy(groups == name).to(data.flat.device) for name in data.assays}


@torch.no_grad()
def set_base_rates(network: Network, data: Data, rows: Tensor) -> None:
    """Start each answer at the training rate, so that the first epochs are not spent on finding it."""
    labels = data.binary[rows]
    known = (~torch.isnan(labels)).sum(dim=0)
    rate = (torch.nan_to_num(labels).sum(dim=0) + 0.5) / (known + 1.0)
    network.bias[: len(rate)] = torch.logit(rate)
    for endpoint, causes in network.layout.timed.items():
        bins, events = data.time_bin[endpoint][rows], data.event[endpoint][rows]
        baseline = cast(HazardBaseline, network.baselines[endpoint])
        at_risk = torch.stack([(bins >= k).sum() for k in range(len(baseline.clock))])
        for cause in range(len(causes)):
            ended = torch.bincount(bins[(bins >= 0) & (events == cause + 1)], minlength=len(at_risk))
            hazard = ((ended + 0.1) / (at_risk + 1.0)).clamp(1e-5, 0.9)
            baseline.level[:, cause] = torch.logit(hazard)


def _step(
    network: Network, data: Data, optimiser: torch.optim.Optimizer, weights: Tensor, prior: Tensor
) -> float:
    losses = task_losses(network, data)
    # Kendall, Gal and Cipolla 2018: a task's weight is the inverse of a learned noise level.
    total = (torch.exp(-weights) * losses + 0.5 * weights).sum() + prior
    optimiser.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
    optimiser.step()
    return float(losses.detach().mean())


@torch.no_grad()
def _valid_loss(network: Network, data: Data) -> float:
    network.eval()
    return float(task_losses(network, data).mean())


def prior_penalty(network: Network, training: TrainingSection) -> Tensor:
    """Negative log density of the weights under their Gaussian priors, up to a constant; a scalar.

    Base rates, gates and hazard baselines are free.
    """
    total = torch.zeros((), device=network.bias.device)
    for name, parameter in network.named_parameters():
        if name in {"bias", "gate"} or name.startswith("baselines."):
            continue
        width = training.direct_prior if name.startswith("direct.") else training.graph_prior
        total = total + parameter.square().sum() / (2.0 * width**2)
    return total


def _minibatches(rows: NDArray[np.intp], size: int, order: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    shuffled = order.permutation(rows)
    for start in range(0, len(shuffled), size):
        if len(shuffled) - start > 1 or start == 0:
            yield shuffled[start : start + size]


def _snapshot(network: Network) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _n_tasks(network: Network) -> int:
    return len(network.layout.binary) + len(network.layout.timed)
