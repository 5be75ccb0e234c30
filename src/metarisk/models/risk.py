"""The risk behind each question, on the log odds: what conformal limits are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from metarisk.models.calibration import Calibration
from metarisk.models.conformal import EVER, Asked, DoubleArray
from metarisk.models.ensemble import Ensemble
from metarisk.nn.heads import TaskLayout

# Risks beyond one in a million are told apart by nobody.
SURE = 1e-6


def by_fold(outputs: NDArray[np.float32], folds: int) -> NDArray[np.float32]:
    """Mean output of the members that left out each fold, m of fold m mod K, (M, N, O) to (K, N, O)."""
    folds = folds if len(outputs) >= folds else len(outputs)
    return np.asarray(outputs.reshape(-1, folds, *outputs.shape[1:]).mean(axis=0))


class Risks(NamedTuple):
    """Log odds of "yes"; higher is worse.

    Attributes
    ----------
    asked
        Question -> risk, shape (K, N) each.
    over_time
        Dated endpoint -> risk of each of J causes by the end of each of L intervals, shape (K, N, L, J) each.
    """

    asked: dict[Asked, DoubleArray]
    over_time: dict[str, DoubleArray]


def risks(
    ensemble: Ensemble,
    calibration: Calibration,
    outputs: NDArray[np.float32],
    horizons_days: Sequence[float],
) -> Risks:
    """Risk behind every question.

    A yes / no endpoint's are its calibrated output, a dated endpoint's those of its calibrated incidence.

    Parameters
    ----------
    ensemble, calibration
        The fitted model.
    outputs
        Of the members that left out each of K folds, before calibration, shape (K, N, O).
    horizons_days
        Times at which dated endpoints are read.
    """
    layout = ensemble.plan.layout
    calibrated = calibration.apply(outputs)
    asked = {
        Asked(endpoint, "", EVER): calibrated[..., column] for column, endpoint in enumerate(layout.binary)
    }
    over_time = {endpoint: _over_time(ensemble, endpoint, calibrated) for endpoint in layout.timed}
    for endpoint, causes in layout.timed.items():
        for horizon in horizons_days:
            by_then = over_time[endpoint][..., interval_of(layout, endpoint, horizon), :]  # (K, N, J)
            for index, cause in enumerate(causes):
                asked[Asked(endpoint, cause, horizon)] = by_then[..., index]
    return Risks(asked, over_time)


def _over_time(ensemble: Ensemble, endpoint: str, calibrated: DoubleArray) -> DoubleArray:
    likely = np.stack([incidence(ensemble, endpoint, fold) for fold in calibrated])
    yes = np.clip(likely, SURE, 1.0 - SURE)
    return np.asarray(np.log(yes) - np.log1p(-yes))


def output_of(layout: TaskLayout, asked: Asked) -> int:
    """Output that carries a question: its logit, or its cause's level."""
    if asked.horizon_days == EVER:
        return layout.binary.index(asked.endpoint)
    start: int = layout.columns(asked.endpoint).start
    return start + layout.timed[asked.endpoint].index(asked.cause)


def interval_of(layout: TaskLayout, endpoint: str, horizon_days: float) -> int:
    """Interval of a dated endpoint whose end is the horizon, the last one for later horizons."""
    edges = layout.bin_edges_days[endpoint]
    return min(int(np.searchsorted(edges, horizon_days - 1e-6)), len(edges) - 1)


@torch.no_grad()
def incidence(ensemble: Ensemble, endpoint: str, outputs: DoubleArray) -> DoubleArray:
    """Cumulative incidence under the members' mean hazard baseline, shape (N, O) to (N, K, J)."""
    inputs = torch.from_numpy(outputs.astype(np.float32)).to(next(ensemble.parameters()).device)
    likely = torch.stack([member.incidence(inputs, endpoint) for member in ensemble.networks]).cpu()
    mean: DoubleArray = likely.mean(dim=0).double().numpy()
    return mean
