"""Concordance of a risk with who has the event first.

All three are one count over pairs (Wolbers, Blanche, Koller, Witteman and Gerds 2014). Row i had the event of
cause 1 at T_i; row j is comparable to it where j is later (T_j > T_i, or censored at T_i), or where j had a
competing event by then, which is never to have the event. The pair is won where i has the higher risk; equal
risks count one half. 1 is perfect, 0.5 is chance, higher is better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metarisk.metrics.censoring import inverse_weights
from metarisk.metrics.inputs import Codes, Floats, Weights, check_follow_up, check_rows, one_weighting, ratio
from metarisk.metrics.survival import Curve

_PAIRS_AT_ONCE = 1_000_000  # pairs held in memory at a time, 8 MB an array


@dataclass(frozen=True)
class FollowUp:
    """Follow-up with the weight that each row has as the earlier or the competing one of a pair.

    Attributes
    ----------
    time
        Days to the event or to last contact, shape (N,).
    event_code
        0 censored, 1 the cause, 2 .. competing causes, shape (N,).
    inverse
        1 / G(T-) for Uno's weights, ones for the unweighted figures, shape (N,).
    horizon
        Only events before this many days open a pair.
    """

    time: Floats
    event_code: Codes
    inverse: Weights
    horizon: float = np.inf

    @property
    def cases(self) -> NDArray[np.intp]:
        """Rows whose event opens pairs."""
        return np.flatnonzero((self.event_code == 1) & (self.time < self.horizon))

    def pair_weights(self, cases: NDArray[np.intp]) -> Weights:
        """Weight of each (case, other) pair, 0 where not comparable, shape (cases, N)."""
        event_time = self.time[cases, None]
        later = (self.time > event_time) | ((self.time == event_time) & (self.event_code == 0))
        competed = (self.event_code > 1) & (self.time <= event_time)
        own = self.inverse[cases, None]
        weights: Weights = own * (own * later + self.inverse * competed)
        return weights


def harrell_c(risk: Floats, time: Floats, event: Codes, weight: Floats | None = None) -> float:
    """Harrell's c: share of comparable pairs in which the earlier event has the higher risk.

    Parameters
    ----------
    risk
        Higher = worse, shape (N,).
    time
        Days to the event or to last contact, shape (N,).
    event
        True or any code above 0 where the event was seen, shape (N,).
    weight
        Weight of each row, shape (N,); all equal when absent.

    Returns
    -------
    float
        0 .. 1, higher is better; NaN where no pair is comparable.

    Raises
    ------
    InputError
        If lengths differ, a value is NaN, or a time is negative.
    """
    return cause_specific_c(risk, time, (np.asarray(event) > 0).astype(np.int64), weight)


def cause_specific_c(risk: Floats, time: Floats, event_code: Codes, weight: Floats | None = None) -> float:
    """Wolbers' c for cause 1: controls come later or had a competing event; without censoring weights.

    Arguments, result and refusals are those of `harrell_c`; ``event_code`` is 0 censored, 1 the cause,
    2 .. competing causes.
    """
    check_rows(risk=risk, time=time)
    follow_up = unweighted(time, event_code)
    return float(weighted_concordance(risk, follow_up, one_weighting(weight, len(risk)))[0])


def uno_c(risk: Floats, time: Floats, event_code: Codes, censoring: Curve, tau: float = np.inf) -> float:
    """Uno's c: pairs weighted by the inverse probability that censoring left them comparable.

    With competing events it is Wolbers' weighted c. Events before ``tau`` count.

    Parameters
    ----------
    risk, time, event_code
        As in `cause_specific_c`, shape (N,).
    censoring
        G of the training patients, from `metarisk.metrics.censoring.censoring_curve`.
    tau
        Days; inside the follow-up of both training and test patients.

    Returns
    -------
    float
        0 .. 1, higher is better; NaN where no pair is comparable.

    Raises
    ------
    InputError
        As `harrell_c`, or where an event comes after the last training patient left.
    """
    check_rows(risk=risk, time=time)
    follow_up = censoring_weighted(time, event_code, censoring, tau)
    return float(weighted_concordance(risk, follow_up, one_weighting(None, len(risk)))[0])


def unweighted(time: Floats, event_code: Codes) -> FollowUp:
    """Follow-up in which every comparable pair counts alike; refusals as `harrell_c`."""
    check_follow_up(time, event_code)
    return FollowUp(time, event_code, np.ones(len(time)))


def censoring_weighted(time: Floats, event_code: Codes, censoring: Curve, tau: float = np.inf) -> FollowUp:
    """Follow-up whose pairs carry Uno's weights; arguments and refusals as `uno_c`."""
    check_follow_up(time, event_code)
    counts = (event_code > 0) & (time < tau)
    return FollowUp(time, event_code, inverse_weights(time, counts, censoring), tau)


def weighted_concordance(risk: Floats, follow_up: FollowUp, weights: Weights) -> Weights:
    """Concordance under each of B weightings of the rows.

    Parameters
    ----------
    risk
        Higher = worse, shape (N,).
    follow_up
        From `unweighted` or `censoring_weighted`.
    weights
        Shape (B, N); a pair weighs the product of its rows' weights.

    Returns
    -------
    Weights
        Shape (B,); NaN where no pair is comparable.
    """
    won, compared = np.zeros(len(weights)), np.zeros(len(weights))
    for cases in _blocks(follow_up.cases, len(risk)):
        pairs = follow_up.pair_weights(cases)
        credit = pairs * ((risk < risk[cases, None]) + 0.5 * (risk == risk[cases, None]))
        won += np.einsum("bi,bi->b", weights[:, cases], weights @ credit.T)
        compared += np.einsum("bi,bi->b", weights[:, cases], weights @ pairs.T)
    return ratio(won, compared)


def _blocks(cases: NDArray[np.intp], n: int) -> Iterator[NDArray[np.intp]]:
    size = max(1, _PAIRS_AT_ONCE // max(n, 1))
    for start in range(0, len(cases), size):
        yield cases[start : start + size]
