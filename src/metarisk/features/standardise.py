"""How one assay's values become numbers around zero, fitted on training samples only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from metarisk.data.cohort import AssayTable, FloatArray
from metarisk.schema.assays import CENTRED_UNITS, Assay

CALLS = frozenset({Assay.MUTATION, Assay.FUSION})
CLIP = 4.0


@dataclass(frozen=True)
class AssayScale:
    """Fitted scale of one assay.

    Attributes
    ----------
    assay
        Kind of measurement.
    genes
        Genes that the transform reads, length Ga.
    centre, spread
        Mean and standard deviation over the training samples that were measured in an absolute unit, after
        the assay's own transform, shape (Ga,); 0 and 1 for calls, discrete levels and centred units.
    """

    assay: Assay
    genes: tuple[str, ...]
    centre: FloatArray
    spread: FloatArray


def fit_scale(table: AssayTable, genes: tuple[str, ...]) -> AssayScale:
    """Learn centre and spread of the genes from a training table."""
    zero, one = np.zeros(len(genes), np.float32), np.ones(len(genes), np.float32)
    rows = absolute_rows(table)
    if table.assay in CALLS or not rows.any():
        return AssayScale(table.assay, genes, zero, one)
    values = rank_normalised(columns_of(table, genes)[rows, :, 0], table.assay)
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, values, 0.0).sum(axis=0) / count
    variance = np.where(known, (values - centre) ** 2, 0.0).sum(axis=0) / count
    spread = np.sqrt(variance)
    return AssayScale(
        table.assay, genes, centre.astype(np.float32), np.where(spread > 1e-3, spread, 1.0).astype(np.float32)
    )


def apply_scale(table: AssayTable, scale: AssayScale) -> FloatArray:
    """Standardised values on the scale's genes, NaN where not measured, shape (N, Ga, C)."""
    values = columns_of(table, scale.genes)
    if table.assay in CALLS:
        return values
    level = values[..., 0]
    rows = absolute_rows(table)
    level[rows] = (rank_normalised(level[rows], table.assay) - scale.centre) / scale.spread
    np.clip(level, -CLIP, CLIP, out=level)
    return level[..., None]


def absolute_rows(table: AssayTable) -> NDArray[np.bool_]:
    """Samples measured in a unit that is neither centred on its cohort nor discrete, shape (N,)."""
    relative = [*CENTRED_UNITS, "discrete", ""]
    return ~np.isin(table.units, relative)


def columns_of(table: AssayTable, genes: tuple[str, ...]) -> FloatArray:
    """Values of the genes asked for, NaN for genes that the table lacks, shape (N, Ga, C); a copy."""
    position = {gene: index for index, gene in enumerate(table.genes)}
    found = np.array([position.get(gene, -1) for gene in genes], dtype=np.intp)
    values = np.full((len(table.sample_ids), len(genes), table.values.shape[2]), np.nan, dtype=np.float32)
    values[:, found >= 0] = table.values[:, found[found >= 0]]
    return values


def rank_normalised(values: FloatArray, assay: Assay) -> FloatArray:
    """Normal scores of each sample's ranks over its measured genes, for expression; others unchanged.

    Ranks make TPM, FPKM, arrays and NanoString counts of one sample comparable without a second sample.
    """
    if assay is not Assay.EXPRESSION or not values.size:
        return values
    ranks = pd.DataFrame(values).rank(axis=1).to_numpy()
    count = np.maximum((~np.isnan(values)).sum(axis=1, keepdims=True), 1)
    return np.asarray(ndtri((ranks - 0.5) / count), dtype=np.float32)
