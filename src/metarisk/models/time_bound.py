"""Until when a patient stays free of a dated event, at the level: a lower bound of the time to it.

A patient is told free until the end of the last interval by which the risk stays at or under a group's limit.
The limit is the largest at which, among held-out patients, those who had the event inside the time that they
would have been told free, each weighted by the inverse probability of being followed to it, and one more
patient of the largest weight, are at most a share 1 - level. That bounds the expected share in a new patient
of the group, whatever the model (Angelopoulos, Bates, Fisch, Lei and Schuster, Conformal risk control, 2024:
the loss is bounded and rises with the limit), if censoring does not depend on the patient and its curve is
right. Unlike the conformal sets it speaks of all patients of a group, not of those with the event.

Lower bounds of survival times by conformal means are of Candes, Lei and Ren, Conformalized survival analysis,
2023, who need the time of censoring of every patient; weighting needs its distribution only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.models.conformal import DECIMALS, DoubleArray, Limit, Source


class Followed(NamedTuple):
    """Held-out patients who were followed for one cause of a dated endpoint.

    Attributes
    ----------
    risk
        Log odds of the event by the end of the interval in which it came, shape (n,).
    weight
        Inverse probability of being followed to the event; 0 for those without one by the last horizon, (n,).
    new_weight
        The largest weight that a new patient can have.
    group
        Number of each one's group, shape (n,).
    """

    risk: DoubleArray
    weight: DoubleArray
    new_weight: float
    group: NDArray[np.intp]


def free_limit(followed: Followed, level: float) -> float | None:
    """Largest risk at which patients are told free; infinite if any is, None if they are too few to tell."""
    room = (1.0 - level) * (len(followed.risk) + 1) - followed.new_weight
    if room < 0:
        return None
    rows = np.flatnonzero(followed.weight)
    order = rows[np.argsort(followed.risk[rows], kind="stable")]
    place = int(np.searchsorted(np.cumsum(followed.weight[order]), room + 1e-12, side="right"))
    if place == len(order):
        return float("inf")
    # Under the first risk that would be one too many, and no patient's own.
    below = np.ceil(followed.risk[order[place]] * 10**DECIMALS) - 1
    return float(np.round(below / 10**DECIMALS, DECIMALS))


def fit_free_limits(
    followed: Followed, groups: tuple[str, ...], level: float, min_group: int
) -> dict[str, Limit]:
    """Limit of each group; small ones share theirs as in `metarisk.models.conformal.fit_limits`.

    The limit of a group of which nothing can be told is minus infinity: nobody is told free of anything.
    """

    def limit(rows: NDArray[np.bool_], source: Source) -> Limit | None:
        part = Followed(followed.risk[rows], followed.weight[rows], followed.new_weight, followed.group[rows])
        value = free_limit(part, level) if rows.sum() >= min_group else None
        return None if value is None else Limit(value, int(rows.sum()), source)

    own = [limit(followed.group == number, "own") for number in range(len(groups))]
    small = np.isin(followed.group, [number for number, found in enumerate(own) if found is None])
    everybody = np.ones(len(followed.group), dtype=np.bool_)
    shared = limit(small, "small groups") or limit(everybody, "all") or Limit(-np.inf, len(small), "none")
    return {name: found or shared for name, found in zip(groups, own, strict=True)}


def free_until(risk: DoubleArray, limit: DoubleArray, ends_days: NDArray[np.float64]) -> DoubleArray:
    """End of the last interval by which half of the folds' members keep the risk within the limit, (N,).

    Parameters
    ----------
    risk
        Log odds of the event by the end of each of L intervals from the members that left out each fold,
        rising along L, shape (K, N, L).
    limit
        Of each sample's group, shape (N,).
    ends_days
        Ends of the intervals, shape (L,).

    Returns
    -------
    DoubleArray
        Days, 0 where not even the first interval is free, at most the last end.
    """
    free = (risk <= limit[:, None]).mean(axis=0) >= 0.5  # (N, L)
    return np.asarray(np.concatenate([[0.0], ends_days])[free.sum(axis=1)], dtype=np.float64)
