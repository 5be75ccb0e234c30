"""Heads: what the O output numbers of the network mean, and the probabilities they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TaskLayout:
    """The questions and where each stands among the outputs.

    Attributes
    ----------
    binary
        Yes / no endpoints, length B: outputs 0 .. B-1 are their logits.
    timed
        Dated endpoint -> its causes; each cause has two outputs, a level and a slope over time.
    bin_edges_days
        Dated endpoint -> ends of its K intervals in days, ascending; the first interval starts at 0.
    """

    binary: tuple[str, ...]
    timed: Mapping[str, tuple[str, ...]]
    bin_edges_days: Mapping[str, tuple[float, ...]]

    @cached_property
    def outputs(self) -> int:
        """Output numbers O."""
        return len(self.binary) + 2 * sum(map(len, self.timed.values()))

    def columns(self, endpoint: str) -> slice:
        """Outputs of one dated endpoint: J levels, then J slopes."""
        start = len(self.binary)
        for name, causes in self.timed.items():
            if name == endpoint:
                return slice(start, start + 2 * len(causes))
            start += 2 * len(causes)
        raise KeyError(endpoint)


class HazardBaseline(nn.Module):
    """Log odds of each cause in each interval before anything is known of the patient.

    Parameters
    ----------
    intervals
        Intervals K.
    causes
        Causes J.
    """

    clock: Tensor

    def __init__(self, intervals: int, causes: int) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.full((intervals, causes), -3.0))
        self.register_buffer("clock", torch.linspace(-1.0, 1.0, intervals), persistent=False)

    def forward(self, outputs: Tensor) -> Tensor:
        """Cause-specific log odds against "no event in this interval".

        Parameters
        ----------
        outputs
            Levels and slopes, shape (..., N, 2 J).

        Returns
        -------
        Tensor
            Shape (..., N, K, J): baseline + level + slope * clock, the clock running from -1 to 1.
        """
        level, slope = outputs.chunk(2, dim=-1)
        return self.level + level.unsqueeze(-2) + slope.unsqueeze(-2) * self.clock[:, None]


def cumulative_incidence(hazard_logits: Tensor) -> Tensor:
    """Probability of each cause by the end of each interval, the other causes competing.

    Parameters
    ----------
    hazard_logits
        Log odds against no event, shape (..., K, J).

    Returns
    -------
    Tensor
        Shape (..., K, J), ascending along K; higher is worse.
    """
    none = torch.zeros_like(hazard_logits[..., :1])
    hazard = torch.softmax(torch.cat([none, hazard_logits], dim=-1), dim=-1)  # (..., K, 1 + J)
    free_after = torch.cumprod(hazard[..., 0], dim=-1)
    free_before = torch.cat([torch.ones_like(free_after[..., :1]), free_after[..., :-1]], dim=-1)
    return torch.cumsum(free_before.unsqueeze(-1) * hazard[..., 1:], dim=-2)
