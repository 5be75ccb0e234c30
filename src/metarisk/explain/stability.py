"""Whether the members of an ensemble say the same of a part: signs, spread and ranks."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.features.batch import FloatArray

STABLE = 0.8  # of the members agree on the sign; a part with less is called unstable

DoubleArray = NDArray[np.float64]


def sign_agreement(shares: FloatArray) -> FloatArray:
    """Share of the members whose sign is that of their mean, (M, ...) to (...); NaN for a single member."""
    if len(shares) < 2:
        return np.full(shares.shape[1:], np.nan, np.float32)
    same = np.sign(shares) == np.sign(shares.mean(axis=0))
    return np.asarray(same.mean(axis=0), dtype=np.float32)


def rank_correlation(sizes: DoubleArray) -> float:
    """Mean Spearman correlation between pairs of members, (M, F) to a number; NaN where there is none."""
    if len(sizes) < 2 or sizes.shape[1] < 2:
        return float("nan")
    ranks = np.stack([_ranks(row) for row in sizes])
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=1))
    if not length.all():
        return float("nan")
    unit = ranks / length[:, None]
    return float(np.mean([unit[a] @ unit[b] for a, b in combinations(range(len(unit)), 2)]))


def _ranks(values: DoubleArray) -> DoubleArray:
    """Mid ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    end = np.cumsum(count)
    return np.asarray((end - (count - 1) / 2.0)[place])


class Summed(NamedTuple):
    """A cohort's shares of Q answers and F parts, over its samples.

    Attributes
    ----------
    samples
        How many.
    size, share, raised
        Mean size of a share, mean share, and mean share with its sign turned where the gene is lowered (NaN
        for other parts), shape (Q, F) each.
    agreement
        Members that agree with the mean's sign, larger shares counting for more, shape (Q, F).
    spread
        Standard deviation over members relative to the size of their mean, shape (Q, F).
    member_size
        Mean size by member, shape (M, Q, F).
    """

    samples: int
    size: DoubleArray
    share: DoubleArray
    raised: DoubleArray
    agreement: DoubleArray
    spread: DoubleArray
    member_size: DoubleArray

    @property
    def unstable(self) -> NDArray[np.bool_]:
        """Parts of whose sign the members are not of one mind, shape (Q, F)."""
        return np.asarray(self.agreement < STABLE)


class Tally:
    """Running sums of shares: samples come some at a time and are forgotten.

    Parameters
    ----------
    members, answers, parts
        Counts M, Q, F.
    """

    def __init__(self, members: int, answers: int, parts: int) -> None:
        self._samples = 0
        self._sums = np.zeros((5, answers, parts))
        self._member_size = np.zeros((members, answers, parts))
        self._directed = False

    def add(self, shares: FloatArray, toward: FloatArray | None = None) -> None:
        """Add n samples.

        Parameters
        ----------
        shares
            Shape (M, Q, n, F).
        toward
            1 where a part is raised or altered, -1 where it is lowered, shape (n, F).
        """
        mean = shares.mean(axis=0)  # (Q, n, F)
        size = np.abs(mean)
        self._samples += shares.shape[2]
        self._sums[0] += size.sum(axis=1)
        self._sums[1] += mean.sum(axis=1)
        self._sums[2] += (size * np.nan_to_num(sign_agreement(shares), nan=1.0)).sum(axis=1)
        self._sums[3] += shares.std(axis=0).sum(axis=1)
        if toward is not None:
            self._directed = True
            self._sums[4] += np.einsum("qnf,nf->qf", mean, toward)
        self._member_size += np.abs(shares).sum(axis=2)

    def result(self) -> Summed:
        """Means over all samples so far."""
        n = max(self._samples, 1)
        size, share, agreeing, spread, raised = self._sums
        least = np.maximum(size, 1e-12)
        agreement = np.where(size > 0, agreeing / least, 1.0)
        if len(self._member_size) < 2:
            agreement = np.full_like(size, np.nan)
        return Summed(
            self._samples,
            size / n,
            share / n,
            raised / n if self._directed else np.full_like(size, np.nan),
            agreement,
            np.where(size > 0, spread / least, 0.0),
            self._member_size / n,
        )
