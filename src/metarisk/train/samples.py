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
