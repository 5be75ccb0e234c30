"""The hash of a cohort: every fact of it plays a part, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.data.store import read_cohort, write_cohort
from metarisk.schema.assays import Assay


@pytest.fixture
def cohort() -> Cohort:
    """Three samples with one assay, an endpoint and dated values in no order."""
    index = pd.Index(["S1", "S2", "S3"], name="sample_id", dtype=object)
    clinical = pd.DataFrame(
        {"patient_id": ["P1", "P2", "P3"], "age_years": [61.0, np.nan, 40.0], "stage": ["IV", None, "I"]},
        index=index,
    )
    values = np.array([[0, 1], [1, np.nan], [np.nan, np.nan]], dtype=np.float32)[:, :, None]
    units, panels = np.array(["calls", "calls", ""]), np.array(["BIG", "SMALL", ""])
    fusion = AssayTable(Assay.FUSION, index.to_numpy(dtype=str), ("ALK", "RET"), values, units, panels)
    dated = pd.DataFrame(
        {
            "patient_id": ["P3", "P1", "P1"],
            "time_days": [5.0, 9.0, 2.0],
            "variable": ["ctc_count"] * 3,
            "value": [1.0, 2.0, 3.0],
        }
    )
    endpoints = pd.DataFrame({"metastatic": [1.0, 0.0, np.nan]}, index=index)
    return Cohort.join(clinical, [fusion], endpoints, Provenance("s", "CC0", "ab", "hg19"), dated)


def with_table(cohort: Cohort, **changed: object) -> Cohort:
    table = replace(cohort.assays[Assay.FUSION], **changed)
    return replace(cohort, assays={Assay.FUSION: table})


def other_value(cohort: Cohort) -> Cohort:
    values = cohort.assays[Assay.FUSION].values.copy()
    values[0, 0] = 1.0
    return with_table(cohort, values=values)


CHANGES: dict[str, Callable[[Cohort], Cohort]] = {
    "value": other_value,
    "panel": lambda cohort: with_table(cohort, panels=np.array(["BIG", "BIG", ""])),
    "gene": lambda cohort: with_table(cohort, genes=("ALK", "ROS1")),
    "build": lambda cohort: replace(cohort, provenance=replace(cohort.provenance, build="hg38")),
    "clinical, in the last digits": lambda cohort: replace(
        cohort, clinical=cohort.clinical.assign(age_years=[61.0 + 1e-12, np.nan, 40.0])
    ),
    "unknown and empty text": lambda cohort: replace(
        cohort, clinical=cohort.clinical.assign(stage=["IV", "", "I"])
    ),
    "endpoint": lambda cohort: replace(cohort, endpoints=cohort.endpoints.assign(metastatic=[1.0, 0.0, 0.0])),
    "dated value": lambda cohort: replace(cohort, dated=cohort.dated.assign(value=[1.0, 2.0, 4.0])),
    "order of samples": lambda cohort: cohort.take(np.array([1, 0, 2])),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_fact_plays_a_part(cohort, change):
    assert change(cohort).content_sha256() != cohort.content_sha256()


def test_taking_every_row_changes_nothing(cohort):
    assert cohort.take(np.arange(3)).content_sha256() == cohort.content_sha256()


def test_a_cohort_read_back_has_the_same_hash_after_taking_a_part_too(cohort, tmp_path):
    part = cohort.take(np.array([0, 2]))
    write_cohort(part, tmp_path / "part")
    write_cohort(cohort, tmp_path / "whole")
    again = read_cohort(tmp_path / "whole")
    assert again.content_sha256() == cohort.content_sha256()
    assert again.take(np.array([0, 2])).content_sha256() == part.content_sha256()
    assert read_cohort(tmp_path / "part").content_sha256() == part.content_sha256()


def test_order_and_index_of_dated_rows_play_no_part(cohort):
    turned = replace(cohort, dated=cohort.dated.iloc[::-1])
    assert turned.content_sha256() == cohort.content_sha256()


def test_of_two_values_at_one_time_the_order_counts(cohort):
    twice = cohort.dated.assign(patient_id="P1", time_days=2.0)
    one, other = (replace(cohort, dated=table) for table in (twice, twice.iloc[::-1]))
    assert one.content_sha256() != other.content_sha256()


def test_name_licence_and_files_play_no_part(cohort):
    renamed = replace(cohort, provenance=Provenance("other", "MIT", "cd", "hg19"))
    assert renamed.content_sha256() == cohort.content_sha256()
