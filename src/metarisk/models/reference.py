"""How far a sample lies from the training patients, as a conformal p-value, robust to what was not measured.

A *block* is what goes missing together: the clinic, or one assay. Its *strangeness* for a sample is the
largest of three deviations from the median training patient: further within the patients' own directions,
further outside of them, or nearer to their mean than patients are (values that were imputed, or are in
another unit). Strangeness has a longer tail in one block than in another, so blocks are compared by
*surprise*, minus the log of the share of patients that are as strange. A sample's is the largest over its
measured blocks, and its p-value the share of training patients, with the same blocks measured, whose is at
least as large: (1 + number) / (1 + patients) (Vovk, Gammerman and Shafer, Algorithmic learning in a random
world, 2005). The patients' strangeness was measured on spaces that were fitted without them
(`metarisk.models.reference_fitting`). No patient's value is kept, only quantiles of strangeness, rounded up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.features.batch import Batch, FloatArray
from metarisk.models.base_rates import BaseRates
from metarisk.models.factor_space import BoolArray, Distances, DoubleArray, FactorSpace
from metarisk.models.state_reference import NO_STATES, StateReference
from metarisk.models.training_summary import NO_SUMMARY, TrainingSummary
from metarisk.schema.assays import ASSAYS, Assay

CLINICAL = "clinical"
# A sample less likely than this among patients like the training's is flagged, once for each of its blocks.
FAR = 0.01
DECIMALS = 6
KNEE = 10


class Spread(NamedTuple):
    """What an ordinary patient's distances of a block are.

    Attributes
    ----------
    within, outside
        Medians.
    within_above, outside_above, outside_below
        From the median to the 95th (5th) percentile.
    """

    within: float
    outside: float
    within_above: float
    outside_above: float
    outside_below: float

    def strangeness(self, distances: Distances) -> DoubleArray:
        """Largest deviation in units of an ordinary patient's, shape (N,)."""
        beyond = distances.outside - self.outside
        sides = (
            (distances.within - self.within) / self.within_above,
            beyond / self.outside_above,
            -beyond / self.outside_below,
        )
        return np.asarray(np.round(np.maximum.reduce(sides), DECIMALS))


@dataclass(frozen=True)
class Block:
    """One block of columns.

    Attributes
    ----------
    columns
        Positions among the block's columns that are looked at, ascending, shape (F,): of the flat table, or
        of an assay's genes times channels.
    space
        Where the training patients lie.
    spread
        Their distances.
    """

    columns: NDArray[np.int64]
    space: FactorSpace
    spread: Spread

    def strangeness(self, values: FloatArray, measured: BoolArray) -> DoubleArray:
        """Strangeness of N samples, NaN where nothing was measured, shape (N,)."""
        strange = self.spread.strangeness(self.space.distances(values, measured))
        return np.where(measured.any(axis=1), strange, np.nan)


@dataclass(frozen=True)
class Tail:
    """How many of n training patients are stranger than each of a few values.

    Attributes
    ----------
    n
        Patients.
    counts
        How many of them are stranger than the value, descending.
    values
        Ascending, rounded up.
    knee, excess
        Value that `KNEE` of them exceed, and by how much they do on average.
    """

    n: int
    counts: tuple[int, ...]
    values: tuple[float, ...]
    knee: float = np.inf
    excess: float = 1.0

    def p_values(self, strange: DoubleArray) -> DoubleArray:
        """Share of patients at least as strange, never too small, shape (N,); NaN stays NaN."""
        return self._read(np.minimum(self._shares, 1.0), strange)

    def surprise(self, strange: DoubleArray) -> DoubleArray:
        """Minus the log of that share, shape (N,); NaN stays NaN.

        Among the last `KNEE` patients it goes on as an exponential tail would, so that neither a single
        patient nor the number of patients decides how far two very strange samples are apart.
        """
        steps = -np.log(np.clip(self._shares, (1.0 + KNEE) / (1.0 + self.n), 1.0))
        return self._read(steps, strange) + np.maximum(strange - self.knee, 0.0) / self.excess

    @property
    def _shares(self) -> DoubleArray:
        return np.asarray((1.0 + np.array([self.n, *self.counts])) / (1.0 + self.n))

    def _read(self, table: DoubleArray, strange: DoubleArray) -> DoubleArray:
        """Entry of a table by how many of the values lie below."""
        below = np.searchsorted(np.array(self.values), np.nan_to_num(strange), side="left")
        return np.where(np.isnan(strange), np.nan, table[below])


class Judged(NamedTuple):
    """How N samples stand to the training patients.

    Attributes
    ----------
    p
        Conformal p-value, NaN where no block can be judged, shape (N,).
    far
        Block -> True where it makes the sample strange, shape (N,): ``p`` is under `FAR`, and the block's own
        p-value is too, or no block is stranger.
    """

    p: DoubleArray
    far: Mapping[str, BoolArray]


@dataclass(frozen=True)
class Reference:
    """What training patients look like.

    Attributes
    ----------
    blocks
        By name: ``clinical``, or an assay.
    tails
        Names of blocks, joined by ``+`` in the order of `blocks` -> largest surprise of the patients who have
        all of them, for the sets that training patients commonly have; of a block alone its strangeness.
    summary
        Distributions of single columns and answers.
    rates
        How often each answer was true, by cancer type and third of risk.
    states
        Where circuit states lie, by cancer type.
    """

    blocks: Mapping[str, Block] = field(default_factory=dict)
    tails: Mapping[str, Tail] = field(default_factory=dict)
    summary: TrainingSummary = NO_SUMMARY
    rates: tuple[BaseRates, ...] = ()
    states: StateReference = NO_STATES

    def rates_of(self, question: str) -> BaseRates | None:
        """Rates of a question by its name; None where none were kept."""
        return next((rates for rates in self.rates if rates.question == question), None)

    def judge(self, batch: Batch) -> Judged:
        """p-value of each sample, and the blocks that make it small; a row's do not depend on other rows."""
        p = np.full(len(batch), np.nan)
        if not self.blocks:
            return Judged(p, {})
        strange = {
            name: block.strangeness(*columns_of(batch, name, block.columns))
            for name, block in self.blocks.items()
        }
        own = {name: self.tails[name].p_values(values) for name, values in strange.items()}
        surprise = np.stack([self.tails[name].surprise(values) for name, values in strange.items()])
        single = np.stack(list(own.values()))  # (blocks, N), like the surprise
        patterns, pattern_of = np.unique(~np.isnan(surprise), axis=1, return_inverse=True)
        for number, pattern in enumerate(patterns.T):
            rows = np.flatnonzero(pattern_of.reshape(-1) == number)
            if pattern.any():
                p[rows] = self._joint(pattern, surprise[:, rows], single[:, rows])
        most = np.nan_to_num(surprise, nan=-np.inf).max(axis=0)
        is_far = np.nan_to_num(p, nan=1.0) < FAR
        far = {
            name: is_far & ((np.nan_to_num(own[name], nan=1.0) < FAR) | (values == most))
            for name, values in zip(self.blocks, surprise, strict=True)
        }
        return Judged(p, far)

    def _joint(self, pattern: BoolArray, surprise: DoubleArray, own: DoubleArray) -> DoubleArray:
        """p-value of samples that have the same blocks, from those of all columns (blocks, n) to (n,).

        Where too few training patients had these blocks, Bonferroni's bound over them.
        """
        tail = self.tails.get("+".join(name for name, has in zip(self.blocks, pattern, strict=True) if has))
        if tail is not None and pattern.sum() > 1:
            return tail.p_values(np.round(surprise[pattern].max(axis=0), DECIMALS))
        return np.asarray(np.minimum(own[pattern].min(axis=0) * pattern.sum(), 1.0))


NO_REFERENCE = Reference()


def columns_of(batch: Batch, name: str, columns: NDArray[np.int64]) -> tuple[FloatArray, BoolArray]:
    """Values of a block's columns and where they are measured, shape (N, F) each."""
    if name == CLINICAL:
        values = batch.flat[:, columns]
        return values, ~np.isnan(values)
    entry = batch.assays[Assay(name)]
    channels = len(ASSAYS[Assay(name)].channels)
    return entry.values.reshape(len(batch), -1)[:, columns], entry.measured[:, columns // channels]
