"""Training samples on a device: taken row by row, and robbed of whole assays so that any subset scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from metarisk.features.batch import Batch, Targets
from metarisk.models.ensemble import tensors
from metarisk.models.network import NetworkPlan


class Data(NamedTuple):
    """Training samples on the device: assay -> (N, Ga, C), flat (N, F), and targets."""

    assays: Mapping[str, Tensor]
    flat: Tensor
    binary: Tensor
    time_bin: Mapping[str, Tensor]
    event: Mapping[str, Tensor]

    def take(self, rows: Tensor | slice) -> Data:
        """Rows in the order asked for; copies, or views where a slice asks."""
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


def draw_lost(data: Data, n: int, rate: float) -> dict[str, Tensor]:
    """Which of n samples lose which assay: assay -> True where lost, shape (n,); empty at a rate of 0."""
    if rate == 0.0:
        return {}
    return {name: torch.rand(n, device=data.flat.device) < rate for name in data.assays}


def take_without(data: Data, rows: Tensor, columns: Mapping[str, Tensor], lost: Mapping[str, Tensor]) -> Data:
    """Rows robbed of whole assays, on the graph and in the flat table alike.

    Parameters
    ----------
    data
        All samples; stays as it is.
    rows
        Which to take, shape (n,).
    columns
        Assay -> True at its columns of the flat table, shape (F,).
    lost
        Assay -> True where a row loses it, shape (n,).
    """
    part = data.take(rows)
    for name, gone in lost.items():
        at = gone.nonzero().squeeze(1)
        part.assays[name][at] = 0.0
        part.flat[at] = part.flat[at].masked_fill(columns[name], torch.nan)
    return part


def labels_known(data: Data, rows: Tensor | slice) -> Tensor:
    """How many of the rows know the answer to each task, in the order of `task_losses`, shape (T,)."""
    binary = (~torch.isnan(data.binary[rows])).sum(dim=0)
    timed = [(bins[rows] >= 0).sum()[None] for bins in data.time_bin.values()]
    return torch.cat([binary, *timed])


def assay_columns(plan: NetworkPlan, data: Data) -> dict[str, Tensor]:
    """Assay -> True at its columns of the flat table, shape (F,)."""
    groups = np.array(plan.groups, dtype=str)
    return {name: torch.from_numpy(groups == name).to(data.flat.device) for name in data.assays}
