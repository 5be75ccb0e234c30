"""Where a model's knowledge ends: samples of which nothing is read, and kinds of patients it never met."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.features.batch import Batch
from metarisk.models.bundle import ModelBundle

NOTHING_MEASURED = "abstained:nothing-measured"
NEVER_MET = "abstained:never-met:{}"

# Another value of one of these is another disease or another drug, not a detail of the same one.
DEFINING = ("cancer_type", "primary_site", "therapy_class")


def reasons_to_abstain(bundle: ModelBundle, cohort: Cohort, batch: Batch) -> NDArray[np.object_]:
    """Why a sample is not answered, empty text where it is, shape (N,).

    ``abstained:nothing-measured``, or ``abstained:never-met:<column>`` where its cancer type, primary site or
    class of drug was not kept by training and no training patient was of the "other" kind either.
    """
    reasons = np.full(len(cohort), "", dtype=object)
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
