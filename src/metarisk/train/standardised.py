"""Columns put on one scale for linear models: unknown at the median, mean 0, standard deviation 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metarisk.train.examples import Features, Floats


@dataclass(frozen=True)
class Scaling:
    """Median imputation and standardisation learned on training rows; shape (C,) each."""

    median: Floats
    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, X: Features) -> Scaling:
        """Learn it from training rows, shape (N, C), NaN where unknown."""
        known = ~np.isnan(X)
        # A column that these rows do not know at all says nothing; any constant will do.
        median = np.array([np.median(x[k]) if k.any() else 0.0 for x, k in zip(X.T, known.T, strict=True)])
        filled = np.where(known, X, median)
        deviation = filled.std(axis=0)
        return cls(median, filled.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def apply(self, X: Features) -> Floats:
        """Known, centred and scaled, (N, C) -> (N, C)."""
        return (np.where(np.isnan(X), self.median, X) - self.mean) / self.deviation
