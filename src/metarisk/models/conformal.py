"""Conformal sets: the answers, yes or no, that cannot be ruled out for a patient at the level asked for.

An answer's *score* says how badly a patient fits it: minus the risk for "yes", the risk for "no". A group's
limit is the score that a share ``level`` of its held-out patients with that true answer stay under, one added
to their number, so a new patient of the group whose true answer it is stays under it as often: between level
and level + 1 / (n + 1) for n patients without ties (Vovk, Conditional validity of inductive conformal
predictors, 2012). The groups are a partition by category and true answer, so neither a rare type nor a rare
answer is paid for by the common ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from metarisk.features.batch import Batch

DoubleArray = NDArray[np.float64]

EVER = 0.0  # the horizon of a yes / no endpoint: NaN would be no key
UNKNOWN = "(unknown)"
EVERYBODY = "(all)"
# Of the log odds: limits are rounded up, so that no patient's own number is kept.
DECIMALS = 3

Source = Literal["own", "small groups", "all", "none"]


class Asked(NamedTuple):
    """A question that has a probability: an endpoint, which of its causes, and by when (`EVER`: at all)."""

    endpoint: str
    cause: str
    horizon_days: float


class Limit(NamedTuple):
    """Largest score at which an answer is kept.

    Attributes
    ----------
    value
        On the log odds; infinite where too few patients are known to rule the answer out.
    n
        Held-out patients with this true answer that it rests on.
    source
        Whose they are: the group's ``own``, those of all ``small groups``, of ``all``, or ``none``.
    """

    value: float
    n: int
    source: Source


class AnswerLimits(NamedTuple):
    """Limits of both answers in one group."""

    no: Limit
    yes: Limit


@dataclass(frozen=True)
class ConformalSets:
    """What decides the sets of every question.

    Attributes
    ----------
    level
        Share of patients with each true answer whose set holds it.
    columns
        Group -> flat column that is 1 in its patients; one more group, `UNKNOWN`, is of those with none, or
        `EVERYBODY` where there is no column.
    limits
        Question -> group -> limits.
    free
        Cause by the last horizon -> group -> limit of `metarisk.models.time_bound`.
    """

    level: float
    columns: Mapping[str, int]
    limits: Mapping[Asked, Mapping[str, AnswerLimits]]
    free: Mapping[Asked, Mapping[str, Limit]] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups in the order of their numbers."""
        return (*self.columns, UNKNOWN) if self.columns else (EVERYBODY,)

    def group_of(self, batch: Batch) -> NDArray[np.intp]:
        """Number of each sample's group, shape (N,)."""
        if not self.columns:
            return np.zeros(len(batch), dtype=np.intp)
        hot = np.nan_to_num(batch.flat[:, list(self.columns.values())])
        return np.where(hot.any(axis=1), hot.argmax(axis=1), len(self.columns))

    def kept(
        self, asked: Asked, risk: DoubleArray, group: NDArray[np.intp], missing: DoubleArray
    ) -> NDArray[np.bool_] | None:
        """Whether "no" and "yes" are in each sample's set, shape (N, 2); None for a question without limits.

        Each fold's members vote with their own risk, and an answer that half of them keep is kept. Where each
        voter's set lacks the true answer for a share 1 - level, the vote lacks it for twice that at worst
        (Gasparin and Ramdas, Merging uncertainty sets via majority vote, 2024), as a rule for less than that.

        Parameters
        ----------
        asked
            The question.
        risk
            Log odds from the members that left out each of K folds, shape (K, N).
        group
            From `group_of`, shape (N,).
        missing
            Standard deviation of what the assays that a sample lacks would have changed, on the log odds,
            shape (N,): such a sample is no draw from the patients that the limits rest on, so both of its
            scores are lowered by that deviation's quantile at the level.
        """
        if asked not in self.limits:
            return None
        by_group = self.limits[asked]
        limit = np.array([[answer.value for answer in by_group[name]] for name in self.groups])[group]
        scores = np.stack([risk, -risk], axis=-1)  # (K, N, 2)
        return np.asarray((scores - self.slack(missing)[:, None] <= limit).mean(axis=0) >= 0.5)

    def slack(self, missing: DoubleArray) -> DoubleArray:
        """Quantile at the level of a normal error with these standard deviations, shape of ``missing``."""
        return np.asarray(float(ndtri(self.level)) * missing)


NO_SETS = ConformalSets(0.9, {}, {})


def set_text(kept: NDArray[np.bool_]) -> NDArray[np.object_]:
    """``no``, ``yes``, ``yes or no`` or ``none`` for each row of (N, 2), shape (N,)."""
    names = np.array(["none", "no", "yes", "yes or no"], dtype=object)
    text: NDArray[np.object_] = names[kept[:, 0] + 2 * kept[:, 1]]
    return text


def conformal_limit(score: DoubleArray, weight: DoubleArray, level: float, new_weight: float) -> float:
    """Quantile of the scores with a new patient counted as the worst; infinite where they are too few.

    With equal weights it is the ceil(level (n + 1))-th smallest score. With weights it is the weighted
    conformal quantile (Tibshirani, Foygel Barber, Candes and Ramdas, Conformal prediction under covariate
    shift, 2019): here they are inverse probabilities of being known, so that those known stand for all.

    Parameters
    ----------
    score
        Of held-out patients, higher is worse, shape (n,).
    weight
        Of each of them, shape (n,).
    level
        Share that must stay under the limit.
    new_weight
        The largest weight that a new patient can have.
    """
    order = np.argsort(score, kind="stable")
    share = np.cumsum(weight[order]) / (weight.sum() + new_weight)
    place = int(np.searchsorted(share, level - 1e-12))
    return float(score[order[place]]) if place < len(order) else float("inf")


class Known(NamedTuple):
    """Held-out patients whose true answer to one question is known.

    Attributes
    ----------
    risk
        Log odds from the members that did not train on them, shape (n,).
    label
        1 yes, 0 no, shape (n,).
    weight
        Inverse probability of being known, shape (n,).
    new_weight
        The largest weight that a new patient can have.
    group
        Number of each one's group, shape (n,).
    """

    risk: DoubleArray
    label: DoubleArray
    weight: DoubleArray
    new_weight: float
    group: NDArray[np.intp]


def fit_limits(
    known: Known, groups: tuple[str, ...], level: float, min_group: int
) -> dict[str, AnswerLimits]:
    """Limits of both answers in every group, from held-out patients.

    A group with under ``min_group`` patients of an answer, or too few for a finite limit, takes that of all
    such groups together; where these are too few, that of everybody; where even they are, none.

    Parameters
    ----------
    known
        Held-out patients.
    groups
        Names, in the order of their numbers.
    level, min_group
        As in `metarisk.config.calibration.CalibrationSection`.
    """
    no, yes = (_limits_of(answer, known, len(groups), level, min_group) for answer in (0, 1))
    return {name: AnswerLimits(*pair) for name, *pair in zip(groups, no, yes, strict=True)}


def _limits_of(answer: int, known: Known, n_groups: int, level: float, min_group: int) -> list[Limit]:
    """Limit of one answer in each group."""
    rows = known.label == answer
    score = (-known.risk if answer else known.risk)[rows]
    weight, group = known.weight[rows], known.group[rows]

    def limit(members: NDArray[np.bool_], source: Source) -> Limit | None:
        n = int(members.sum())
        value = conformal_limit(score[members], weight[members], level, known.new_weight)
        return Limit(_rounded_up(value), n, source) if n >= min_group and value < np.inf else None

    own = [limit(group == number, "own") for number in range(n_groups)]
    small = np.isin(group, [number for number, found in enumerate(own) if found is None])
    everybody = np.ones(len(score), dtype=np.bool_)
    shared = limit(small, "small groups") or limit(everybody, "all") or Limit(np.inf, len(score), "none")
    return [found or shared for found in own]


def _rounded_up(value: float) -> float:
    return float(np.round(np.ceil(value * 10**DECIMALS) / 10**DECIMALS, DECIMALS))
