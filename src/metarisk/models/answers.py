"""From the ensemble's outputs to probabilities with intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, stdtrit

from metarisk.features.batch import Batch
from metarisk.models.calibration import Calibration
from metarisk.models.conformal import EVER, Asked, DoubleArray
from metarisk.models.ensemble import ROWS_AT_A_TIME, Ensemble, in_blocks
from metarisk.models.risk import by_fold, incidence, interval_of, output_of, risks
from metarisk.models.set_reading import SetReader

# Under this share of an assay's columns its interval is widened and its row flagged.
PARTLY_MEASURED = 0.5


class Probability(NamedTuple):
    """One question's answer for N samples.

    Attributes
    ----------
    endpoint
        Column of the endpoint table.
    cause
        Which cause of a dated endpoint; empty for yes / no.
    horizon_days
        By when; NaN for "ever".
    value, lower, upper
        Probability and its 95 % interval, shape (N,) each: how sure the fit is of the probability.
    kept
        Whether "no" and "yes" are in the conformal set, shape (N, 2): what can be said of this patient.
        None where the model has no limits for the question.
    graph_share
        Share of the answer that came through the graph, 0 .. 1, shape (N,); None where nobody asked.
    free_until_days
        Until when a share ``level`` of such patients is free of the cause, at most the last horizon, shape
        (N,); None for yes / no endpoints.
    """

    endpoint: str
    cause: str
    horizon_days: float
    value: DoubleArray
    lower: DoubleArray
    upper: DoubleArray
    kept: NDArray[np.bool_] | None = None
    graph_share: DoubleArray | None = None
    free_until_days: DoubleArray | None = None

    def first(self, n: int) -> Probability:
        """Answers for the first n samples."""
        kept = None if self.kept is None else self.kept[:n]
        share = None if self.graph_share is None else self.graph_share[:n]
        free = None if self.free_until_days is None else self.free_until_days[:n]
        numbers = (self.value[:n], self.lower[:n], self.upper[:n])
        return Probability(self.endpoint, self.cause, self.horizon_days, *numbers, kept, share, free)

    @property
    def asked(self) -> Asked:
        """The question that it answers."""
        return Asked(self.endpoint, self.cause, EVER if np.isnan(self.horizon_days) else self.horizon_days)


def probabilities(
    ensemble: Ensemble, calibration: Calibration, batch: Batch, horizons_days: tuple[float, ...]
) -> list[Probability]:
    """Answer every question for every sample.

    The value is the calibrated mean of the members' log odds. The interval says how far a fit on other
    patients of the same population would have moved it (a jackknife over the folds), widened by what each
    missing assay has been seen to change. It does not cover a shift of population, nor what makes patients
    with the same record differ: a 40 % that is known to the digit leaves one patient as open as before. That
    is what the set tells, see `metarisk.models.conformal`. No interval of the probability of one patient can
    be had by conformal means, since nobody ever sees that probability.

    Parameters
    ----------
    ensemble, calibration
        The fitted model.
    batch
        Features of N samples.
    horizons_days
        Times at which dated endpoints are read.

    Returns
    -------
    list
        A sample's numbers are the same to the bit whichever samples stand beside it, see `Ensemble.answers`.
    """
    rows = in_blocks(len(batch), ROWS_AT_A_TIME) if len(batch) else np.empty(0, dtype=np.intp)
    # Whole blocks to the end: vectorised functions treat what is left over with other code.
    filled = batch if len(rows) == len(batch) else batch.take(rows)
    answers = _answers(ensemble, calibration, filled, horizons_days)
    return [answer.first(len(batch)) for answer in answers]


def _answers(
    ensemble: Ensemble, calibration: Calibration, batch: Batch, horizons_days: tuple[float, ...]
) -> list[Probability]:
    raw = ensemble.answers(batch)
    outputs = calibration.apply(raw["outputs"])  # (M, N, O)
    centre = outputs.mean(axis=0)
    extra = missing_variance(calibration, batch)  # (N, O)
    half = _half_width(outputs, ensemble.folds, extra)
    layout = ensemble.plan.layout
    answers = [
        _yes_no(endpoint, centre[:, column], half[:, column]) for column, endpoint in enumerate(layout.binary)
    ]
    for endpoint in layout.timed:
        answers += _dated(ensemble, endpoint, centre, half, horizons_days)
    risk = risks(ensemble, calibration, by_fold(raw["outputs"], ensemble.folds), horizons_days)
    reader = SetReader(calibration.sets, layout, calibration.sets.group_of(batch), np.sqrt(extra))
    return [
        answer._replace(
            kept=reader.kept(answer.asked, risk),
            graph_share=raw["graph_share"][:, output_of(layout, answer.asked)].astype(np.float64),
            free_until_days=reader.free_until(answer.asked, risk),
        )
        for answer in answers
    ]


def missing_variance(calibration: Calibration, batch: Batch) -> DoubleArray:
    """Variance that the assays a sample lacks add to each output, shape (N, O).

    An assay with under `PARTLY_MEASURED` of its columns adds its missing share of what it adds when absent.
    """
    variance = np.zeros((len(batch), len(calibration.slope)))
    for assay, spread in calibration.missing_spread.items():
        measured = batch.assays[assay].measured
        share = measured.sum(axis=1) / max(measured.shape[1], 1)
        lost = np.where(share < PARTLY_MEASURED, 1.0 - share, 0.0)
        variance += lost[:, None] * spread**2
    return variance


def _half_width(outputs: DoubleArray, folds: int, extra_variance: DoubleArray) -> DoubleArray:
    """Half of a 95 % interval on the log odds, shape (N, O).

    The members of a fold and its seeds average to one value; the folds' values are a delete-a-group jackknife
    of the fit (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11): variance
    (K - 1)^2 / K times their sample variance, read with Student's t on K - 1 degrees of freedom.

    Parameters
    ----------
    outputs
        Calibrated outputs, member m of fold m mod K, shape (M, N, O).
    folds
        Groups K that a member leaves out in turn.
    extra_variance
        What missing assays add, shape (N, O).
    """
    if folds < 2 or len(outputs) < folds:
        return np.asarray(1.96 * np.sqrt(extra_variance))
    by_fold = outputs.reshape(-1, folds, *outputs.shape[1:]).mean(axis=0)
    variance = (folds - 1) ** 2 / folds * by_fold.var(axis=0, ddof=1)
    quantile = float(stdtrit(folds - 1, 0.975))
    return np.asarray(np.sqrt(quantile**2 * variance + 1.96**2 * extra_variance))


def _yes_no(endpoint: str, centre: DoubleArray, half: DoubleArray) -> Probability:
    return Probability(endpoint, "", np.nan, expit(centre), expit(centre - half), expit(centre + half))


def _dated(
    ensemble: Ensemble,
    endpoint: str,
    centre: DoubleArray,
    half: DoubleArray,
    horizons_days: tuple[float, ...],
) -> list[Probability]:
    """Each cause's probability by each horizon; an interval moves that cause's level, the others held."""
    layout = ensemble.plan.layout
    causes = layout.timed[endpoint]
    start = layout.columns(endpoint).start
    answers: list[Probability] = []
    for index, cause in enumerate(causes):
        bounds = []
        for direction in (0.0, -1.0, 1.0):
            moved = centre.copy()
            moved[:, start + index] += direction * half[:, start + index]
            bounds.append(incidence(ensemble, endpoint, moved)[..., index])  # (N, K)
        for horizon in horizons_days:
            column = interval_of(layout, endpoint, horizon)
            value, lower, upper = (bound[:, column] for bound in bounds)
            answers.append(Probability(endpoint, cause, horizon, value, lower, upper))
    return answers
