"""What a fit minimises: masked losses with learned task weights, and the priors of the weights."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from metarisk.config.training import TrainingSection
from metarisk.losses.masked import binary_loss, discrete_hazard_loss
from metarisk.models.network import Network
from metarisk.nn.heads import HazardBaseline
from metarisk.train.samples import Data


def task_losses(network: Network, data: Data) -> Tensor:
    """Loss of each task, yes / no endpoints first, shape (T,)."""
    answer = network(data.assays, data.flat)
    n_binary = len(network.layout.binary)
    losses = [binary_loss(answer.outputs[:, :n_binary], data.binary)]
    for endpoint in network.layout.timed:
        logits = network.hazard_logits(answer.outputs, endpoint)
        losses.append(discrete_hazard_loss(logits, data.time_bin[endpoint], data.event[endpoint])[None])
    return torch.cat(losses)


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
        total = total + away.square().sum() / (2.0 * width**2)
    return total


def count_tasks(network: Network) -> int:
    """Tasks T of `task_losses`."""
    return len(network.layout.binary) + len(network.layout.timed)
