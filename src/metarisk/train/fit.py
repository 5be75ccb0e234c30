"""Fit one network: masked losses, learned task weights, early stopping that restores the best weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.config.training import TrainingSection
from metarisk.models.network import Network, NetworkPlan
from metarisk.pathways.topology import Topology
from metarisk.train.objective import count_tasks, prior_penalty, set_base_rates, task_losses
from metarisk.train.samples import Data, assay_columns, drop_assays

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
    set_base_rates(network, data, torch.from_numpy(rows.train), training.imbalance)
    weights = nn.Parameter(torch.zeros(count_tasks(network), device=data.flat.device))
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


def _minibatches(rows: NDArray[np.intp], size: int, order: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    shuffled = order.permutation(rows)
    for start in range(0, len(shuffled), size):
        if len(shuffled) - start > 1 or start == 0:
            yield shuffled[start : start + size]


def _snapshot(network: Network) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
