"""The answers that are explained, and how each is read from the network's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarisk.errors import InputError, nearest
from metarisk.explain.quadrature import gauss_legendre
from metarisk.models.bundle import ModelBundle
from metarisk.models.conformal import EVER, Asked
from metarisk.models.ensemble import Ensemble
from metarisk.models.risk import SURE, interval_of

POINTS = 16  # of the quadrature over an answer's outputs, which costs nothing
STILL = 1e-7  # log odds; an output that moved less has not moved

DoubleArray = NDArray[np.float64]


def questions_of(bundle: ModelBundle) -> dict[str, Asked]:
    """Every answer by name: ``site.bone``, ``response``, ``metastasis@365`` (days); first causes only."""
    layout, horizons = bundle.ensemble.plan.layout, bundle.experiment.tasks.horizons_days
    asked = {name: Asked(name, "", EVER) for name in layout.binary}
    for endpoint, causes in layout.timed.items():
        asked |= {f"{endpoint}@{days:g}": Asked(endpoint, causes[0], days) for days in horizons}
    return asked


def choose_questions(bundle: ModelBundle, names: Sequence[str]) -> dict[str, Asked]:
    """The answers asked for, all where none is named; ``metastasis`` stands for all its horizons.

    Raises
    ------
    InputError
        If the model answers no such question; the nearest is named.
    """
    known = questions_of(bundle)
    chosen: dict[str, Asked] = {}
    for name in names:
        found = {key: asked for key, asked in known.items() if name in {key, asked.endpoint}}
        if not found:
            endpoints = {asked.endpoint for asked in known.values()}
            raise InputError(
                f"{bundle.name} answers no question {name!r}",
                do=nearest(name, endpoints | set(known)),
            )
        chosen |= found
    return chosen or known


class Link(NamedTuple):
    """How answers hang on the outputs of n samples.

    Attributes
    ----------
    log_odds
        Answers as scored, calibrated, shape (Q, n).
    reference
        Those of the patient that they are compared with, shape (Q, 1).
    weight
        Of each output in each answer: outputs times it, summed, are the answers' distances from the
        reference, shape (Q, n, O).
    """

    log_odds: DoubleArray
    reference: DoubleArray
    weight: Tensor


def log_odds_of(bundle: ModelBundle, questions: Sequence[Asked], outputs: NDArray[np.float32]) -> DoubleArray:
    """Log odds of each answer as it is scored, from every member's outputs, (M, n, O) to (Q, n)."""
    calibrated = bundle.calibration.apply(outputs).mean(axis=0)
    rows = [
        calibrated[:, bundle.ensemble.plan.layout.binary.index(asked.endpoint)]
        if asked.horizon_days == EVER
        else _by_then(bundle.ensemble, asked, torch.from_numpy(calibrated).float()).detach().double().numpy()
        for asked in questions
    ]
    return np.stack(rows)


def link(
    bundle: ModelBundle,
    questions: Sequence[Asked],
    outputs: NDArray[np.float32],
    start: NDArray[np.float32],
) -> Link:
    """Weights with which the outputs' distances from a reference add up to the answers' distances.

    A yes / no answer hangs on one output, and its weight is the slope of the calibration from start to end.
    An answer by a horizon is a curved function of levels and slopes of all causes, so its weights are the
    mean gradient on the straight way from start to end (integrated gradients over a handful of numbers).

    Parameters
    ----------
    bundle
        A model.
    questions
        What is answered, length Q.
    outputs
        Every member's outputs, shape (M, n, O).
    start
        Those of the reference, shape (M, 1, O).
    """
    layout, calibration = bundle.ensemble.plan.layout, bundle.calibration
    end_odds, start_odds = (log_odds_of(bundle, questions, raw) for raw in (outputs, start))
    weight = np.zeros((len(questions), outputs.shape[1], layout.outputs))
    moved = outputs.mean(axis=0, dtype=np.float64) - start.mean(axis=0, dtype=np.float64)  # (n, O)
    for place, asked in enumerate(questions):
        if asked.horizon_days == EVER:
            column = layout.binary.index(asked.endpoint)
            far = np.abs(moved[:, column]) > STILL
            change = (end_odds[place] - start_odds[place])[far] / moved[far, column]
            weight[place, :, column] = calibration.slope[column]
            weight[place, far, column] = change
        else:
            ends = (calibration.apply(raw).mean(axis=0) for raw in (start, outputs))
            weight[place] = _mean_gradient(bundle.ensemble, asked, *ends) * calibration.slope
    return Link(end_odds, start_odds, torch.from_numpy(weight).float())


def _by_then(ensemble: Ensemble, asked: Asked, outputs: Tensor) -> Tensor:
    """Log odds of the cause by the horizon, (n, O) to (n,)."""
    layout = ensemble.plan.layout
    column = interval_of(layout, asked.endpoint, asked.horizon_days)
    cause = layout.timed[asked.endpoint].index(asked.cause)
    each = [member.incidence(outputs, asked.endpoint)[:, column, cause] for member in ensemble.networks]
    return torch.logit(torch.stack(each).mean(dim=0).clamp(SURE, 1.0 - SURE))


def _mean_gradient(ensemble: Ensemble, asked: Asked, start: DoubleArray, end: DoubleArray) -> DoubleArray:
    """Mean gradient of the log odds between two calibrated outputs, (1, O) and (n, O) to (n, O)."""
    total = np.zeros_like(end)
    for node, weight in gauss_legendre(POINTS):
        here = torch.from_numpy(start + node * (end - start)).float().requires_grad_()
        (gradient,) = torch.autograd.grad(_by_then(ensemble, asked, here).sum(), here)
        total += weight * gradient.double().numpy()
    return total
