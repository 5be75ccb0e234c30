"""Observed against expected: how many had the event, over how many the model said would."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metarisk.metrics.inputs import Codes, Floats, Weights, ratio
from metarisk.metrics.intervals import Statistic, Statistics


def weighted_incidence(time: Floats, event_code: Codes, horizon: float) -> Statistic:
    """Statistic: cumulative incidence of cause 1 at a horizon by Aalen-Johansen, (B, N) -> (B,); unchecked.

    Parameters
    ----------
    time
        Days to the first event or to last contact, shape (N,).
    event_code
        0 censored, 1 the cause, 2 .. competing causes, shape (N,); of equal times events come first.
    horizon
        Days. An event at exactly this time is by the horizon.
    """
    order = np.argsort(time, kind="stable")
    event = order[(event_code[order] > 0) & (time[order] <= horizon)]
    if not len(event):
        return lambda weights: ratio(np.zeros(len(weights)), weights.sum(axis=1))
    days, first = np.unique(time[event], return_index=True)
    gone = np.searchsorted(time[order], days, side="left")
    of_cause = event_code[event] == 1

    def statistic(weights: Weights) -> Weights:
        left = np.zeros((len(weights), len(order) + 1))
        np.cumsum(weights[:, order], axis=1, out=left[:, 1:])
        at_risk = left[:, -1:] - left[:, gone]
        every = np.add.reduceat(weights[:, event], first, axis=1)
        cause = np.add.reduceat(weights[:, event] * of_cause, first, axis=1)
        free = np.cumprod(1.0 - np.nan_to_num(ratio(every, at_risk)), axis=1)
        before = np.concatenate([np.ones((len(weights), 1)), free[:, :-1]], axis=1)
        incidence = (before * np.nan_to_num(ratio(cause, at_risk))).sum(axis=1)
        return np.where(left[:, -1] > 0, incidence, np.nan)

    return statistic


def observed_over_expected(observed: Statistic, probabilities: Sequence[Floats]) -> Statistics:
    """Statistics: what was observed over the mean of each of M models' probabilities, (B, N) -> (M, B).

    1 is right; above 1 the risk is predicted too low on the whole.

    Parameters
    ----------
    observed
        Share with the event, e.g. `weighted_incidence`, or the mean of yes / no labels.
    probabilities
        P(event) of the same rows by each model, shape (N,) each.
    """
    table = np.column_stack(probabilities)

    def statistics(weights: Weights) -> Weights:
        expected = ratio(weights @ table, np.repeat(weights.sum(axis=1)[:, None], table.shape[1], axis=1))
        return ratio(np.repeat(observed(weights)[None, :], table.shape[1], axis=0), expected.T)

    return statistics
