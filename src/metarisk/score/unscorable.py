"""Samples that came through every check of their reader and still have nothing to be scored by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable, Cohort
from metarisk.features.standardise import RANKED

# One gene, or a few, may well be silent; so many at once are a sample that was not measured.
FEWEST_SILENT = 10


def reasons_not_to_score(cohort: Cohort) -> NDArray[np.object_]:
    """Why a sample cannot be scored, empty text where it can, shape (N,).

    A value that is infinite; expression, or microRNA, that is 0 in every gene of ten or more.
    """
    reasons = np.full(len(cohort), "", dtype=object)
    for assay in sorted(cohort.assays):
        table = cohort.assays[assay]
        reasons[np.isinf(table.values).any(axis=(1, 2))] = f"{assay} holds a value that is infinite"
        if assay in RANKED:
            reasons[_silent(table)] = f"{assay} is 0 in every gene"
    return reasons


def _silent(table: AssayTable) -> NDArray[np.bool_]:
    measured = table.measured.sum(axis=1)
    with np.errstate(invalid="ignore"):
        other = (np.nan_to_num(table.values) != 0).any(axis=(1, 2))
    return np.asarray((measured >= FEWEST_SILENT) & ~other)
