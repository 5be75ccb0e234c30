"""Does what a model says through a part hold on patients: a permutation test within cancer types, streamed.

The null: among patients of one cancer type, the share of a part in an answer tells nothing of what happened
to them. Statistic: the sum over patients of (outcome minus its mean in the stratum) times the share, one
sided: a share that raises the answer is expected to be larger in those with the event. Outcomes are permuted
among the patients of a stratum, shares stay, so that sparse or correlated parts need no assumption.

A stratum is a cancer type within one portion of the stream (some hundred samples): patients of a stratum are
exchangeable under the null whatever the portions are, and memory does not grow with the cohort. The
second p-value is for the whole table of a kind and answer: the chance that the strongest of all its parts,
standardised, would stand as high (Westfall and Young, Resampling-Based Multiple Testing, 1993, single step).

It says nothing of parts that the model does not use, of causes, nor of a model's own training patients, on
whom it has seen the outcome: those are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.explain.questions import DoubleArray
from metarisk.features.batch import FloatArray
from metarisk.models.conformal import EVER, Asked
from metarisk.schema.endpoints import SITE_TIMED, TIMED, event_column, time_column

PERMUTATIONS = 199
BUDGET = 192 << 20  # bytes of running sums of a kind; beyond it only the largest parts are tested
LEAST_CASES = 5  # with the event, and without


class Tested(NamedTuple):
    """What the test found for Q answers and F parts; NaN where nothing was tested.

    Attributes
    ----------
    difference
        Mean share of patients with the event minus that of patients without, within strata, (Q, F).
    p, p_adjusted
        Of each part alone, and with regard to all parts of its answer, (Q, F) each.
    cases, controls
        Patients tested with and without the event, in strata that have both, (Q,) each.
    """

    difference: DoubleArray
    p: DoubleArray
    p_adjusted: DoubleArray
    cases: NDArray[np.int64]
    controls: NDArray[np.int64]


class Outcomes(NamedTuple):
    """Outcomes of a portion of N samples, as they are and permuted.

    Attributes
    ----------
    centred
        Outcome minus the stratum's mean, 0 where it is unknown; as it is first, then B times permuted,
        shape (Q, 1 + B, N).
    weight
        Sum over strata of cases times controls over patients, shape (Q,).
    cases, controls
        Patients, shape (Q,).
    """

    centred: FloatArray
    weight: DoubleArray
    cases: NDArray[np.int64]
    controls: NDArray[np.int64]


def outcomes_of(endpoints: pd.DataFrame, questions: list[Asked]) -> DoubleArray:
    """1 with the event (by the horizon), 0 without, NaN where nobody knows, shape (Q, N).

    Of a dated endpoint the first cause counts; another cause before the horizon is a "no".
    """
    return np.stack([_outcome(endpoints, asked) for asked in questions])


def _outcome(endpoints: pd.DataFrame, asked: Asked) -> DoubleArray:
    if asked.horizon_days == EVER:
        return endpoints.reindex(columns=[asked.endpoint]).to_numpy(np.float64)[:, 0]
    columns = [time_column(asked.endpoint), event_column(asked.endpoint)]
    time, event = endpoints.reindex(columns=columns).to_numpy(np.float64).T
    code = 1 + {**TIMED, **SITE_TIMED}[asked.endpoint].causes.index(asked.cause)
    by_then = time <= asked.horizon_days
    yes, no = by_then & (event == code), (time > asked.horizon_days) | (by_then & ~np.isin(event, [0, code]))
    known = ~np.isnan(time) & ~np.isnan(event)
    return np.where(known & yes, 1.0, np.where(known & no, 0.0, np.nan))


def permuted(
    labels: DoubleArray, strata: NDArray[np.str_], permutations: int, rng: np.random.Generator
) -> Outcomes:
    """Outcomes of a portion, permuted within strata.

    Parameters
    ----------
    labels
        As `outcomes_of` gives them, shape (Q, N).
    strata
        Stratum of each sample, shape (N,).
    permutations
        How often B.
    rng
        Where chance comes from.
    """
    centred = np.zeros((len(labels), 1 + permutations, labels.shape[1]), np.float32)
    weight, cases, controls = (np.zeros(len(labels)) for _ in range(3))
    for place, label in enumerate(labels):
        for stratum in np.unique(strata):
            rows = np.flatnonzero((strata == stratum) & ~np.isnan(label))
            yes = float(label[rows].sum())
            if not 0 < yes < len(rows):
                continue
            own = (label[rows] - yes / len(rows)).astype(np.float32)
            centred[place, 0, rows] = own
            centred[place, 1:, rows] = rng.permuted(np.tile(own, (permutations, 1)), axis=1).T
            weight[place] += yes * (len(rows) - yes) / len(rows)
            cases[place] += yes
            controls[place] += len(rows) - yes
    return Outcomes(centred, weight, cases.astype(np.int64), controls.astype(np.int64))


class PermutationTest:
    """Running sums of the statistic, as it is and permuted, for one kind of part.

    Parameters
    ----------
    answers, parts
        Counts Q and F.
    permutations
        How often B outcomes are permuted.
    """

    def __init__(self, answers: int, parts: int, permutations: int = PERMUTATIONS) -> None:
        self._parts, self._most = parts, max(BUDGET // (4 * answers * (1 + permutations)), 1)
        self._tested: NDArray[np.intp] | None = None
        self._permutations = permutations
        self._sums = np.zeros((answers, 1 + permutations, 0))
        self._weight, self._cases, self._controls = np.zeros((3, answers))

    def portion(self, outcomes: Outcomes) -> None:
        """Count the patients of a portion whose shares `add` will bring."""
        self._weight += outcomes.weight
        self._cases += outcomes.cases
        self._controls += outcomes.controls

    def add(self, centred: FloatArray, shares: FloatArray) -> None:
        """Add some samples of the portion.

        Parameters
        ----------
        centred
            Their columns of `Outcomes.centred`, shape (Q, 1 + B, n).
        shares
            Mean of members, shape (Q, n, F).
        """
        if self._tested is None:
            # The largest shares of the first samples: no outcome has a say in what is tested.
            order = np.argsort(-np.abs(shares).mean(axis=(0, 1)), kind="stable")
            self._tested = np.sort(order[: self._most])
            self._sums = np.zeros((*self._sums.shape[:2], len(self._tested)), np.float32)
        self._sums += np.matmul(centred, shares[:, :, self._tested])

    def result(self) -> Tested:
        """p-values; NaN for answers with under `LEAST_CASES` on a side and for parts that were not tested."""
        shape = (len(self._sums), self._parts)
        difference, p, adjusted = (np.full(shape, np.nan) for _ in range(3))
        enough = (self._cases >= LEAST_CASES) & (self._controls >= LEAST_CASES)
        for place in np.flatnonzero(enough) if self._tested is not None else ():
            sums = self._sums[place].astype(np.float64)  # (1 + B, tested)
            difference[place, self._tested] = sums[0] / self._weight[place]
            p[place, self._tested], adjusted[place, self._tested] = p_values(sums)
        counts = (self._cases.astype(np.int64), self._controls.astype(np.int64))
        return Tested(difference, p, adjusted, *counts)


def p_values(sums: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """p-value of each part, alone and for all of them: row 0 as it is, the others permuted, (1 + B, F)."""
    slack = 1e-6 * np.abs(sums).max(axis=0)  # equal sums differ by rounding
    p = (sums >= sums[0] - slack).mean(axis=0)
    spread = sums.std(axis=0)
    used = spread > 1e-12
    standard = np.divide(sums, spread, out=np.zeros_like(sums), where=used)
    highest = standard.max(axis=1)
    adjusted = (highest[:, None] >= standard[0] - 1e-6).mean(axis=0)
    return p, np.where(used, np.maximum(adjusted, p), 1.0)
