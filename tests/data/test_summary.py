"""What a cohort holds is counted the same in memory, from disk, and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.data import AssayTable, Cohort, Provenance, inspect_study, read_study, write_cohort
from metarisk.data.store import open_cohort
from metarisk.data.summary import AssayCounts, DatedCounts, EndpointCounts, summarise, summarise_stored
from metarisk.schema.assays import Assay

NAN = np.nan


@pytest.fixture
def cohort() -> Cohort:
    ids = pd.Index(["a", "b", "c", "d"], name="sample_id")
    clinical = pd.DataFrame(
        {"patient_id": ["p", "p", "q", "r"], "age_years": [50.0, NAN, 70.0, NAN], "purity": NAN}, index=ids
    )
    values = np.array([[1.0, NAN], [2.0, 3.0], [NAN, NAN], [4.0, NAN]], dtype=np.float32)[:, :, None]
    units = np.array(["log2_tpm", "log2_tpm", "", "z_score"])
    panels = np.array(["X", "Y", "", ""])
    table = AssayTable(Assay.EXPRESSION, ids.to_numpy(dtype=str), ("A", "B"), values, units, panels)
    endpoints = pd.DataFrame(
        {
            "response": [1.0, 0.0, NAN, 1.0],
            "metastasis.time_days": [10.0, 20.0, NAN, 30.0],
            "metastasis.event": [1.0, 2.0, NAN, 0.0],
            "os.time_days": NAN,
            "os.event": NAN,
        },
        index=ids,
    )
    dated = pd.DataFrame(
        {
            "patient_id": ["p", "p", "q"],
            "time_days": [-1.0, 5.0, 0.0],
            "variable": "ctdna_fraction",
            "value": 0.1,
        }
    )
    return Cohort.join(clinical, [table], endpoints, Provenance("x", "y", "z"), dated)


def test_a_cohort_is_counted_as_by_hand(cohort: Cohort) -> None:
    summary = summarise(cohort)
    assert (summary.samples, summary.patients) == (4, 3)
    assert summary.assays == (
        AssayCounts("expression", 3, 2, 4 / 6, {"log2_tpm": 2, "z_score": 1}, {"X": 1, "Y": 1}),
    )
    assert summary.endpoints == (
        EndpointCounts("response", False, 3, {"yes": 2}),
        EndpointCounts("metastasis", True, 3, {"metastasis": 1, "death": 1}),
    )
    assert [(column.name, column.known) for column in summary.clinical] == [("age_years", 2)]
    assert summary.dated == (DatedCounts("ctdna_fraction", 2, 3),)


@pytest.mark.parametrize("samples_at_a_time", [1, 3, 500])
def test_a_stored_cohort_is_counted_the_same_in_parts(
    cohort: Cohort, tmp_path: Path, samples_at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metarisk.data.summary.SAMPLES_AT_A_TIME", samples_at_a_time)
    write_cohort(cohort, tmp_path / "c")
    assert summarise_stored(open_cohort(tmp_path / "c")) == summarise(cohort)


def test_a_study_with_errors_is_counted_as_far_as_it_was_read(tiny: Any) -> None:
    sound = summarise(read_study(tiny.write()))
    tiny.change("data_mutations.txt", "TP53\tNonsense", "2-Sep\tNonsense")
    reading = inspect_study(tiny.write())
    assert reading.cohort is None
    assert reading.parts is not None
    counted = summarise(reading.parts)
    assert (counted.samples, counted.patients) == (sound.samples, sound.patients)
    assert counted.endpoints == sound.endpoints


def test_an_assay_without_genes_has_no_share() -> None:
    clinical = pd.DataFrame({"patient_id": ["P"]}, index=pd.Index(["S"], name="sample_id"))
    values = np.zeros((1, 0, 1), dtype=np.float32)
    table = AssayTable(Assay.FUSION, np.array(["S"]), (), values, np.array(["calls"]))
    cohort = Cohort.join(clinical, [table], pd.DataFrame(index=clinical.index), Provenance("x", "y", "z"))
    assert summarise(cohort).assays[0].measured == 0.0
