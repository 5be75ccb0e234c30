"""Calibrated answers read from outputs of the members: of the ensemble, and of each of its folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from metarisk.models.bundle import ModelBundle
from metarisk.models.conformal import EVER, Asked
from metarisk.models.risk import SURE, by_fold, interval_of, output_of

if TYPE_CHECKING:
    from torch import Tensor

DoubleArray = NDArray[np.float64]
FloatArray = NDArray[np.float32]
DEATH = "death"
ROWS = 8192  # that are read at a time


class AnswerReader:
    """Reads every question of a model, but for deaths that only compete with another event.

    Parameters
    ----------
    bundle
        The model.

    Attributes
    ----------
    asked
        The questions, length A.
    columns
        Output that carries each question, length A.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self.layout = bundle.ensemble.plan.layout
        horizons = bundle.experiment.tasks.horizons_days
        yes_no = [Asked(endpoint, "", EVER) for endpoint in self.layout.binary]
        dated = [
            Asked(endpoint, cause, horizon)
            for endpoint, causes in self.layout.timed.items()
            for cause in causes
            if cause != DEATH or len(causes) == 1
            for horizon in horizons
        ]
        self.asked = (*yes_no, *dated)
        self.columns = [output_of(self.layout, question) for question in self.asked]
        self.baselines = {
            endpoint: DatedReader(bundle, endpoint, own)
            for endpoint in self.layout.timed
            if (own := [question for question in dated if question.endpoint == endpoint])
        }

    @property
    def folds(self) -> int:
        """Folds K that the members left out, as far as there are members."""
        ensemble = self.bundle.ensemble
        return min(ensemble.folds, len(ensemble.networks))

    def read(self, outputs: FloatArray) -> DoubleArray:
        """Probabilities of the ensemble, then of each fold's members alone.

        Parameters
        ----------
        outputs
            Of each member before calibration, shape (M, N, O).

        Returns
        -------
        ndarray
            Shape (1 + K, A, N); higher is worse, for the response better.
        """
        calibrated: DoubleArray = self.bundle.calibration.apply(outputs)
        folds = by_fold(calibrated, self.bundle.ensemble.folds)  # type: ignore[arg-type]
        levels = np.concatenate([calibrated.mean(axis=0)[None], folds]).astype(np.float64)  # (1 + K, N, O)
        probability = np.empty((len(levels), len(self.asked), levels.shape[1]))
        for at, question in enumerate(self.asked):
            if question.horizon_days == EVER:
                probability[:, at] = expit(levels[..., self.columns[at]])
        for endpoint, baseline in self.baselines.items():
            own = [at for at, question in enumerate(self.asked) if question in baseline.asked]
            probability[:, own] = baseline.read(levels[..., self.layout.columns(endpoint)])
        return probability


class DatedReader:
    """Reads the horizons of one dated endpoint, the mean over the members' hazard baselines.

    The numbers are those of `metarisk.nn.heads.cumulative_incidence`; what the baselines share is done once.

    Parameters
    ----------
    bundle
        The model.
    endpoint
        The dated endpoint.
    asked
        Its questions, length a.
    """

    def __init__(self, bundle: ModelBundle, endpoint: str, asked: Sequence[Asked]) -> None:
        layout = bundle.ensemble.plan.layout
        modules = [member.baselines[endpoint] for member in bundle.ensemble.networks]
        levels = [cast("Tensor", module.level).detach().cpu().double().numpy() for module in modules]
        self.factor = np.exp(np.stack(levels, axis=1))  # (L, M, J)
        self.clock = cast("Tensor", modules[0].clock).double().cpu().numpy()
        self.asked = tuple(asked)
        self.interval = [interval_of(layout, endpoint, question.horizon_days) for question in asked]
        self.cause = [layout.timed[endpoint].index(question.cause) for question in asked]

    def read(self, outputs: DoubleArray) -> DoubleArray:
        """Probabilities from calibrated levels and slopes, shape (K, N, 2 J) to (K, a, N)."""
        rows = outputs.reshape(-1, outputs.shape[2])
        parts = [self._rows(rows[at : at + ROWS]) for at in range(0, len(rows), ROWS)]
        read = np.concatenate(parts, axis=1).reshape(len(self.asked), *outputs.shape[:2])
        return read.transpose(1, 0, 2)

    def _rows(self, outputs: DoubleArray) -> DoubleArray:
        """Probabilities of some rows, shape (n, 2 J) to (a, n)."""
        causes, members = self.factor.shape[2], self.factor.shape[1]
        level, slope = outputs[:, :causes].T, outputs[:, causes:].T  # (J, n)
        free = np.ones((members, len(outputs)))
        so_far, read = np.zeros((causes, len(outputs))), np.empty((len(self.asked), len(outputs)))
        for interval in range(max(self.interval) + 1):
            odds = np.exp(level + slope * self.clock[interval])  # (J, n)
            factor = self.factor[interval]  # (M, J)
            free /= 1.0 + factor @ odds  # free of any event after the interval
            so_far += (factor.T @ free) * odds / members
            for place, wanted in enumerate(self.interval):
                if wanted == interval:
                    read[place] = so_far[self.cause[place]]
        return read


def log_odds(probability: DoubleArray) -> DoubleArray:
    """Log odds of probabilities, none surer than one in a million."""
    return np.asarray(logit(np.clip(probability, SURE, 1.0 - SURE)))


def jackknife_half_width(folds: DoubleArray) -> DoubleArray:
    """Half of a 95 % interval over the ensemble, shape (K, ...) to (...); NaN for fewer than two folds.

    The folds' values are a delete-a-group jackknife of the fit, as for the intervals of scores
    (`metarisk.models.answers`): how far a fit on other patients of the population would have moved it.
    """
    from scipy.special import stdtrit

    if len(folds) < 2:
        return np.full(folds.shape[1:], np.nan)
    return np.asarray(float(stdtrit(len(folds) - 1, 0.975)) * np.sqrt(jackknife_variance(folds)))


def jackknife_variance(folds: DoubleArray) -> DoubleArray:
    """Variance of a fit by a delete-a-group jackknife, shape (K, ...) to (...); 0 for one fold.

    (K - 1)^2 / K times the folds' sample variance (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 11).
    """
    count = len(folds)
    if count < 2:
        return np.zeros(folds.shape[1:])
    return np.asarray((count - 1) ** 2 / count * folds.var(axis=0, ddof=1))
