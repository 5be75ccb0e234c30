"""Who a question is judged on: held-out samples whose answer is known, in their parts and strata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.metrics.concordance import FollowUp, censoring_weighted
from metarisk.metrics.strata_names import BY_SIZE, MEAN, MEAN_WITHIN, POOLED, WITHIN
from metarisk.metrics.within import Strata, choose_strata, finer_strata
from metarisk.schema.endpoints import event_column, time_column
from metarisk.train.figures import EVER, Answers, Judged, Question, judged_by, training_censoring

if TYPE_CHECKING:
    from metarisk.train.outer import OuterSplit

DoubleArray = NDArray[np.float64]
Rows = NDArray[np.intp]
# A part counts with this many cases and as many controls: few, so that small cohorts are in the mean.
LEAST_IN_PART = 2
BY_PATIENT = "patient"


@dataclass(frozen=True)
class HeldOut:
    """A cohort, the parts it was tested in, and how it is judged."""

    cohort: Cohort
    split: OuterSplit
    section: EvaluationSection

    @property
    def by_part(self) -> bool:
        """True where parts mean something: cohorts or cancer types, not folds of patients."""
        return self.split.kind != BY_PATIENT

    @cached_property
    def types(self) -> NDArray[np.str_]:
        """Stratum to look within of each sample, shape (N,)."""
        column = self.cohort.clinical.reindex(columns=[self.section.within])[self.section.within]
        one = {value: name for name, values in self.section.within_as.items() for value in values}
        return column.fillna("(unknown)").replace(one).to_numpy(dtype=str)

    def tested(self, judged: Judged, scores: Mapping[str, DoubleArray]) -> Tested:
        """Rows with what models say of them; ``scores`` are of the whole cohort, shape (N,) each."""
        rows, label = judged.rows, judged.label
        part, types = self.split.part_of[rows], self.types[rows]
        large = choose_strata(label, types, self.section.within_min_events)
        parts = choose_strata(label, part, LEAST_IN_PART)
        strata = {POOLED: parts, WITHIN: finer_strata(large, label, part, LEAST_IN_PART)}
        one = len(np.unique(types)) == 1
        if one or (self.by_part and _nested(part, types)):  # inside a part there is nothing to look within
            strata[WITHIN] = Strata((), len(rows))
        return Tested(
            *(rows, label, judged.weight, {name: score[rows] for name, score in scores.items()}),
            self.cohort.patient_ids[rows],
            part,
            strata,
            tuple(self.split.parts[part[inside[0]]] for inside in parts.rows),
            tuple(types[inside[0]] for inside in strata[WITHIN].rows) if self.section.within_each else (),
        )


class Size(NamedTuple):
    """Rows of a figure, and those with the event."""

    n: int
    events: int


@dataclass(frozen=True)
class Tested:
    """Held-out samples whose answer is known to everybody compared.

    Attributes
    ----------
    rows
        Rows of the cohort, shape (n,).
    label
        1 the event, 0 none, shape (n,).
    weight
        Weight of a row's own, such as its inverse probability of being known, shape (n,).
    scores
        Model -> probability or score, higher = the event is likelier, shape (n,).
    patients
        Patient of each row, shape (n,).
    part
        Part that each row was held out in, shape (n,).
    strata
        ``pooled``: the parts that count; ``within``: each stratum that counts, cut by the parts. Patients are
        ranked against others of their part only: models of two parts answer on scales of their own, and one
        that knows nothing would look worse than chance across them.
    parts
        Names of the parts that count.
    types
        Type of each stratum of ``within``, as long as these; empty where types are not told one by one.
    """

    rows: Rows
    label: DoubleArray
    weight: DoubleArray
    scores: Mapping[str, DoubleArray]
    patients: NDArray[np.str_]
    part: Rows
    strata: Mapping[str, Strata]
    parts: tuple[str, ...]
    types: tuple[str, ...] = ()

    @cached_property
    def independent(self) -> bool:
        """True where each row is another patient and counts once, as DeLong's test asks."""
        return len(np.unique(self.patients)) == len(self.patients) and bool((self.weight == 1).all())

    @property
    def whole(self) -> Size:
        """Of all rows."""
        return Size(len(self.label), int(self.label.sum()))

    def ranked(self) -> dict[str, Size]:
        """Stratum -> its rows that are ranked."""
        sizes = {name: self._size(strata.counted) for name, strata in self.strata.items()}
        sizes |= dict.fromkeys((MEAN, BY_SIZE), sizes[POOLED]) | {MEAN_WITHIN: sizes[WITHIN]}
        sizes |= {name: self._size(self.of_type(name).counted) for name in self.types}
        return sizes | {part: self._size(self.one(part).counted) for part in self.parts}

    def one(self, part: str) -> Strata:
        """A part as the only stratum."""
        pooled = self.strata[POOLED]
        return Strata((pooled.rows[self.parts.index(part)],), pooled.n)

    def of_type(self, name: str) -> Strata:
        """The strata of one type, a part each."""
        within = self.strata[WITHIN]
        theirs = [rows for rows, of in zip(within.rows, self.types, strict=True) if of == name]
        return Strata(tuple(theirs), within.n)

    def shares(self) -> dict[str, DoubleArray]:
        """What each part counts in each average over parts, and in its own figure, shape (S,)."""
        pooled = self.strata[POOLED]
        cases = np.array([self.label[rows].sum() for rows in pooled.rows])
        averages = {POOLED: cases, MEAN: np.ones(len(cases)), BY_SIZE: np.array(pooled.sizes, np.float64)}
        return averages | dict(zip(self.parts, np.eye(len(cases)), strict=True))

    def shares_within(self) -> dict[str, DoubleArray]:
        """What each stratum of ``within`` counts in each average over them, shape (S,).

        In a type's own figure parts count by their cases, as they do in the mean over types, each alike.
        """
        cases = np.array([self.label[rows].sum() for rows in self.strata[WITHIN].rows])
        of_type = np.array(self.types, dtype=str)
        each = {name: np.where(of_type == name, cases, 0.0) for name in dict.fromkeys(self.types)}
        alike = sum((share / share.sum() for share in each.values()), np.zeros(len(cases)))
        return {WITHIN: cases, **({MEAN_WITHIN: alike, **each} if each else {})}

    def _size(self, counted: NDArray[np.bool_]) -> Size:
        return Size(int(counted.sum()), int(self.label[counted].sum()))


class Followed(NamedTuple):
    """Samples with follow-up, those who left before the horizon too.

    Attributes
    ----------
    tested
        Its label says that the event was seen before the horizon.
    follow_up
        Until the horizon; the censoring weights are of the patients that each part's models learned from.
    """

    tested: Tested
    follow_up: FollowUp


@dataclass(frozen=True)
class Asked:
    """A question, and those it is judged on.

    Attributes
    ----------
    question
        Endpoint and horizon.
    known
        Samples whose status at the horizon is known.
    followed
        All with follow-up; None for a yes / no question.
    """

    question: Question
    known: Tested
    followed: Followed | None


def ask(question: Question, models: Mapping[str, Answers], held: HeldOut) -> Asked:
    """A question judged on those whom every model that answers it at all has answered."""
    scores = {name: known[question] for name, known in models.items() if question in known}
    answered = np.isfinite(sum(scores.values(), np.zeros(len(held.cohort))))
    known = held.tested(_known(question, held, answered), scores)
    if question.horizon_days == EVER:
        return Asked(question, known, None)
    judged, follow_up = followed(question, held, answered)
    return Asked(question, known, Followed(held.tested(judged, scores), follow_up))


def followed(question: Question, held: HeldOut, answered: NDArray[np.bool_]) -> tuple[Judged, FollowUp]:
    """Answered samples with follow-up, labelled by whether the event was seen before the horizon."""
    table = held.cohort.endpoints.reindex(
        columns=[time_column(question.endpoint), event_column(question.endpoint)]
    ).to_numpy(np.float64)
    time, code = table.T
    inverse, horizon = np.full(len(table), np.nan), question.horizon_days
    for number in range(len(held.split.parts)):
        sides = held.split.split(number)
        rows = sides.test_rows[(answered & ~np.isnan(table).any(axis=1))[sides.test_rows]]
        censoring = training_censoring(held.cohort.endpoints.iloc[sides.train_rows], question.endpoint)
        if len(rows):  # a part that nobody answers may have nobody who was followed to learn from
            inverse[rows] = censoring_weighted(time[rows], code[rows], censoring, horizon).inverse
    rows = np.flatnonzero(~np.isnan(inverse))
    label = ((code[rows] == 1) & (time[rows] < horizon)).astype(np.float64)
    judged = Judged(rows, label, np.ones(len(rows)))
    return judged, FollowUp(time[rows], code[rows].astype(np.int64), inverse[rows], horizon)


def _known(question: Question, held: HeldOut, answered: NDArray[np.bool_]) -> Judged:
    """Answered samples of any part whose answer is known, in the order of the cohort."""
    found = []
    for number in range(len(held.split.parts)):
        sides = held.split.split(number)
        rows = sides.test_rows[answered[sides.test_rows]]
        test, training = (held.cohort.endpoints.iloc[side] for side in (rows, sides.train_rows))
        part = judged_by(test, question, training)
        found.append(Judged(rows[part.rows], part.label, part.weight))
    rows, label, weight = (
        np.concatenate([getattr(part, name) for part in found]) for name in ("rows", "label", "weight")
    )
    order = np.argsort(rows, kind="stable")
    return Judged(rows[order], label[order], weight[order])


def _nested(part: Rows, types: NDArray[np.str_]) -> bool:
    """True where no part has rows of two types."""
    return len(set(zip(part.tolist(), types.tolist(), strict=True))) == len(np.unique(part))
