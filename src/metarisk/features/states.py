"""Score of each circuit's state in each sample, from standardised expression.

A state's score is the mean standardised expression of the genes that the named effectors of a curated circuit
raise, minus that of the genes they lower: 0 is the training mean, 1 a training standard deviation of each
gene. The network's own pathway states are not used, since they have no sign that means anything outside of
the model. It is no measurement of the state itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.features.batch import Batch
from metarisk.features.transform import FeatureTransform
from metarisk.pathways.states import EPITHELIAL, MESENCHYMAL, STATE_NAMES, STATES, State
from metarisk.schema.assays import Assay

LEAST_GENES, LEAST_SHARE = 4, 0.5  # measured; with less the state is not told

DoubleArray = NDArray[np.float64]


class StateScores(NamedTuple):
    """States of N samples, in the order of `STATE_NAMES` (S of them).

    Attributes
    ----------
    score
        NaN where it is not told; higher is more of what the state is named after, shape (N, S).
    genes_measured
        Genes that it was read from, shape (N, S).
    """

    score: DoubleArray
    genes_measured: NDArray[np.int64]


def state_scores(transform: FeatureTransform, batch: Batch) -> StateScores:
    """Score of each state in each sample; that of ``emt`` is the mesenchymal minus the epithelial one."""
    single = [_score(state, transform, batch) for state in STATES]
    low, high = STATES.index(EPITHELIAL), STATES.index(MESENCHYMAL)
    scores, counts = (list(each) for each in zip(*single, strict=True))
    return StateScores(
        np.column_stack([*scores, scores[high] - scores[low]]),
        np.column_stack([*counts, counts[high] + counts[low]]),
    )


def state_genes() -> NDArray[np.int64]:
    """Genes that each state would be read from, shape (S,)."""
    known = {state.name: len(state.genes) for state in STATES}
    both = known[EPITHELIAL.name] + known[MESENCHYMAL.name]
    return np.array([known.get(name, both) for name in STATE_NAMES], dtype=np.int64)


def _score(state: State, transform: FeatureTransform, batch: Batch) -> tuple[DoubleArray, NDArray[np.int64]]:
    """Score of one state and genes measured, (N,) each."""
    entry, scale = batch.assays.get(Assay.EXPRESSION), transform.scales.get(Assay.EXPRESSION)
    place = {gene: at for at, gene in enumerate(scale.genes)} if scale else {}
    known = [gene for gene in state.genes if gene in place]
    if entry is None or not known:
        return np.full(len(batch), np.nan), np.zeros(len(batch), dtype=np.int64)
    at = [place[gene] for gene in known]
    measured = entry.measured[:, at]
    count = measured.sum(axis=1).astype(np.int64)
    signs = np.array([state.genes[gene] for gene in known], dtype=np.int64)
    told = by_arms(entry.values[:, at, 0].astype(np.float64), measured, signs)
    return np.where(count >= max(LEAST_GENES, LEAST_SHARE * len(state.genes)), told, np.nan), count


def by_arms(values: DoubleArray, measured: NDArray[np.bool_], signs: NDArray[np.int64]) -> DoubleArray:
    """Mean of the genes that count up minus mean of those that count down, (N, genes) to (N,).

    NaN where an arm has no gene that was measured; ``signs`` are 1 or -1, shape (genes,).
    """
    total = np.zeros(len(values))
    for sign in np.unique(signs):
        arm = measured & (signs == sign)
        mean = np.where(arm, values, 0.0).sum(axis=1) / np.maximum(arm.sum(axis=1), 1)
        total += sign * np.where(arm.any(axis=1), mean, np.nan)
    return total
