"""The state of circuits in each sample as rows: score, EMT call, and place among training patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.features.batch import Batch
from metarisk.features.states import DoubleArray, StateScores, state_genes, state_scores
from metarisk.models.base_rates import types_of
from metarisk.models.bundle import ModelBundle
from metarisk.models.state_reference import Place
from metarisk.pathways.states import EMT, EPITHELIAL, MESENCHYMAL, STATE_NAMES
from metarisk.schema.assays import Assay

TOO_FEW = "abstained:too-few-genes"
NO_EXPRESSION = "abstained:no-expression"
NEVER_READ = "abstained:model-without-expression"
ALL_TYPES = "(all types)"
CLEAR = 0.1  # standard deviations of the training patients


def emt_call(epithelial: DoubleArray, mesenchymal: DoubleArray) -> NDArray[np.object_]:
    """EMT state by which arms stand above the training mean, shape (N,); empty where one is unknown.

    ``unclear`` where an arm lies within `CLEAR` of the mean: a call there would turn on chance. Else
    ``epithelial`` and ``mesenchymal`` where one arm alone stands above, ``hybrid`` where both do: cells, or a
    mixture of cells, that show both kinds of genes at once, which is what the hybrid state was defined by
    (Jolly et al., Implications of the hybrid epithelial/mesenchymal phenotype in metastasis, Front Oncol
    2015; Nieto et al., EMT: 2016, Cell 2016), and ``neither``. The bounds are ours, and bulk tissue cannot
    tell hybrid cells from epithelial tumour beside mesenchymal stroma.
    """
    arms = np.stack([epithelial, mesenchymal])
    high = (epithelial >= 0.0).astype(int) + 2 * (mesenchymal >= 0.0)
    named = np.array(["neither", "epithelial", "mesenchymal", "hybrid"], dtype=object)[high]
    named = np.where((np.abs(arms) < CLEAR).any(axis=0), "unclear", named)
    return np.where(np.isnan(arms).any(axis=0), "", named)


def state_rows(bundle: ModelBundle, batch: Batch, sample_ids: NDArray[np.str_]) -> pd.DataFrame:
    """One row a sample and state, and one a sample for ``emt``, whose score is mesenchymal minus epithelial.

    Columns: sample_id, state, score, call (of ``emt``), genes_measured, genes, flag (why there is no score,
    or no place among training patients), training_percentile, training_lower and training_upper (ends of the
    cell that it lies in), training_type, training_n. The percentile within a cohort is not here, see
    `percentiles`.
    """
    told = state_scores(bundle.transform, batch)
    places = list(_places(bundle, batch, told.score))
    calls = np.full(told.score.shape, "", dtype=object)
    low, high = (STATE_NAMES.index(state.name) for state in (EPITHELIAL, MESENCHYMAL))
    calls[:, STATE_NAMES.index(EMT)] = emt_call(told.score[:, low], told.score[:, high])
    unplaced = np.array([place.why for place in places], dtype=object)
    return pd.DataFrame(
        {
            "sample_id": np.repeat(sample_ids, len(STATE_NAMES)),
            "state": np.tile(np.array(STATE_NAMES, dtype=object), len(batch)),
            "score": told.score.ravel(),
            "call": calls.ravel(),
            "genes_measured": told.genes_measured.ravel(),
            "genes": np.tile(state_genes(), len(batch)),
            "flag": np.where(
                np.isnan(told.score), _blank(bundle, told), unplaced.reshape(calls.shape)
            ).ravel(),
            "training_percentile": [place.percentile for place in places],
            "training_lower": [place.lower for place in places],
            "training_upper": [place.upper for place in places],
            "training_type": [_whose(place) for place in places],
            "training_n": [str(place.n or "") for place in places],
        }
    )


def _places(bundle: ModelBundle, batch: Batch, scores: DoubleArray) -> Iterator[Place]:
    """Place of each score (N, S) among training patients, sample by sample."""
    reference, types = bundle.reference.states, types_of(bundle.transform, batch).tolist()
    for cancer_type, row in zip(types, scores.tolist(), strict=True):
        for state, score in zip(STATE_NAMES, row, strict=True):
            yield reference.place(state, cancer_type, score)


def _blank(bundle: ModelBundle, told: StateScores) -> NDArray[np.object_]:
    """Why a score would not be told, shape (N, S)."""
    if Assay.EXPRESSION not in bundle.transform.scales:
        return np.full(told.score.shape, NEVER_READ, dtype=object)
    none = ~told.genes_measured.any(axis=1, keepdims=True)
    return np.broadcast_to(np.where(none, NO_EXPRESSION, TOO_FEW).astype(object), told.score.shape)


def _whose(place: Place) -> str:
    return "" if not place.n else place.cancer_type or ALL_TYPES


def percentiles(scores: DoubleArray, among: Sequence[float] | DoubleArray) -> DoubleArray:
    """Percent of a cohort's known scores that are lower, ties counting half; NaN for unknown ones, (N,).

    NaN for all in a cohort of one, which says nothing of its only score.

    Parameters
    ----------
    scores
        Shape (N,).
    among
        Scores of the cohort, ascending, NaN last or absent.
    """
    known = np.asarray(among, dtype=np.float64)
    known = known[~np.isnan(known)]
    if len(known) < 2:
        return np.full(len(scores), np.nan)
    below = (np.searchsorted(known, scores, "left") + np.searchsorted(known, scores, "right")) / 2.0
    return np.where(np.isnan(scores), np.nan, 100.0 * below / len(known))
