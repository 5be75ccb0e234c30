"""Concordance inside strata under many weightings of the rows, exact, in N log N steps a weighting.

The pairs are those of `metarisk.metrics.concordance`. Two sweeps count them: from the last day to the first,
where a case meets all who are still there, and from the first to the last, where it meets those who had a
competing event by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from metarisk.metrics.concordance import FollowUp
from metarisk.metrics.inputs import Floats, Weights, ratio
from metarisk.metrics.within import ByStratum, InStrata, Strata

# Of equal times, from the last day to the first: who is censored stays longest, then a case meets them.
_CENSORED, _CASE, _EVENT = 0, 1, 2


@dataclass(frozen=True)
class Sweeps:
    """Rows in the order in which the sweeps meet them.

    Attributes
    ----------
    row
        Row of each step, shape (steps,).
    opens
        True where the row is a case that opens pairs; the others are met by later cases, shape (steps,).
    factor
        What the row's weight is multiplied by, shape (steps,).
    bounds
        First step of each sweep, then the number of steps: S sweeps back in time and S forward, (2 S + 1,).
    """

    row: NDArray[np.intp]
    opens: NDArray[np.bool_]
    factor: Weights
    bounds: NDArray[np.intp]

    @classmethod
    def of(cls, follow_up: FollowUp, strata: Strata) -> Sweeps:
        """Sweeps over each stratum."""
        parts = [_back(follow_up, rows) for rows in strata.rows]
        parts += [_forward(follow_up, rows) for rows in strata.rows]
        row, opens, factor = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(row, opens, factor, np.cumsum([0, *(len(part[0]) for part in parts)]))

    def ranks(self, risk: Floats) -> NDArray[np.int64]:
        """Rank of each step's risk among its sweep's rows, from 1, shape (steps,)."""
        inside = [self.row[start:end] for start, end in pairwise(self.bounds)]
        found = [np.unique(risk[rows], return_inverse=True)[1] + 1 for rows in inside]
        return np.concatenate(found).astype(np.int64)


def concordance_in_strata(risk: Floats, follow_up: FollowUp, strata: Strata) -> InStrata:
    """Concordance inside each stratum, as `metarisk.metrics.concordance.weighted_concordance` counts it.

    Parameters
    ----------
    risk
        Higher = worse, shape (N,).
    follow_up
        From `metarisk.metrics.concordance.unweighted` or `censoring_weighted`; its ``inverse`` may come from
        another censoring curve in each stratum.
    strata
        At least one that counts, each with a case.
    """
    from metarisk.metrics.concordance_loops import sweep

    sweeps, count = Sweeps.of(follow_up, strata), len(strata.rows)
    rank = sweeps.ranks(risk)
    cases, first, own = _cases(follow_up, strata)

    def figures(weights: Weights) -> ByStratum:
        won, compared = sweep(weights, (sweeps.row, sweeps.opens, sweeps.factor), sweeps.bounds, rank)
        won, compared = won[:count] + won[count:], compared[:count] + compared[count:]
        share = np.add.reduceat(weights[:, cases] * own, first, axis=1)
        return ByStratum(ratio(won, compared).T, share)

    return figures


def _cases(follow_up: FollowUp, strata: Strata) -> tuple[NDArray[np.intp], NDArray[np.intp], Weights]:
    """Cases stratum by stratum, the first of each, and what each counts among the cases."""
    opening = np.zeros(strata.n, dtype=np.bool_)
    opening[follow_up.cases] = True
    inside = [rows[opening[rows]] for rows in strata.rows]
    cases = np.concatenate(inside)
    first = np.cumsum([0, *(len(rows) for rows in inside[:-1])])
    return cases, first, follow_up.inverse[cases]


def _back(follow_up: FollowUp, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.bool_], Weights]:
    """From the last day to the first: cases meet whoever is later; an event is met by earlier cases only."""
    time, code = follow_up.time[rows], follow_up.event_code[rows]
    case = rows[(code == 1) & (time < follow_up.horizon)]
    row = np.concatenate([rows, case])
    kind = np.concatenate([np.where(code > 0, _EVENT, _CENSORED), np.full(len(case), _CASE)])
    order = np.lexsort((kind, -follow_up.time[row]))
    row, opens = row[order], kind[order] == _CASE
    return row, opens, np.where(opens, follow_up.inverse[row] ** 2, 1.0)


def _forward(
    follow_up: FollowUp, rows: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.bool_], Weights]:
    """From the first day to the last: cases meet who had a competing event by then."""
    time, code = follow_up.time[rows], follow_up.event_code[rows]
    met = rows[(code == 1) & (time < follow_up.horizon) | (code > 1) & (time < follow_up.horizon)]
    opens = follow_up.event_code[met] == 1
    order = np.lexsort((opens, follow_up.time[met]))
    return met[order], opens[order], follow_up.inverse[met[order]]
