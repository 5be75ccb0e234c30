"""Samples that have an assay and no clinical row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from metarisk.config.study import ClinicalFile
from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, warning
from metarisk.data.plain.sample_ids import patients_without_a_row
from metarisk.data.source import ClinicalSource
from metarisk.errors import first_ten


def with_assays_only(
    source: ClinicalSource,
    declared: ClinicalFile,
    tables: Sequence[AssayTable],
    left_out: frozenset[str],
    found: Found,
) -> ClinicalSource:
    """The source with one more row for each sample that has an assay only; only constants are known of it.

    Parameters
    ----------
    left_out
        Samples that the study file left out; they stay out.
    """
    named = set().union(*(table.sample_ids.tolist() for table in tables))
    added = sorted(named - set(source.sample_ids) - left_out)
    if not added:
        return source
    message = f"has no row for {len(added)} samples that an assay has ({first_ten(added)})"
    found.append(warning(source.file, message, "They were kept; nothing clinical is known of them."))
    unknown = pd.DataFrame("", index=pd.Index(added, name="sample_id"), columns=source.frame.columns)
    unknown = unknown.assign(**declared.constants)
    patients = np.concatenate([source.patient_ids, patients_without_a_row(added, declared)])
    return replace(source, frame=pd.concat([source.frame, unknown]), patient_ids=patients)
