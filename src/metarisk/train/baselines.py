"""The rows to beat: boosting and ridge regression on the inputs of the network's direct path.

Each fit tunes itself on patients it holds out inside the training data, then fits on all of them. Inputs are
flat: X of shape (N, F), float32, NaN where a value is unknown. Equal seeds give equal models; threads are
those that OMP_NUM_THREADS allows. Nothing here is ever saved: baselines are controls, not models to ship.
"""

from __future__ import annotations

from typing import Protocol

from metarisk.train.boosting import fit_boosting, fit_boosting_horizon
from metarisk.train.examples import Features, Floats
from metarisk.train.ridge import fit_linear, fit_linear_horizon

__all__ = ["Baseline", "fit_boosting", "fit_boosting_horizon", "fit_linear", "fit_linear_horizon"]


class Baseline(Protocol):
    """A fitted model that answers one yes / no target."""

    def predict(self, X: Features) -> Floats:
        """P(event) of each row, (N, F) -> (N,); higher = the event is likelier."""
