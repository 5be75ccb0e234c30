"""Calibration on held-out folds, and how wide an answer's interval is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor

from metarisk.features.batch import Targets
from metarisk.losses.masked import discrete_hazard_loss
from metarisk.models.network import Network
from metarisk.nn.heads import TaskLayout
from metarisk.schema.assays import Assay

MIN_EVENTS = 10
SLOPE_RANGE = (0.1, 3.0)

DoubleArray = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Straight lines on the log odds, one an output, and what a missing assay costs.

    Attributes
    ----------
    slope, offset
        Calibrated output = slope * output + offset, shape (O,) each; the slopes of hazards over time stay
        as they are.
    missing_spread
        Assay -> standard deviation of what its absence does to each calibrated output, shape (O,).
    """

    slope: DoubleArray
    offset: DoubleArray
    missing_spread: Mapping[Assay, DoubleArray]

    def apply(self, outputs: NDArray[np.float32]) -> DoubleArray:
        """Calibrated outputs, shape (..., O) to (..., O)."""
        return outputs * self.slope + self.offset


def fit_calibration(
    held_out: NDArray[np.float32], targets: Targets, layout: TaskLayout, baseline: Network
) -> Calibration:
    """Fit one line an output on predictions that their network did not see.

    Logistic recalibration (Platt scaling) of each yes / no endpoint, with Platt's smoothed targets; for dated
    endpoints the same line on each cause's level, fitted on the likelihood of the hazards.

    Parameters
    ----------
    held_out
        Output of each training sample from the members that did not train on it, shape (N, O).
    targets
        What is known of the N samples.
    layout
        The questions.
    baseline
        A member whose hazard baselines stand for the ensemble's.
    """
    slope, offset = np.ones(layout.outputs), np.zeros(layout.outputs)
    for column in range(len(layout.binary)):
        slope[column], offset[column] = _platt(held_out[:, column], targets.binary[:, column])
    for endpoint, causes in layout.timed.items():
        start = layout.columns(endpoint).start
        lines = _hazard_lines(held_out, targets, endpoint, baseline)
        slope[start : start + len(causes)], offset[start : start + len(causes)] = lines
    return Calibration(slope, offset, {})


def _platt(logit: NDArray[np.float32], label: NDArray[np.float32]) -> tuple[float, float]:
    known = ~np.isnan(label)
    x, y = logit[known].astype(np.float64), label[known].astype(np.float64)
    positives, negatives = y.sum(), len(y) - y.sum()
    if min(positives, negatives) < MIN_EVENTS:
        return 1.0, 0.0
    smoothed = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(line: DoubleArray) -> float:
        z = line[0] * x + line[1]
        return float(np.mean(np.logaddexp(0.0, z) - smoothed * z))

    def gradient(line: DoubleArray) -> DoubleArray:
        residual = expit(line[0] * x + line[1]) - smoothed
        return np.array([np.mean(residual * x), np.mean(residual)])

    fitted = minimize(loss, [1.0, 0.0], jac=gradient, method="L-BFGS-B", bounds=[SLOPE_RANGE, (None, None)])
    return float(fitted.x[0]), float(fitted.x[1])


def _hazard_lines(
    held_out: NDArray[np.float32], targets: Targets, endpoint: str, baseline: Network
) -> tuple[DoubleArray, DoubleArray]:
    """Slope and offset of each cause's level, shape (J,) each; identity where too few events were seen."""
    columns = baseline.layout.columns(endpoint)
    outputs = torch.from_numpy(held_out[:, columns].astype(np.float64))
    time_bin = torch.from_numpy(targets.time_bin[endpoint])
    event = torch.from_numpy(targets.event[endpoint])
    causes = outputs.shape[1] // 2
    counts = np.array([int((event[time_bin >= 0] == cause + 1).sum()) for cause in range(causes)])
    if counts.min() < MIN_EVENTS:
        return np.ones(causes), np.zeros(causes)
    head = baseline.baselines[endpoint]

    def loss(line: DoubleArray) -> tuple[float, DoubleArray]:
        parameters: Tensor = torch.tensor(line, requires_grad=True)
        level = outputs[:, :causes] * parameters[:causes] + parameters[causes:]
        logits = head(torch.cat([level, outputs[:, causes:]], dim=1))
        value = discrete_hazard_loss(logits, time_bin, event)
        value.backward()  # type: ignore[no-untyped-call]
        assert parameters.grad is not None
        return float(value.detach()), parameters.grad.numpy()

    start = np.concatenate([np.ones(causes), np.zeros(causes)])
    bounds = [SLOPE_RANGE] * causes + [(None, None)] * causes
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return fitted.x[:causes], fitted.x[causes:]
