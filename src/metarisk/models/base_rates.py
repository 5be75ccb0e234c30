"""How often each thing happened to the training patients, by cancer type and by third of predicted risk.

Only counts are kept, and none that could tell of a patient: a part with under `LEAST_CELL` patients with the
event, or without it, is withheld, and with it as many further parts as it takes for the withheld ones
together not to be told from the rest (Hundepool et al., Statistical disclosure control, 2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.features.batch import Batch
from metarisk.features.transform import FeatureTransform
from metarisk.metrics.incidence import weighted_incidence
from metarisk.models.conformal import EVER, Asked, DoubleArray
from metarisk.models.training_summary import DIGITS, LEAST_CELL, level_columns
from metarisk.nn.heads import TaskLayout
from metarisk.schema.endpoints import event_column, time_column

TYPE = "cancer_type"
EVERYBODY, EVERY_RISK = "", 0
THIRDS = (1, 2, 3)  # lowest, middle, highest predicted risk
NORMAL_95 = 1.959964


class Rate(NamedTuple):
    """How often it happened in a group of training patients; None where that is withheld.

    Attributes
    ----------
    cancer_type, third
        The group; `EVERYBODY` and `EVERY_RISK` where it is not by type, or not by risk.
    n, events
        Patients whose answer is known, and those of them with the event.
    value, lower, upper
        Share with the event and its 95 % interval, 0 .. 1.
    """

    cancer_type: str
    third: int
    n: int | None = None
    events: int | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class BaseRates:
    """Rates of one question.

    Attributes
    ----------
    question
        As `metarisk.models.training_summary.question_name` gives it.
    cuts
        Predicted probabilities between the thirds of the training patients, of members that did not see them.
    rates
        All patients first, then each cancer type, each followed by its thirds.
    """

    question: str
    cuts: tuple[float, float]
    rates: tuple[Rate, ...]

    def third_of(self, probability: float) -> int:
        """Third that a predicted probability lies in, 1 .. 3."""
        return 1 + int(np.searchsorted(self.cuts, probability, side="right"))

    def of(self, cancer_type: str, third: int = EVERY_RISK) -> Rate:
        """Rate of a group; one without numbers where there is no such group."""
        wanted = (cancer_type, third)
        return next((rate for rate in self.rates if rate[:2] == wanted), Rate(*wanted))


@dataclass(frozen=True)
class Happened:
    """What is known of one question of N patients.

    Attributes
    ----------
    event
        True where it happened (by the horizon), shape (N,).
    known
        True where that is known, shape (N,).
    time_days, code
        Days to the first event or last contact, and 0 censored, 1 this cause, 2 another; None for yes / no.
    """

    event: NDArray[np.bool_]
    known: NDArray[np.bool_]
    time_days: DoubleArray | None = None
    code: NDArray[np.int64] | None = None
    horizon_days: float = np.nan

    def counts(self, rows: NDArray[np.bool_]) -> tuple[int, int]:
        """Known patients and events among some rows."""
        return int((self.known & rows).sum()), int((self.event & self.known & rows).sum())

    def share(self, rows: NDArray[np.bool_]) -> float:
        """Share with the event among some rows; of a dated one by Aalen and Johansen, over all followed."""
        if self.time_days is None or self.code is None:
            n, events = self.counts(rows)
            return events / n
        followed = rows & ~np.isnan(self.time_days)
        statistic = weighted_incidence(self.time_days[followed], self.code[followed], self.horizon_days)
        return float(statistic(np.ones((1, int(followed.sum()))))[0])


def happened(asked: Asked, endpoints: pd.DataFrame, layout: TaskLayout) -> Happened:
    """What is known of a question, from a table of endpoints."""
    if asked.horizon_days == EVER:
        label = endpoints[asked.endpoint].to_numpy(np.float64)
        return Happened(label == 1.0, ~np.isnan(label))
    time = endpoints[time_column(asked.endpoint)].to_numpy(np.float64)
    told = endpoints[event_column(asked.endpoint)].to_numpy(np.float64)
    time = np.where(np.isnan(told), np.nan, time)
    own = 1 + layout.timed[asked.endpoint].index(asked.cause)
    code = np.where(told == own, 1, np.where(np.nan_to_num(told) > 0, 2, 0)).astype(np.int64)
    by_then = time <= asked.horizon_days
    known = (by_then & (code > 0)) | (time >= asked.horizon_days)
    return Happened(by_then & (code == 1), known, time, code, asked.horizon_days)


def types_of(transform: FeatureTransform, batch: Batch) -> NDArray[np.str_]:
    """Cancer type of each sample as the model reads it, empty text where unknown or not read, shape (N,)."""
    places = level_columns(transform).get(TYPE)
    if places is None:
        return np.full(len(batch), "", dtype=np.str_)
    hot, names = np.nan_to_num(batch.flat[:, places]), np.array(transform.levels[TYPE], dtype=np.str_)
    return np.where(hot.any(axis=1), names[hot.argmax(axis=1)], "")


def base_rates(question: str, seen: Happened, types: NDArray[np.str_], probability: DoubleArray) -> BaseRates:
    """Rates of a question, withheld where few patients stand behind them.

    Parameters
    ----------
    question
        Its name.
    seen
        What is known of N patients.
    types
        Cancer type of each, empty text where unknown, shape (N,).
    probability
        Predicted by members that did not see the patient, shape (N,).
    """
    cuts = tuple(float(f"{cut:.{DIGITS}g}") for cut in np.quantile(probability, [1 / 3, 2 / 3]))
    third = 1 + np.searchsorted(cuts, probability, side="right")
    everybody = np.ones(len(types), dtype=np.bool_)
    rates = list(_with_thirds(EVERYBODY, everybody, seen, third, shown=_may_tell(*seen.counts(everybody))))
    names = [str(name) for name in np.unique(types) if name]
    groups = [types == name for name in names]
    told = shown_parts([seen.counts(rows) for rows in groups])
    for name, rows, shown in zip(names, groups, told, strict=True):
        rates += _with_thirds(name, rows, seen, third, shown=shown)
    return BaseRates(question, (cuts[0], cuts[1]), tuple(rates))


def _with_thirds(
    name: str, rows: NDArray[np.bool_], seen: Happened, third: NDArray[np.int64], *, shown: bool
) -> Iterator[Rate]:
    """Rate of a group and of its thirds."""
    yield _rate(name, EVERY_RISK, rows, seen, shown=shown)
    parts = [rows & (third == at) for at in THIRDS]
    told = shown_parts([seen.counts(part) for part in parts])
    for at, part, part_shown in zip(THIRDS, parts, told, strict=True):
        yield _rate(name, at, part, seen, shown=shown and part_shown)


def _rate(name: str, third: int, rows: NDArray[np.bool_], seen: Happened, *, shown: bool) -> Rate:
    if not shown:
        return Rate(name, third)
    n, events = seen.counts(rows)
    value = seen.share(rows)
    lower, upper = wilson_interval(value, n)
    return Rate(name, third, n, events, *(round(float(number), 6) for number in (value, lower, upper)))


def _may_tell(n: int, events: int) -> bool:
    return min(events, n - events) >= LEAST_CELL


def shown_parts(counts: Sequence[tuple[int, int]]) -> list[bool]:
    """Which parts of a whole may be told, so that those withheld cannot be told from the whole either.

    Parameters
    ----------
    counts
        Patients and events of each part.
    """
    shown = [_may_tell(n, events) for n, events in counts]
    by_size = sorted(range(len(counts)), key=lambda at: min(counts[at][1], counts[at][0] - counts[at][1]))
    for at in by_size:
        hidden = [pair for pair, told in zip(counts, shown, strict=True) if not told]
        n, events = (sum(column) for column in zip(*hidden, strict=True)) if hidden else (0, 0)
        if not hidden or n == 0 or _may_tell(n, events):
            break
        shown[at] = False
    return shown


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """95 % interval of a share of n by Wilson's formula (1927); of a dated one n are those followed."""
    square = NORMAL_95**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = NORMAL_95 / (1 + square / n) * np.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def tree_of_rates(rates: Sequence[BaseRates]) -> list[dict[str, object]]:
    """Plain values, for the bundle's ``reference.json``."""
    return [
        {"question": each.question, "cuts": each.cuts, "rates": [list(rate) for rate in each.rates]}
        for each in rates
    ]


def rates_of_tree(tree: Sequence[Mapping[str, object]]) -> tuple[BaseRates, ...]:
    """What `tree_of_rates` told; a bundle written before there were rates has none."""
    return tuple(_rates(**each) for each in tree)  # type: ignore[arg-type]


def _rates(question: str, cuts: Sequence[float], rates: Sequence[Sequence[object]]) -> BaseRates:
    low, high = cuts
    return BaseRates(question, (low, high), tuple(Rate(*rate) for rate in rates))  # type: ignore[arg-type]
