"""Values told by their place among a matrix's own samples, for cohorts on scales of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metarisk.data.cohort import AssayTable

# Genes whose values differ by less do not vary, and are 0 wherever they are known.
LEAST_SPREAD = 1e-6


def as_z_scores(table: AssayTable) -> AssayTable:
    """Each gene less its mean over the table's samples, by its standard deviation, in unit ``z_score``.

    Labels play no part, but the samples do: one that is read in other company has other values.
    """
    values = table.values.astype(np.float64)  # (N, G, C)
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    away = values - np.where(known, values, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, away**2, 0.0).sum(axis=0) / count)
    scaled = away / np.where(spread > LEAST_SPREAD, spread, np.inf)
    return replace(table, values=scaled.astype(np.float32), units=np.full(len(table.sample_ids), "z_score"))
