"""What happened to patients in groups by predicted risk: observed cumulative incidence over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.disclosure import FEWEST_SAMPLES
from metarisk.metrics.survival import aalen_johansen
from metarisk.train.figures import EVER, Answers, DoubleArray, Question, followed
from metarisk.train.held_out import HeldOut

MOST_GROUPS, LEAST = 4, 20
TIMES, RESAMPLES = 61, 200
INCIDENCE_COLUMNS = (
    *("endpoint", "horizon_days", "group", "groups", "lowest", "highest", "n", "events", "competing"),
    *("time_days", "at_risk", "incidence", "lower", "upper"),
)


def observed_by_group(ours: Answers, held_out: HeldOut) -> pd.DataFrame:
    """Cumulative incidence of each dated endpoint's first cause in groups of equal size by predicted risk.

    Aalen-Johansen with the other causes competing; without any it is one minus Kaplan-Meier. A curve ends
    where fewer than `FEWEST_SAMPLES` are still followed, so that no step is a patient's.

    Parameters
    ----------
    ours
        Question -> probability of each of N samples, shape (N,). The groups of an endpoint are by its
        longest horizon.
    held_out
        The samples.

    Returns
    -------
    DataFrame
        Columns `INCIDENCE_COLUMNS`, a row a group and time; groups from 0, the lowest risk, upward, with the
        lowest and highest probability of each as whole per cents. ``at_risk`` counts samples followed to the
        time or longer; bounds are a patient bootstrap's, pointwise 95 %.
    """
    rows: list[dict[str, Any]] = []
    for question in longest_horizons(ours):
        rows += _rows_of(question, ours[question], held_out)
    return pd.DataFrame(rows, columns=list(INCIDENCE_COLUMNS))


def longest_horizons(ours: Answers) -> list[Question]:
    """The question with the longest horizon of each dated endpoint."""
    longest: dict[str, Question] = {}
    for question in ours:
        if question.horizon_days != EVER:
            known = longest.get(question.endpoint, question)
            longest[question.endpoint] = max(known, question, key=lambda each: each.horizon_days)
    return list(longest.values())


def _rows_of(question: Question, answer: DoubleArray, held_out: HeldOut) -> Iterator[dict[str, Any]]:
    time, event = followed(held_out.endpoints, question.endpoint)
    known = np.flatnonzero(~np.isnan(time) & ~np.isnan(event) & np.isfinite(answer))
    if len(known) < LEAST:
        return
    ranked = known[np.argsort(answer[known], kind="stable")]
    groups = np.array_split(ranked, max(1, min(MOST_GROUPS, len(ranked) // LEAST)))
    times = np.linspace(0.0, float(time[known].max()), TIMES)
    for place, rows in enumerate(groups):
        code = event[rows].astype(np.int64)
        common = {
            **{"endpoint": question.endpoint, "horizon_days": question.horizon_days},
            **{"group": place, "groups": len(groups), "n": len(rows)},
            **{"lowest": round(float(answer[rows[0]]), 2), "highest": round(float(answer[rows[-1]]), 2)},
            **{"events": int((code == 1).sum()), "competing": int((code > 1).sum())},
        }
        yield from ({**common, **row} for row in _curve(time[rows], code, held_out.patients[rows], times))


def _curve(
    time: DoubleArray, code: NDArray[np.int64], patients: NDArray[np.str_], times: DoubleArray
) -> Iterator[dict[str, Any]]:
    at_risk = (time[None, :] >= times[:, None]).sum(axis=1)
    shown = at_risk >= FEWEST_SAMPLES
    whole = _incidence(time, code, times)
    _, patient_of = np.unique(patients, return_inverse=True)
    order = np.argsort(patient_of, kind="stable")
    rows_of = np.split(order, np.flatnonzero(np.diff(patient_of[order])) + 1)
    draws = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        again = np.concatenate([rows_of[at] for at in draws.integers(len(rows_of), size=len(rows_of))])
        drawn.append(_incidence(time[again], code[again], times))
    lower, upper = np.percentile(drawn, [2.5, 97.5], axis=0)
    for at in np.flatnonzero(shown):
        yield {
            **{"time_days": times[at], "at_risk": int(at_risk[at]), "incidence": whole[at]},
            **{"lower": lower[at], "upper": upper[at]},
        }


def _incidence(time: DoubleArray, code: NDArray[np.int64], times: DoubleArray) -> DoubleArray:
    return aalen_johansen(time, code, max(int(code.max()), 1))[0].at(times)
