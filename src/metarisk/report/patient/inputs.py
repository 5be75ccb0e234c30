"""What of a sample the model could read: assays with their share, unit and panel, and clinical values."""

from __future__ import annotations

import pandas as pd

from metarisk.data.cohort import Cohort
from metarisk.features.batch import Batch
from metarisk.models.bundle import ModelBundle
from metarisk.report.patient.facts import AssayFact, ClinicalFact
from metarisk.schema.clinical import NUMERIC


def assays_of(bundle: ModelBundle, one: Cohort, batch: Batch) -> tuple[AssayFact, ...]:
    """Assays that the model reads, in its order, of a single sample."""
    found = []
    for assay, entry in batch.assays.items():
        table = one.assays.get(assay)
        unit, panel = ("", "") if table is None else (str(table.units[0]), str(table.panels[0]))
        found.append(AssayFact(assay.value, entry.measured.shape[1], int(entry.measured.sum()), unit, panel))
    return tuple(found)


def clinical_of(bundle: ModelBundle, one: Cohort) -> tuple[ClinicalFact, ...]:
    """Clinical values that the model reads, of a single sample."""
    row = one.clinical.iloc[0]
    facts = []
    for name in bundle.transform.numeric:
        value = row.get(name)
        unit = NUMERIC[name].unit if name in NUMERIC else ""
        facts.append(ClinicalFact(name, "" if value is None or pd.isna(value) else f"{value:g}", unit))
    for name in bundle.transform.levels:
        value = row.get(name)
        facts.append(ClinicalFact(name, "" if value is None or pd.isna(value) else str(value), ""))
    return tuple(facts)
