"""What a fit minimises: masked losses with learned task weights, and the priors of the weights."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from metarisk.config.training import TrainingSection
from metarisk.losses.masked import binary_loss, discrete_hazard_loss
from metarisk.models.network import Network
from metarisk.nn.copies import copies_of
from metarisk.nn.heads import HazardBaseline
from metarisk.train.samples import Data

POWERS = {"root": 0.5, "balanced": 1.0}


def task_losses(network: Network, data: Data) -> Tensor:
    """Loss of each task, yes / no endpoints first, shape (T,).

    While learning: the mean of the copies' losses, each copy judged alone, with the weights of rare answers.
    In evaluation: the loss of the copies' mean answer, which is what a model ships, without weights.
    """
    copies = network.direct.n_copies if network.training else 1
    weight = network.class_weight if network.training else None
    if copies > 1:  # as many known answers in each copy, so one mean over all is the mean of theirs
        outputs = network.copies(data.assays, data.flat).flatten(0, 1)  # (K N, O)
    else:
        outputs = network(data.assays, data.flat).outputs  # (N, O)
    n_binary = len(network.layout.binary)
    losses = [binary_loss(outputs[:, :n_binary], data.binary.repeat(copies, 1), weight)]
    for endpoint in network.layout.timed:
        logits = network.hazard_logits(outputs, endpoint)
        bins, events = data.time_bin[endpoint].repeat(copies), data.event[endpoint].repeat(copies)
        losses.append(discrete_hazard_loss(logits, bins, events)[None])
    return torch.cat(losses)


@torch.no_grad()
def set_base_rates(network: Network, data: Data, rows: Tensor, imbalance: str = "none") -> None:
    """Start each answer at the training rate, so that the first epochs are not spent on finding it.

    Parameters
    ----------
    network, data, rows
        Whose answers, and the samples and rows that it will learn from.
    imbalance
        ``none``, ``root`` or ``balanced``: how much more a rare answer will count (`class_weights`).
    """
    labels = data.binary[rows]
    known = (~torch.isnan(labels)).sum(dim=0)
    rate = (torch.nan_to_num(labels).sum(dim=0) + 0.5) / (known + 1.0)
    network.bias[: len(rate)] = torch.logit(rate)
    network.class_weight = class_weights(rate, imbalance)
    for endpoint, causes in network.layout.timed.items():
        bins, events = data.time_bin[endpoint][rows], data.event[endpoint][rows]
        baseline = cast(HazardBaseline, network.baselines[endpoint])
        at_risk = torch.stack([(bins >= k).sum() for k in range(len(baseline.clock))])
        for cause in range(len(causes)):
            ended = torch.bincount(bins[(bins >= 0) & (events == cause + 1)], minlength=len(at_risk))
            hazard = ((ended + 0.1) / (at_risk + 1.0)).clamp(1e-5, 0.9)
            baseline.level[:, cause] = torch.logit(hazard)


def class_weights(rate: Tensor, imbalance: str) -> Tensor | None:
    """Weights of a "no" and a "yes" by the rate of "yes", their mean over the samples 1, shape (2, B).

    The inverse of the frequency of the answer to the power 1/2 (``root``) or 1 (``balanced``: all "no" and
    all "yes" count the same); None for ``none``.
    """
    if imbalance == "none":
        return None
    frequency = torch.stack([1.0 - rate, rate])
    weight = frequency ** -POWERS[imbalance]
    return weight / (frequency * weight).sum(dim=0)


def prior_penalty(network: Network, training: TrainingSection) -> Tensor:
    """Negative log density of the weights under their Gaussian priors, up to a constant; a scalar.

    Base rates, gates and hazard baselines are free. Pretrained weights have their prior around the values
    they began with (Li, Grandvalet and Davoine, Explicit Inductive Bias for Transfer Learning with
    Convolutional Networks, 2018).
    """
    total = torch.zeros((), device=network.bias.device)
    for name, parameter in network.named_parameters():
        if name in {"bias", "gate"} or name.startswith("baselines."):
            continue
        width = training.direct_prior if name.startswith("direct.") else training.graph_prior
        centre = network.prior_centres.get(name)
        away = parameter if centre is None else parameter - centre.to(parameter.device)
        # Copies share one prior as they share one likelihood: the mean of theirs.
        total = total + away.square().sum() / (2.0 * width**2 * copies_of(name, parameter))
    return total


def count_tasks(network: Network) -> int:
    """Tasks T of `task_losses`."""
    return len(network.layout.binary) + len(network.layout.timed)
