"""One step of a fit: in as many pieces as memory asks for, over as many processes as share the member.

A minibatch's loss is a mean over the samples that know an answer, so each piece counts by its share of them:
the gradient is that of the whole minibatch however it was cut. The cut shows only where dropout is on: its
draws fall on other units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from metarisk.config.training import TrainingSection
from metarisk.models.memory import Rows, by_pieces
from metarisk.models.network import Network
from metarisk.train.objective import prior_penalty, task_losses
from metarisk.train.processes import Team, add_up
from metarisk.train.samples import Data, draw_lost, labels_known, take_without

GRADIENT_NORM = 1.0


@dataclass
class Learner:
    """A network that learns, and what moves with it.

    Attributes
    ----------
    network
        The member.
    noise
        Log noise level of each task, shape (T,).
    optimiser
        Moves both.
    training
        Rates and decays.
    columns
        Assay -> True at its columns of the flat table, shape (F,).
    n_train
        Samples that it learns from, by which the prior is divided.
    seed
        Of the member.
    team
        Processes that share it.
    pieces
        In how many pieces a minibatch is worked on; grows when memory runs out.
    held_out_pieces
        In how many the held-out samples are.
    steps
        Taken so far.
    """

    network: Network
    noise: nn.Parameter
    optimiser: torch.optim.Optimizer
    training: TrainingSection
    columns: Mapping[str, Tensor]
    n_train: int
    seed: int
    team: Team
    pieces: int = 1
    held_out_pieces: int = 1
    steps: int = 0


def take_step(learner: Learner, data: Data, chosen: Tensor) -> Tensor:
    """Move the weights along the gradient of a minibatch; the loss of each task before, shape (T,).

    Parameters
    ----------
    learner
        Changed in place.
    data
        All training samples.
    chosen
        Rows of the minibatch, the same in every process of the team, shape (n,).

    Raises
    ------
    ResourceError
        If memory does not suffice for a single sample, or a process of the team is gone.
    """
    lost = draw_lost(data, len(chosen), learner.training.assay_dropout)
    known = labels_known(data, chosen)
    share = share_of(len(chosen), learner.team)

    def work(piece: Rows) -> Tensor:
        at = slice(share.start + piece.start, share.start + piece.stop)
        gone = {name: which[at] for name, which in lost.items()}
        part = take_without(data, chosen[at], learner.columns, gone)
        weight = labels_known(data, chosen[at]) / known.clamp_min(1)
        return _backward(learner, part, weight, leads=at.start == 0)

    learner.optimiser.zero_grad(set_to_none=True)
    with _own_draws(learner, data.flat.device):
        losses, learner.pieces = _added(learner, work, share, learner.pieces)
    _add_up_gradients(learner, losses)
    nn.utils.clip_grad_norm_(learner.network.parameters(), GRADIENT_NORM)
    learner.optimiser.step()
    learner.steps += 1
    return losses


@torch.no_grad()
def held_out_losses(learner: Learner, held_out: Data) -> Tensor:
    """Loss of each task on samples held out, in float32, dropout off, shape (T,); raises as `take_step`."""
    learner.network.eval()
    n = len(held_out.flat)
    known = labels_known(held_out, slice(0, n))
    share = share_of(n, learner.team)

    def work(piece: Rows) -> Tensor:
        at = slice(share.start + piece.start, share.start + piece.stop)
        weight = labels_known(held_out, at) / known.clamp_min(1)
        return task_losses(learner.network, held_out.take(at)) * weight

    losses, learner.held_out_pieces = _added(learner, work, share, learner.held_out_pieces)
    add_up([losses], learner.team)
    return losses


def share_of(n: int, team: Team) -> Rows:
    """Rows of a minibatch of n that fall to this process."""
    return Rows(n * team.rank // team.size, n * (team.rank + 1) // team.size)


def _added(learner: Learner, work: Callable[[Rows], Tensor], share: Rows, pieces: int) -> tuple[Tensor, int]:
    """Sum over the pieces of a share, and how many there were."""
    n = share.stop - share.start
    if n == 0:
        return torch.zeros_like(learner.noise), pieces
    draws = random_state(learner.noise.device)

    def again() -> None:
        restore_random_state(draws)
        learner.optimiser.zero_grad(set_to_none=True)

    results, pieces = by_pieces(work, n, pieces=pieces, again=again)
    return torch.stack(results).sum(dim=0), pieces


def _backward(learner: Learner, part: Data, weight: Tensor, *, leads: bool) -> Tensor:
    """Add a piece's share to the gradient; what no sample has a share in is added by the piece that leads."""
    bf16 = learner.training.precision == "bf16"
    with torch.autocast(part.flat.device.type, dtype=torch.bfloat16, enabled=bf16):
        losses = task_losses(learner.network, part)
    losses = losses * weight
    # Kendall, Gal and Cipolla 2018: a task's weight is the inverse of a learned noise level.
    weighted = torch.exp(-learner.noise) * losses
    if leads:
        prior = prior_penalty(learner.network, learner.training) / learner.n_train
        total = (weighted + 0.5 * learner.noise).sum() + prior
    else:
        total = weighted.sum()
    total.backward()  # type: ignore[no-untyped-call]
    return losses.detach()


def _add_up_gradients(learner: Learner, losses: Tensor) -> None:
    if learner.team.size == 1:
        return
    moved = [p for p in (*learner.network.parameters(), learner.noise) if p.requires_grad]
    for parameter in moved:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    add_up([*(p.grad for p in moved if p.grad is not None), losses], learner.team)


@contextmanager
def _own_draws(learner: Learner, device: torch.device) -> Iterator[None]:
    """Let each process of a team drop out units of its own, and leave the common draws where they were."""
    if learner.team.size == 1:
        yield
        return
    before = random_state(device)
    sequence = np.random.SeedSequence([learner.seed, learner.steps, learner.team.rank])
    torch.manual_seed(int(sequence.generate_state(1)[0]))
    try:
        yield
    finally:
        restore_random_state(before)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """State of torch's random numbers: those of the processor, and of the GPU where that is the device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random_state(states: Mapping[str, Tensor]) -> None:
    """Put back what `random_state` gave; that of a GPU goes to the current one."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"])
