"""Figures of several cohorts as one: means, paired differences, and shares, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, wilcoxon
from scipy.stats import t as student


class Row(NamedTuple):
    """A figure of one cohort, or of all.

    Attributes
    ----------
    part
        Part of the benchmark.
    model
        Who; ``metarisk - <control>`` is a paired difference.
    patients
        Training patients.
    seed
        Of the cohort; ``all`` for what sums up the cohorts.
    question
        Endpoint; ``mean`` for the mean over the questions.
    metric
        What is told.
    value, lower, upper
        The figure and its 95 % interval, NaN where there is none.
    n
        Patients, cohorts or intervals that it rests on.
    p, holm
        Two-sided p value, and adjusted for the comparisons of its metric; NaN where nothing is tested.
    """

    part: str
    model: str
    patients: int
    seed: str
    question: str
    metric: str
    value: float
    lower: float = float("nan")
    upper: float = float("nan")
    n: int = 1
    p: float = float("nan")
    holm: float = float("nan")


class Mean(NamedTuple):
    """Mean over cohorts with Student's 95 % interval; no interval for one cohort."""

    value: float
    lower: float
    upper: float


def mean_over(values: Sequence[float]) -> Mean:
    """Mean of one figure a cohort."""
    known = np.asarray(values, dtype=np.float64)
    value = float(known.mean())
    if len(known) < 2:
        return Mean(value, float("nan"), float("nan"))
    half = float(student.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return Mean(value, value - half, value + half)


def signed_rank_p(differences: Sequence[float]) -> float:
    """Exact two-sided p value of Wilcoxon's signed-rank test; 1 where every difference is 0.

    With n cohorts it cannot be below 2 ** (1 - n).
    """
    told = np.asarray(differences, dtype=np.float64)
    told = told[told != 0.0]
    if not len(told):
        return 1.0
    return float(wilcoxon(told, method="exact").pvalue)


def summed_up(rows: Sequence[Row]) -> list[Row]:
    """Mean of each model, patients, question and metric over its cohorts, in the order they came."""
    groups: dict[tuple[str, str, int, str, str], list[float]] = {}
    for row in rows:
        groups.setdefault((row.part, row.model, row.patients, row.question, row.metric), []).append(row.value)
    return [
        Row(part, model, patients, "all", question, metric, *mean_over(values), len(values))
        for (part, model, patients, question, metric), values in groups.items()
    ]


def compared(rows: Sequence[Row], ours: str, controls: Sequence[str], metrics: Sequence[str]) -> list[Row]:
    """Ours minus each control, paired over cohorts; p values of a metric adjusted for all its comparisons."""
    from metarisk.metrics import holm

    told: list[Row] = []
    for metric in metrics:
        family = []
        for patients in sorted({row.patients for row in rows}):
            by_model = {
                name: {
                    row.seed: row.value
                    for row in rows
                    if (row.model, row.metric, row.patients) == (name, metric, patients)
                }
                for name in (ours, *controls)
            }
            family += [
                _difference(rows[0].part, (ours, name), patients, metric, by_model)
                for name in controls
                if not np.isnan(list(by_model[name].values())).any()
            ]
        adjusted = holm([row.p for row in family])
        told += [row._replace(holm=float(p)) for row, p in zip(family, adjusted, strict=True)]
    return told


def _difference(
    part: str,
    pair: tuple[str, str],
    patients: int,
    metric: str,
    by_model: dict[str, dict[str, float]],
) -> Row:
    first, second = (by_model[name] for name in pair)
    gaps = [first[seed] - second[seed] for seed in first]
    name = " - ".join(pair)
    p = signed_rank_p(gaps)
    return Row(part, name, patients, "all", "mean", metric, *mean_over(gaps), len(gaps), p)


def share(hits: Sequence[bool]) -> tuple[float, float, float]:
    """Share of hits and its exact 95 % interval (Clopper and Pearson 1934), were they independent."""
    found = binomtest(int(sum(hits)), len(hits)).proportion_ci(0.95)
    return float(np.mean(hits)), float(found.low), float(found.high)
