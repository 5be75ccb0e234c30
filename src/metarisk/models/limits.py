"""Where a model's knowledge ends: samples of which nothing is read, and kinds of patients it never met."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.features.batch import Batch
from metarisk.models.bundle import ModelBundle
from metarisk.models.reference import Judged

NOTHING_MEASURED = "abstained:nothing-measured"
NEVER_MET = "abstained:never-met:{}"
FAR_OUTSIDE = "abstained:far-outside:{}"
OUT_OF_DISTRIBUTION = "abstained:out-of-distribution"

# Edges of a number that never varied are set apart by rounding alone, see `quantile_edges`.
NO_RANGE = 0.02

# Another value of one of these is another disease or another drug, not a detail of the same one.
DEFINING = ("cancer_type", "primary_site", "therapy_class")


def reasons_to_abstain(
    bundle: ModelBundle, cohort: Cohort, batch: Batch, judged: Judged
) -> NDArray[np.object_]:
    """Why a sample is not answered, empty text where it is, shape (N,).

    ``abstained:nothing-measured``, or ``abstained:never-met:<column>`` where its cancer type, primary site or
    class of drug was not kept by training and no training patient was of the "other" kind either, or
    ``abstained:far-outside:<column>`` where a clinical number is beyond the training patients' by more than
    their whole range, or ``abstained:out-of-distribution`` where it is further from the training patients
    than the configuration answers.
    """
    reasons = np.full(len(cohort), "", dtype=object)
    level = bundle.experiment.calibration.out_of_distribution
    reasons[np.nan_to_num(judged.p, nan=1.0) < level] = OUT_OF_DISTRIBUTION
    for column, distance in beyond_range(bundle, batch).items():
        reasons[distance > 1.0] = FAR_OUTSIDE.format(column)
    for column, strange in never_met(bundle, cohort).items():
        reasons[strange] = NEVER_MET.format(column)
    reasons[nothing_measured(batch)] = NOTHING_MEASURED
    return reasons


def nothing_measured(batch: Batch) -> NDArray[np.bool_]:
    """True for a sample of which neither the flat table nor a gene of the graph is known, shape (N,)."""
    blank = np.asarray(np.isnan(batch.flat).all(axis=1))
    for entry in batch.assays.values():
        blank &= ~entry.measured.any(axis=1)
    return blank


def beyond_range(bundle: ModelBundle, batch: Batch) -> dict[str, NDArray[np.float64]]:
    """Clinical number -> how far beyond the training patients' a sample's is, in ranges of theirs, (N,).

    0 inside, and where it is unknown. The network reads such a number as the nearest that it was taught. A
    number that was the same in every training patient taught it nothing and is never beyond.
    """
    plan = bundle.ensemble.plan
    beyond = {}
    for column, edges in zip(plan.number_columns, plan.edges.astype(np.float64), strict=True):
        value, span = batch.flat[:, column].astype(np.float64), edges[-1] - edges[0]
        if span > NO_RANGE:
            away = np.maximum(edges[0] - value, value - edges[-1]) / span
            beyond[plan.groups[column]] = np.nan_to_num(np.maximum(away, 0.0))
    return beyond


def never_met(bundle: ModelBundle, cohort: Cohort) -> dict[str, NDArray[np.bool_]]:
    """Defining category -> True where a sample's value is one that the model was never taught, shape (N,)."""
    plan = bundle.ensemble.plan
    last = {column.group: at for at, column in enumerate(bundle.transform.columns)}
    return {
        name: other
        for name, other in bundle.transform.unknown_levels(cohort).items()
        # The last column of a category is "other": its training mean is the share of such patients.
        if name in DEFINING and plan.centre[last[name]] == 0.0
    }
