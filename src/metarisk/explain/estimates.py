"""Mean changes over patients, each with an interval over the ensemble and one over patients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarisk.explain.answers_read import DoubleArray, FloatArray, jackknife_half_width
from metarisk.explain.screen import Moves

RESAMPLES, SEED = 500, 0
TAILS = (2.5, 97.5)
ENDS = ("fit_lower", "fit_upper", "patients_lower", "patients_upper")


class Estimate(NamedTuple):
    """Mean changes with intervals, shape (Q, A) each.

    Attributes
    ----------
    value
        Mean over patients.
    fit_lower, fit_upper
        95 % interval over the ensemble: other training patients, the same samples; NaN for one fold.
    patients_lower, patients_upper
        95 % interval over patients: other samples, the same model; NaN for one patient.
    """

    value: DoubleArray
    fit_lower: DoubleArray
    fit_upper: DoubleArray
    patients_lower: DoubleArray
    patients_upper: DoubleArray


def estimate(values: FloatArray, folds: DoubleArray, moves: Moves) -> Estimate:
    """Means over patients with both intervals.

    Parameters
    ----------
    values
        Of each sample, NaN where not measured, shape (Q, A, N).
    folds
        Mean over patients of each fold's, shape (Q, K, A).
    moves
        For the patients.
    """
    value = moves.mean(values)
    half = jackknife_half_width(folds.transpose(1, 0, 2))
    lower, upper = _over_patients(values, moves)
    return Estimate(value, value - half, value + half, lower, upper)


def _over_patients(values: FloatArray, moves: Moves) -> tuple[DoubleArray, DoubleArray]:
    """Percentiles over resampled patients, shape (Q, A) each; NaN for fewer than two patients."""
    _, patient = np.unique(moves.cohort.patient_ids, return_inverse=True)
    n_patients = int(patient.max()) + 1
    shape = values.shape[:2]
    if n_patients < 2:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    drawn = np.random.default_rng(SEED).multinomial(
        n_patients, np.full(n_patients, 1.0 / n_patients), size=RESAMPLES
    )
    weight = (drawn[:, patient] * moves.weight).T.astype(np.float32)  # (N, B)
    bounds = np.empty((2, *shape))
    for at, rows in enumerate(values):  # (A, N)
        known = ~np.isnan(rows)
        total, count = np.where(known, rows, np.float32(0.0)) @ weight, known.astype(np.float32) @ weight
        with np.errstate(invalid="ignore", divide="ignore"):
            bounds[:, at] = _percentiles(total / count)
    return bounds[0], bounds[1]


def _percentiles(means: FloatArray) -> DoubleArray:
    """Both tails over the resamples, shape (A, B) to (2, A); NaN where a resample has no patient."""
    return np.asarray(np.percentile(means, TAILS, axis=1))
