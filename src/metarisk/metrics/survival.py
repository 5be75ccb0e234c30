"""Kaplan-Meier and Aalen-Johansen: what happened, told as steps in time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError
from metarisk.metrics.inputs import Codes, Floats, Weights, check_follow_up


class Curve(NamedTuple):
    """A step function of time.

    Attributes
    ----------
    times
        Days at which it may step, ascending, shape (T,).
    values
        Value from each of these times on, shape (T,).
    start
        Value before the first of them.
    """

    times: Weights
    values: Weights
    start: float

    def at(self, time: NDArray[Any] | float) -> Weights:
        """Value at a time with any step there taken (right limit), shape of ``time``."""
        return self._steps[np.searchsorted(self.times, time, side="right")]

    def before(self, time: NDArray[Any] | float) -> Weights:
        """Value just before a time (left limit), shape of ``time``."""
        return self._steps[np.searchsorted(self.times, time, side="left")]

    @property
    def _steps(self) -> Weights:
        return np.concatenate([[self.start], self.values])


def kaplan_meier(time: Floats, event: Codes) -> Curve:
    """Probability of being free of the event.

    Parameters
    ----------
    time
        Days to the event or to last contact, shape (N,).
    event
        True or any code above 0 where the event was seen, shape (N,); of equal times events come first.

    Returns
    -------
    Curve
        From 1 downward; higher is better.

    Raises
    ------
    InputError
        If there is no row, lengths differ, or a value is NaN or negative.
    """
    times, at_risk, counts = _tally(time, (np.asarray(event) > 0).astype(np.int64), causes=1)
    return Curve(times, np.cumprod(1.0 - counts[0] / at_risk), 1.0)


def aalen_johansen(time: Floats, event_code: Codes, causes: int) -> tuple[Curve, ...]:
    """Cumulative incidence of each cause with the others competing; at any time they and survival sum to 1.

    Parameters
    ----------
    time
        Days to the first event or to last contact, shape (N,).
    event_code
        0 censored, 1 .. ``causes``, shape (N,).
    causes
        How many causes there are; one without an event has a curve of zeros.

    Returns
    -------
    tuple[Curve, ...]
        One a cause, from 0 upward; higher is worse.

    Raises
    ------
    InputError
        As `kaplan_meier`, or where a code is above ``causes``.
    """
    times, at_risk, counts = _tally(time, np.asarray(event_code).astype(np.int64), causes)
    survival = np.cumprod(1.0 - counts.sum(axis=0) / at_risk)
    survival_before = np.concatenate([[1.0], survival[:-1]])
    return tuple(Curve(times, np.cumsum(survival_before * count / at_risk), 0.0) for count in counts)


def _tally(time: Floats, code: NDArray[np.int64], causes: int) -> tuple[Weights, Weights, Weights]:
    """Distinct times (T,), rows at risk at each (T,), events of each cause at each (causes, T)."""
    check_follow_up(time, code)
    if not len(time) or code.max() > causes:
        raise InputError(
            f"follow-up has {len(time)} rows and event codes up to {code.max(initial=0)}",
            expected=f"at least one row, and codes 0 .. {causes}",
            do="Leave out patients without follow-up, and name every cause.",
        )
    times, position = np.unique(np.asarray(time, dtype=np.float64), return_inverse=True)
    leaving = np.bincount(position)
    at_risk = leaving[::-1].cumsum()[::-1].astype(np.float64)
    counts = [np.bincount(position[code == cause], minlength=len(times)) for cause in range(1, causes + 1)]
    return times, at_risk, np.stack(counts).astype(np.float64)
