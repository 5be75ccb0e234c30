"""The rows to beat: boosting, ridge and elastic-net regression on the inputs of the network's direct path.

Each fit tunes itself on patients it holds out inside the training data, then fits on all of them. Inputs are
flat: X of shape (N, F), float32, NaN where a value is unknown. Equal seeds give equal models; threads are
those that OMP_NUM_THREADS allows. Nothing here is ever saved: baselines are controls, not models to ship.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from metarisk.train.boosting import fit_boosting, fit_boosting_horizon
from metarisk.train.cox_net import CoxNet, fit_cox_net
from metarisk.train.elastic_net import fit_elastic_net
from metarisk.train.examples import Features, Floats
from metarisk.train.ridge import fit_linear, fit_linear_horizon

__all__ = [
    "BOOSTING",
    "ELASTIC_NET",
    "LINEAR",
    "Baseline",
    "DatedBaseline",
    "Fits",
    "fit_boosting",
    "fit_boosting_horizon",
    "fit_cox_net",
    "fit_elastic_net",
    "fit_linear",
    "fit_linear_horizon",
]


class Baseline(Protocol):
    """A fitted model that answers one yes / no target."""

    def predict(self, X: Features) -> Floats:
        """P(event) of each row, (N, F) -> (N,); higher = the event is likelier."""


class DatedBaseline(Protocol):
    """A fitted model that answers one dated target."""

    def predict(self, X: Features, horizon: float) -> Floats:
        """P(event of cause 1 by the horizon, in days) of each row, (N, F) -> (N,)."""


class Fits(NamedTuple):
    """How a baseline is fitted.

    Attributes
    ----------
    ever
        To a yes / no target: ``X, y, seed, groups``.
    dated
        To a dated one: ``X, time, event_code, horizons, seed, groups``.
    """

    ever: Callable[..., Baseline]
    dated: Callable[..., DatedBaseline]


@dataclass(frozen=True)
class EachHorizon:
    """One model of "the event by then" for each horizon in days."""

    models: Mapping[float, Baseline]

    def predict(self, X: Features, horizon: float) -> Floats:
        """P(event of cause 1 by the horizon, in days) of each row, (N, F) -> (N,)."""
        return self.models[horizon].predict(X)


def _each_horizon(fit: Callable[..., Baseline]) -> Callable[..., DatedBaseline]:
    def fit_each(*followed: NDArray[Any], horizons: tuple[float, ...], **settings: Any) -> EachHorizon:
        return EachHorizon({horizon: fit(*followed, horizon=horizon, **settings) for horizon in horizons})

    return fit_each


def _one_for_all(*followed: NDArray[Any], horizons: tuple[float, ...], **settings: Any) -> CoxNet:
    return fit_cox_net(*followed, **settings)


BOOSTING = Fits(fit_boosting, _each_horizon(fit_boosting_horizon))
LINEAR = Fits(fit_linear, _each_horizon(fit_linear_horizon))
ELASTIC_NET = Fits(fit_elastic_net, _one_for_all)
