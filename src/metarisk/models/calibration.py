"""Calibration on held-out folds, and how wide an answer's interval is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from metarisk.features.batch import Targets
from metarisk.losses.masked import discrete_hazard_loss
from metarisk.models.conformal import NO_SETS, ConformalSets, DoubleArray
from metarisk.models.network import Network
from metarisk.nn.heads import TaskLayout
from metarisk.schema.assays import Assay

MIN_EVENTS = 10
ISOTONIC_EVENTS = 200
SMALLEST_STEP = 10
SLOPE_RANGE = (0.1, 3.0)

Method = Literal["platt", "temperature", "isotonic"]


@dataclass(frozen=True)
class Calibration:
    """Rising curves on the log odds, one an output, what a missing assay costs, and limits of sets.

    Attributes
    ----------
    slope, offset
        Calibrated output = slope * output + offset, shape (O,) each; the slopes of hazards over time stay
        as they are.
    missing_spread
        Assay -> standard deviation of what its absence does to each calibrated output, shape (O,).
    steps
        Output -> knots of the curve that stands in place of its line, log odds before and after, shape (2, J)
        each; straight between knots, level beyond them.
    sets
        What decides the conformal sets.
    """

    slope: DoubleArray
    offset: DoubleArray
    missing_spread: Mapping[Assay, DoubleArray]
    steps: Mapping[int, DoubleArray] = field(default_factory=dict)
    sets: ConformalSets = NO_SETS

    def apply(self, outputs: NDArray[np.float32]) -> DoubleArray:
        """Calibrated outputs, shape (..., O) to (..., O)."""
        calibrated = outputs * self.slope + self.offset
        for column, (before, after) in self.steps.items():
            calibrated[..., column] = np.interp(outputs[..., column], before, after)
        return calibrated


def fit_calibration(
    held_out: NDArray[np.float32],
    targets: Targets,
    layout: TaskLayout,
    baseline: Network,
    method: Method = "platt",
) -> Calibration:
    """Fit one curve an output on predictions that their network did not see.

    Of each yes / no endpoint by the method asked for; for dated endpoints a line on each cause's level,
    fitted on the likelihood of the hazards.

    * ``platt``: logistic recalibration with Platt's smoothed targets (Platt, Probabilistic outputs for
      support vector machines, 1999).
    * ``temperature``: its slope alone (Guo et al., On calibration of modern neural networks, 2017).
    * ``isotonic``: the rising steps of least squares (Zadrozny and Elkan, Transforming classifier scores into
      accurate multiclass probability estimates, 2002), joined by straight lines, for an endpoint with
      `ISOTONIC_EVENTS` events and as many non-events; ``platt`` for the others.

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
    method
        Of the yes / no endpoints.
    """
    slope, offset = np.ones(layout.outputs), np.zeros(layout.outputs)
    steps: dict[int, DoubleArray] = {}
    for column in range(len(layout.binary)):
        known = ~np.isnan(targets.binary[:, column])
        logit, label = held_out[known, column].astype(np.float64), targets.binary[known, column]
        if method == "isotonic" and _rarer(label) >= ISOTONIC_EVENTS:
            steps[column] = _isotonic(logit, label.astype(np.float64))
        elif _rarer(label) >= MIN_EVENTS:
            fit = _temperature if method == "temperature" else _platt
            slope[column], offset[column] = fit(logit, label.astype(np.float64))
    for endpoint, causes in layout.timed.items():
        start = layout.columns(endpoint).start
        lines = _hazard_lines(held_out, targets, endpoint, baseline)
        slope[start : start + len(causes)], offset[start : start + len(causes)] = lines
    return Calibration(slope, offset, {}, steps)


def calibration_in_words(calibration: Calibration, layout: TaskLayout, method: Method) -> Iterator[str]:
    """Yes / no endpoints that isotonic calibration was asked of and that have a line, one sentence each."""
    if method == "isotonic":
        for column, endpoint in enumerate(layout.binary):
            if column not in calibration.steps:
                yield (
                    f"{endpoint} is calibrated by a line: an isotonic curve needs {ISOTONIC_EVENTS} events "
                    "and as many non-events."
                )


def _rarer(label: NDArray[np.float32]) -> int:
    return int(min((label == 1).sum(), (label == 0).sum()))


def _platt(x: DoubleArray, y: DoubleArray) -> tuple[float, float]:
    from scipy.optimize import minimize

    low, high = _bounds(y)
    smoothed = np.where(y == 1, high, low)

    def loss(line: DoubleArray) -> float:
        z = line[0] * x + line[1]
        return float(np.mean(np.logaddexp(0.0, z) - smoothed * z))

    def gradient(line: DoubleArray) -> DoubleArray:
        residual = expit(line[0] * x + line[1]) - smoothed
        return np.array([np.mean(residual * x), np.mean(residual)])

    fitted = minimize(loss, [1.0, 0.0], jac=gradient, method="L-BFGS-B", bounds=[SLOPE_RANGE, (None, None)])
    return float(fitted.x[0]), float(fitted.x[1])


def _temperature(x: DoubleArray, y: DoubleArray) -> tuple[float, float]:
    from scipy.optimize import minimize_scalar

    def loss(slope: float) -> float:
        return float(np.mean(np.logaddexp(0.0, slope * x) - y * slope * x))

    fitted = minimize_scalar(loss, bounds=SLOPE_RANGE, method="bounded", options={"xatol": 1e-6})
    return float(fitted.x), 0.0


def _isotonic(x: DoubleArray, y: DoubleArray) -> DoubleArray:
    """Knots at the middle of each step: mean log odds of its patients, and its share of events, (2, J).

    Steps of under `SMALLEST_STEP` patients join the one below, so that no knot is a patient's own.
    """
    from sklearn.isotonic import IsotonicRegression

    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    value = IsotonicRegression().fit_transform(x, y)
    step = np.cumsum(np.diff(value, prepend=value[0]) > 0)
    step = _joined(np.bincount(step))[step]
    n = np.bincount(step)
    share = np.clip(np.bincount(step, weights=y) / n, *_bounds(y))
    return np.stack([np.bincount(step, weights=x) / n, np.log(share / (1.0 - share))])


def _joined(sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number of the larger step that each step becomes a part of, shape (steps,)."""
    joined = np.zeros(len(sizes), dtype=np.intp)
    number, filled = 0, 0
    for at, size in enumerate(sizes):
        full = filled >= SMALLEST_STEP and sizes[at:].sum() >= SMALLEST_STEP
        number, filled = (number + 1, size) if full else (number, filled + size)
        joined[at] = number
    return joined


def _bounds(label: DoubleArray) -> tuple[float, float]:
    """Platt's targets of "no" and "yes": as near to 0 and 1 as so many patients can tell."""
    positives, negatives = label.sum(), len(label) - label.sum()
    return float(1 / (negatives + 2)), float((positives + 1) / (positives + 2))


def _hazard_lines(
    held_out: NDArray[np.float32], targets: Targets, endpoint: str, baseline: Network
) -> tuple[DoubleArray, DoubleArray]:
    """Slope and offset of each cause's level, shape (J,) each; identity where too few events were seen."""
    from scipy.optimize import minimize

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
