"""How one assay's values become numbers around zero, fitted on training samples only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from metarisk.data.cohort import AssayTable, FloatArray
from metarisk.schema.assays import CENTRED_UNITS, Assay

CALLS = frozenset({Assay.MUTATION, Assay.FUSION})
# Levels of one sample that are comparable with another's by their ranks alone.
RANKED = frozenset({Assay.EXPRESSION, Assay.MICRORNA})
# Units whose zero means the same in every cohort: the gene's own mean, two copies, no alteration.
AS_THEY_STAND = frozenset({*CENTRED_UNITS, "calls", "discrete", "log2_ratio", ""})
CLIP = 4.0
HIGHEST_LEVEL = 2.0
ONE_COPY_MORE = float(np.log2(3.0 / 2.0))
LOWEST_BETA = 0.01


@dataclass(frozen=True)
class AssayScale:
    """Fitted scale of one assay.

    Attributes
    ----------
    assay
        Kind of measurement.
    genes
        Genes, pathways or features that the transform reads, length Ga.
    centre, spread
        Mean and standard deviation over the training samples that were measured in an absolute unit, after
        the assay's own transform, shape (Ga,); NaN where training had no such sample, so that what cannot be
        put on the scale stays unknown. 0 and 1 for calls and copy number.
    """

    assay: Assay
    genes: tuple[str, ...]
    centre: FloatArray
    spread: FloatArray


def fit_scale(table: AssayTable, genes: tuple[str, ...]) -> AssayScale:
    """Learn centre and spread of the genes from a training table."""
    if table.assay in CALLS or table.assay is Assay.COPY_NUMBER:
        zero, one = np.zeros(len(genes), np.float32), np.ones(len(genes), np.float32)
        return AssayScale(table.assay, genes, zero, one)
    centre, spread = _moments(comparable(table, genes)[absolute_rows(table)])
    return AssayScale(table.assay, genes, centre, np.where(spread <= 1e-3, np.float32(1.0), spread))


def apply_scale(table: AssayTable, scale: AssayScale) -> FloatArray:
    """Standardised values on the scale's genes, NaN where not measured, shape (N, Ga, C)."""
    if table.assay in CALLS:
        return columns_of(table, scale.genes)
    level = comparable(table, scale.genes)
    rows = absolute_rows(table)
    level[rows] = (level[rows] - scale.centre) / scale.spread
    np.clip(level, -CLIP, CLIP, out=level)
    return level[..., None]


def variability(table: AssayTable, genes: tuple[str, ...]) -> FloatArray:
    """Standard deviation of each gene over the samples in an absolute unit, or over all if none is, (Ga,)."""
    level, rows = comparable(table, genes), absolute_rows(table)
    return np.nan_to_num(_moments(level[rows] if rows.any() else level)[1])


def absolute_rows(table: AssayTable) -> NDArray[np.bool_]:
    """Samples measured in a unit whose zero is not yet the cohort's, shape (N,)."""
    return ~np.isin(table.units, list(AS_THEY_STAND))


def columns_of(table: AssayTable, genes: tuple[str, ...]) -> FloatArray:
    """Values of the genes asked for, NaN for genes that the table lacks, shape (N, Ga, C); a copy."""
    position = {gene: index for index, gene in enumerate(table.genes)}
    found = np.array([position.get(gene, -1) for gene in genes], dtype=np.intp)
    if (found >= 0).all():
        return np.take(table.values, found, axis=1)
    values = np.full((len(table.sample_ids), len(genes), table.values.shape[2]), np.nan, dtype=np.float32)
    values[:, found >= 0] = np.take(table.values, found[found >= 0], axis=1)
    return values


def measured_share(table: AssayTable, genes: tuple[str, ...]) -> NDArray[np.float64]:
    """Share of the genes asked for that was measured in each sample, shape (N,)."""
    position = {gene: index for index, gene in enumerate(table.genes)}
    found = [position[gene] for gene in genes if gene in position]
    return np.asarray(table.measured[:, found].sum(axis=1) / max(len(genes), 1))


def comparable(table: AssayTable, genes: tuple[str, ...]) -> FloatArray:
    """Levels after the transform of their assay and unit, NaN where not measured, shape (N, Ga); a copy."""
    level: FloatArray = columns_of(table, genes)[..., 0]
    if table.assay in RANKED:
        rows = absolute_rows(table)
        level[rows] = rank_normalised(level[rows])
    for unit, change in UNIT_TRANSFORMS.items():
        rows = table.units == unit
        if rows.any():
            level[rows] = change(level[rows])
    return level


def rank_normalised(values: FloatArray) -> FloatArray:
    """Normal scores of each sample's ranks over its measured genes, shape (N, G).

    Ranks make TPM, FPKM, arrays and NanoString counts of one sample comparable without a second sample.
    """
    scores = np.full(values.shape, np.nan, dtype=np.float32)
    for row, levels in enumerate(values):
        known = np.flatnonzero(~np.isnan(levels))
        scores[row, known] = ndtri((_ranks(levels[known]) - 0.5) / max(len(known), 1))
    return scores


def _ranks(levels: FloatArray) -> NDArray[np.float64]:
    """Rank of each level from 1 up, the mean of their places where levels are equal, shape of the levels."""
    order = np.argsort(levels)
    ascending = levels[order]
    first = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))  # of each level
    end = np.append(first[1:], len(levels))
    ranks = np.empty(len(levels))
    ranks[order] = np.repeat((first + 1 + end) / 2, end - first)
    return ranks


def m_values(beta: FloatArray) -> FloatArray:
    """M values log2(beta / (1 - beta)) of methylated fractions, whose variance does not depend on their mean.

    Du et al., Comparison of Beta-value and M-value methods for quantifying methylation levels by microarray
    analysis, BMC Bioinformatics 2010. Beta is kept within 0.01 .. 0.99, so M lies within +-6.63.
    """
    kept = np.clip(beta, LOWEST_BETA, 1.0 - LOWEST_BETA)
    return np.asarray(np.log2(kept / (1.0 - kept)), dtype=np.float32)


def arcsine_roots(fraction: FloatArray) -> FloatArray:
    """Arcsine of the square root of a fraction, 0 .. pi / 2: the variance of a proportion becomes stable.

    Anscombe, The transformation of Poisson, binomial and negative-binomial data, Biometrika 1948; used for
    fractions of cells by Phipson et al., propeller, Bioinformatics 2022. It takes 0 and 1 as they are.
    """
    return np.asarray(np.arcsin(np.sqrt(np.clip(fraction, 0.0, 1.0))), dtype=np.float32)


def copy_levels(log2_ratio: FloatArray) -> FloatArray:
    """Log2 copy ratios on the scale of discrete levels, within -2 .. 2; 0 stays two copies.

    One copy more in a pure diploid tumour, log2(3 / 2), is level 1; so samples in either unit can be learned
    from together, and a sample in one be scored by a model that saw only the other.
    """
    return np.asarray(np.clip(log2_ratio / ONE_COPY_MORE, -HIGHEST_LEVEL, HIGHEST_LEVEL), dtype=np.float32)


UNIT_TRANSFORMS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "beta": m_values,
    "fraction": arcsine_roots,
    "log2_ratio": copy_levels,
}


def _moments(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each column over its known values, NaN where none is, shape (Ga,)."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    some = np.maximum(count, 1)
    centre = np.where(known, values, 0.0).sum(axis=0) / some
    variance = np.where(known, (values - centre) ** 2, 0.0).sum(axis=0) / some
    moments = np.where(count > 0, [centre, np.sqrt(variance)], np.nan).astype(np.float32)
    return moments[0], moments[1]
