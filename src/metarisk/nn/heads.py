"""Heads: what the O output numbers of the network mean, and the probabilities they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from metarisk.nn.rowwise import rowwise_linear, rowwise_product

SITE = "site."
HEAD_SPREAD = 0.02  # of a head's first weights


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


class OrganOutput(NamedTuple):
    """An output that is about one organ.

    Attributes
    ----------
    column
        Where it stands among the outputs.
    organ
        ``bone`` of ``site.bone``.
    kind
        ``yes_no``, or the level or slope of a cause of a dated organ: ``level_0``, ``slope_0`` ...
    """

    column: int
    organ: str
    kind: str


def organ_outputs(layout: TaskLayout) -> tuple[OrganOutput, ...]:
    """Outputs of the organotropism head, yes / no and dated, by column."""
    found = [
        OrganOutput(column, name.removeprefix(SITE), "yes_no")
        for column, name in enumerate(layout.binary)
        if name.startswith(SITE)
    ]
    for name, causes in layout.timed.items():
        if name.startswith(SITE):
            start, organ = layout.columns(name).start, name.removeprefix(SITE)
            kinds = [f"{part}_{cause}" for part in ("level", "slope") for cause in range(len(causes))]
            found += [OrganOutput(start + at, organ, kind) for at, kind in enumerate(kinds)]
    return tuple(found)


class OrganHead(nn.Module):
    """A linear head whose organs share what they read: an organ's weights are its embedding times a map.

    Outputs of the same kind (yes / no, level, slope) share one map from the embedding to the F features, and
    an organ has one embedding for all its outputs, so that organs with few cases borrow from the others and a
    dated organ from its yes / no. The other outputs have weights of their own.

    Parameters
    ----------
    features
        Numbers F that the head reads.
    layout
        The questions.
    rank
        Length k of an organ's embedding.
    """

    organ_of: Tensor
    kind_of: Tensor
    organ_column: Tensor
    other_column: Tensor

    def __init__(self, features: int, layout: TaskLayout, rank: int) -> None:
        super().__init__()
        about = organ_outputs(layout)
        self.organs = tuple(dict.fromkeys(output.organ for output in about))
        kinds = tuple(dict.fromkeys(output.kind for output in about))
        columns = [output.column for output in about]
        others = sorted(set(range(layout.outputs)) - set(columns))
        indices = {
            "organ_of": [self.organs.index(output.organ) for output in about],
            "kind_of": [kinds.index(output.kind) for output in about],
            "organ_column": columns,
            "other_column": others,
        }
        for name, index in indices.items():
            self.register_buffer(name, torch.tensor(index, dtype=torch.long), persistent=False)
        self.organ = nn.Parameter(torch.randn(len(self.organs), rank) / rank**0.5)
        self.map = nn.Parameter(HEAD_SPREAD * torch.randn(len(kinds), rank, features))
        self.other = nn.Parameter(HEAD_SPREAD * torch.randn(len(others), features))

    @property
    def weight(self) -> Tensor:
        """Weights of every output, shape (O, F)."""
        organs = torch.einsum("ok,okf->of", self.organ[self.organ_of], self.map[self.kind_of])
        everything = torch.cat([organs, self.other])
        place = torch.cat([self.organ_column, self.other_column])
        return torch.zeros_like(everything).index_copy(0, place, everything)

    def forward(self, features: Tensor) -> Tensor:
        """Outputs from features, shape (N, F) to (N, O)."""
        return rowwise_linear(features, self.weight)


class TherapyReading(nn.Module):
    """How the class of therapy changes what the response reads of pathways: weights of its own, and a shift.

    A class's weights are the common ones plus its embedding times a map, so that a pathway can speak for one
    class and against another, and classes with few patients stay near the common weights. It starts without a
    difference, and stays so for an unknown class and for one that training never met.

    Parameters
    ----------
    columns
        Columns of the flat table that are the levels of the class of therapy.
    features
        Numbers F that the response reads.
    width
        Length of a class's embedding.
    """

    def __init__(self, columns: Sequence[int], features: int, width: int) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.therapy = nn.Parameter(torch.zeros(len(self.columns), width))
        self.map = nn.Parameter(torch.randn(width, features) / features**0.5)
        self.shift = nn.Parameter(torch.randn(width) / width**0.5)

    def forward(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Change of each weight (N, F) and shift of the response (N,), from the flat table (N, F')."""
        embedded = torch.nan_to_num(flat[:, list(self.columns)]) @ self.therapy  # (N, width)
        return rowwise_product(embedded, self.map), (embedded * self.shift).sum(dim=1)


class HazardBaselines(nn.ModuleDict):
    """Hazard baseline of each dated endpoint, found by the endpoint's name."""

    def __init__(self, layout: TaskLayout) -> None:
        super().__init__(
            {
                _module_name(name): HazardBaseline(len(layout.bin_edges_days[name]), len(causes))
                for name, causes in layout.timed.items()
            }
        )

    def __getitem__(self, endpoint: str) -> nn.Module:
        """Baseline of an endpoint, e.g. ``site.bone``."""
        return super().__getitem__(_module_name(endpoint))


def _module_name(endpoint: str) -> str:
    """Name without a dot, which torch keeps for paths."""
    return endpoint.replace(".", "_")


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
