"""How far a sample lies from a cloud of samples, on whatever was measured of it.

A block of columns is taken for a few common factors and a noise of each column's own (factor analysis,
fitted by principal components): x = W t + e. Of a sample with some columns measured, the factors' posterior
mean says how far it lies *within* the cloud's own directions, and what they leave unexplained how far it lies
*outside* of them (Hubert, Rousseeuw and Vanden Branden, ROBPCA, Technometrics 2005: score and orthogonal
distance). A column that was not measured adds to neither.

A sample's distances must not depend on its neighbours in a batch, yet a product of matrices may add in
another order where there are more rows. So all factors are rounded to binary fractions, short enough for
every product and sum to be exact in double precision: then any order gives the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from metarisk.features.batch import FloatArray

DoubleArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MOST_FACTORS = 16
PATIENTS_PER_FACTOR = 20
# Columns that others explain wholly (the levels of a category) would be infinitely far for a rounding.
LEAST_NOISE = 0.1
FURTHEST = 32.0  # standard deviations beyond which a value is no further
# |z| <= 2^5 in steps of 2^-8, weights <= 2^5 in steps of 2^-12: a sum of z^2 times weight over
# MOST_COLUMNS = 2^9 columns has 26 + 17 + 9 bits, fewer than the 53 of a double.
VALUE_STEP, WEIGHT_STEP = 2.0**-8, 2.0**-12
MOST_COLUMNS = 512


class Distances(NamedTuple):
    """Distances of N samples.

    Attributes
    ----------
    within
        Length of the factors' posterior mean, in standard deviations of a factor, shape (N,).
    outside
        Mean of the squared residuals, each in units of its column's noise, above 1, its expectation; shrunk
        to 0 by the root of the share of the columns that was measured, so that few columns vary as little
        as many, shape (N,).
    """

    within: DoubleArray
    outside: DoubleArray


@dataclass(frozen=True)
class FactorSpace:
    """Where the samples lie that it was fitted on.

    Attributes
    ----------
    centre, scale
        Of each of F columns, shape (F,).
    loadings
        Factors' weights on the standardised columns, shape (F, K).
    noise
        Variance of each standardised column that the factors leave, shape (F,).
    """

    centre: DoubleArray
    scale: DoubleArray
    loadings: DoubleArray
    noise: DoubleArray

    def distances(self, values: FloatArray, measured: BoolArray) -> Distances:
        """Distances of N samples, of each from its own measured columns alone, bit for bit.

        Parameters
        ----------
        values
            Shape (N, F), anything where not measured.
        measured
            Shape (N, F).
        """
        known = measured.astype(np.float64)
        if not len(self.centre):
            return Distances(np.zeros(len(values)), np.zeros(len(values)))
        z = _rounded(_standardised(values, measured, self.centre, self.scale), VALUE_STEP)
        factors = self.loadings.shape[1]
        precision = np.zeros((len(z), factors, factors))  # W' D W over the measured columns, (N, K, K)
        upper = np.triu_indices(factors)
        precision[:, upper[0], upper[1]] = known @ self._pairs
        precision[:, upper[1], upper[0]] = precision[:, upper[0], upper[1]]
        pull = z @ self._weighted  # W' D x, (N, K)
        posterior = np.linalg.solve(precision + np.eye(factors), pull[..., None])[..., 0]
        near = _row_sums(posterior * posterior)
        # x' (W W' + D^-1)^-1 x by Woodbury's identity is the factors' part and the residual's together.
        whole = (z * z) @ self._inverse_noise - _row_sums(pull * posterior)
        count = known.sum(axis=1)
        outside = (whole - near - count) / np.sqrt(np.maximum(count, 1.0) * len(self.centre))
        return Distances(np.sqrt(near), outside)

    @cached_property
    def _inverse_noise(self) -> DoubleArray:
        return _rounded(1.0 / self.noise, WEIGHT_STEP)

    @cached_property
    def _weighted(self) -> DoubleArray:
        """Loadings over noise, shape (F, K)."""
        return _rounded(self.loadings / self.noise[:, None], WEIGHT_STEP)

    @cached_property
    def _pairs(self) -> DoubleArray:
        """Products of two factors' loadings over noise, shape (F, K (K + 1) / 2)."""
        one, other = np.triu_indices(self.loadings.shape[1])
        return _rounded(self.loadings[:, one] * self.loadings[:, other] / self.noise[:, None], WEIGHT_STEP)


def fit_space(values: FloatArray, measured: BoolArray, least_scale: DoubleArray) -> FactorSpace:
    """Fit the cloud of N samples.

    Parameters
    ----------
    values, measured
        Shape (N, F) each, F at most `MOST_COLUMNS`; every column is measured in some sample.
    least_scale
        Smallest standard deviation to divide a column by, shape (F,).
    """
    if not values.shape[1]:
        return FactorSpace(np.zeros(0), np.zeros(0), np.zeros((0, 0)), np.zeros(0))
    known = measured.astype(np.float64)
    count = np.maximum(known.sum(axis=0), 1.0)
    centre = np.where(measured, values, 0.0).sum(axis=0, dtype=np.float64) / count
    away = np.where(measured, values - centre, 0.0)
    scale = np.maximum(np.sqrt((away * away).sum(axis=0) / count), least_scale)
    z = _standardised(values, measured, centre, scale)
    together = (z.T @ z) / np.maximum(known.T @ known, 1.0)
    factors = min(MOST_FACTORS, len(values) // PATIENTS_PER_FACTOR, len(centre) - 1)
    loadings = _loadings(together, factors)
    noise = np.maximum(np.diag(together) - (loadings * loadings).sum(axis=1), LEAST_NOISE)
    return FactorSpace(centre, scale, loadings, noise)


def _loadings(together: DoubleArray, factors: int) -> DoubleArray:
    """Leading directions, as long as their standard deviation beyond the mean of the others, (F, K)."""
    columns = len(together)
    if factors < 1:
        return np.zeros((columns, 0))
    variance, direction = eigh(together, subset_by_index=[columns - factors, columns - 1])
    rest = (np.trace(together) - variance.sum()) / max(columns - factors, 1)
    return np.ascontiguousarray(direction * np.sqrt(np.maximum(variance - rest, 0.0)))


def _standardised(
    values: FloatArray, measured: BoolArray, centre: DoubleArray, scale: DoubleArray
) -> DoubleArray:
    away = (np.where(measured, values, 0.0) - centre) / scale
    return np.where(measured, np.clip(away, -FURTHEST, FURTHEST), 0.0)


def _rounded(values: DoubleArray, step: float) -> DoubleArray:
    return np.asarray(np.round(values / step) * step)


def _row_sums(values: DoubleArray) -> DoubleArray:
    """Sum of each row, column after column: the order does not depend on how many rows there are."""
    total = np.zeros(len(values))
    for column in values.T:
        total += column
    return total
