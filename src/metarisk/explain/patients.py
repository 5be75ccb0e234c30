"""The patients that a sample is compared with: the average one, and itself with what is unknown filled in."""

from __future__ import annotations

import numpy as np

from metarisk.features.batch import Batch
from metarisk.models.ensemble import blank_batch
from metarisk.models.network import NetworkPlan
from metarisk.schema.assays import Assay


def average_patient(plan: NetworkPlan) -> Batch:
    """One patient with everything at the training mean: measurements, numbers, and shares of categories."""
    return Batch(blank_batch(plan).assays, plan.centre[None, :].astype(np.float32))


def filled(batch: Batch, plan: NetworkPlan) -> Batch:
    """The same samples with every unknown clinical value at the training mean.

    What an assay did not measure already stands where its training mean stands and adds nothing; an unknown
    clinical number has an indicator of its own, which does.
    """
    clinical = np.array([group not in set(Assay) for group in plan.groups], dtype=np.bool_)
    flat = np.where(np.isnan(batch.flat) & clinical, plan.centre, batch.flat).astype(np.float32)
    return Batch(batch.assays, flat)
