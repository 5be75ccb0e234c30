"""A stored cohort comes back the same, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metarisk.data import AssayTable, Cohort, Provenance, inspect_study, read_cohort, read_study, write_cohort
from metarisk.errors import InputError, OutputError
from metarisk.files import sha256_of
from metarisk.schema.assays import Assay


@pytest.fixture
def cohort(tiny) -> Cohort:
    return read_study(tiny.write())


def test_a_cohort_comes_back_the_same(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    again = read_cohort(tmp_path / "c")
    pd.testing.assert_frame_equal(again.clinical, cohort.clinical)
    pd.testing.assert_frame_equal(again.endpoints, cohort.endpoints)
    assert again.provenance == cohort.provenance
    assert list(again.assays) == list(cohort.assays)
    for assay, table in cohort.assays.items():
        np.testing.assert_array_equal(again.assays[assay].values, table.values)
        assert again.assays[assay].genes == table.genes
        assert again.assays[assay].units.tolist() == table.units.tolist()
    assert again.content_sha256() == cohort.content_sha256()


def test_panels_dated_values_the_build_and_extras_come_back(cohort, tmp_path):
    mutation = cohort.assays[Assay.MUTATION]
    assays = dict(cohort.assays) | {
        Assay.MUTATION: replace(mutation, panels=np.array(["BIG", "SMALL", "BIG", ""]))
    }
    dated = pd.DataFrame(
        {"patient_id": ["P1", "P1", "P3"], "time_days": [0.0, 21.0, -3.5], "variable": "ctdna_fraction"}
    ).assign(value=[0.25, np.nan, 0.5])
    whole = replace(
        cohort,
        clinical=cohort.clinical.assign(**{"extra.crp_mg_per_l": [1.5, np.nan, 3.0, 0.1]}),
        assays=assays,
        provenance=replace(cohort.provenance, build="hg19"),
        dated=dated,
    )
    write_cohort(whole, tmp_path / "c")
    again = read_cohort(tmp_path / "c")
    assert again.assays[Assay.MUTATION].panels.tolist() == ["BIG", "SMALL", "BIG", ""]
    pd.testing.assert_frame_equal(again.dated, dated)
    pd.testing.assert_frame_equal(again.clinical, whole.clinical)
    assert again.provenance.build == "hg19"
    assert again.content_sha256() == whole.content_sha256()


def test_dated_values_of_a_patient_without_a_sample_are_kept(cohort, tmp_path):
    dated = pd.DataFrame(
        {"patient_id": ["P1", "P9"], "time_days": 1.0, "variable": "ctc_count", "value": 2.0}
    )
    write_cohort(replace(cohort, dated=dated), tmp_path / "c")
    assert read_cohort(tmp_path / "c").dated["patient_id"].tolist() == ["P1", "P9"]


def test_the_manifest_tells_what_is_in_the_folder(cohort, tmp_path):
    mutation = cohort.assays[Assay.MUTATION]
    panelled = replace(mutation, panels=np.array(["BIG", "SMALL", "BIG", "SMALL"]))
    told = replace(
        cohort,
        assays={Assay.MUTATION: panelled},
        provenance=Provenance("Tiny", "CC0", "ab", "hg38"),
        dated=pd.DataFrame(
            {"patient_id": ["P1", "P1"], "time_days": 1.0, "variable": "ctc_count", "value": 2.0}
        ),
    )
    write_cohort(told, tmp_path / "c")
    manifest = json.loads((tmp_path / "c" / "cohort.json").read_text())
    assert manifest["samples"] == 4
    assert manifest["provenance"] == {"name": "Tiny", "licence": "CC0", "sha256": "ab", "build": "hg38"}
    assert manifest["dated"] == {"rows": 2, "patients": 1, "variables": {"ctc_count": 2}}
    assert manifest["assays"]["mutation"] == {
        "shape": [4, 4, 4],
        "channels": ["truncating", "missense", "in_frame", "hotspot"],
        "units": {"calls": 4},
        "panels": {"BIG": 2, "SMALL": 2},
        "genes": ["BRAF", "EGFR", "KRAS", "TP53"],
    }
    for name in ("clinical.parquet", "endpoints.parquet", "dated.parquet", "mutation.parquet"):
        recorded = manifest["files"][name]
        assert recorded["sha256"] == sha256_of(tmp_path / "c" / name)
        assert recorded["bytes"] == (tmp_path / "c" / name).stat().st_size
    assert manifest["files"]["mutation.parquet"]["rows"] == 4


def test_a_stored_cohort_is_read_like_a_study(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    assert read_study(tmp_path / "c").content_sha256() == cohort.content_sha256()


def test_values_that_are_read_can_be_written_to(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    assert read_cohort(tmp_path / "c").assays[Assay.MUTATION].values.flags.writeable


def test_an_assay_without_genes_survives(tmp_path):
    clinical = pd.DataFrame({"patient_id": ["P"]}, index=pd.Index(["S"], name="sample_id"))
    empty = AssayTable(
        Assay.FUSION, np.array(["S"]), (), np.zeros((1, 0, 1), dtype=np.float32), np.array(["calls"])
    )
    cohort = Cohort.join(clinical, [empty], pd.DataFrame(index=clinical.index), Provenance("x", "y", "z"))
    write_cohort(cohort, tmp_path / "c")
    assert read_cohort(tmp_path / "c").assays[Assay.FUSION].values.shape == (1, 0, 1)


def test_a_damaged_store_is_a_finding_of_inspection(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    (tmp_path / "c" / "mutation.parquet").unlink()
    reading = inspect_study(tmp_path / "c")
    assert reading.cohort is None
    assert "mutation.parquet is missing" in str(reading.findings[0])


def test_an_existing_folder_is_kept_unless_asked(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    with pytest.raises(OutputError, match=r"c exists. Choose another folder, or allow it with --overwrite"):
        write_cohort(cohort, tmp_path / "c")
    rows = np.array([0, 1])
    write_cohort(cohort.take(rows), tmp_path / "c", overwrite=True)
    assert len(read_cohort(tmp_path / "c")) == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_another_format_version_is_refused(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    path = tmp_path / "c" / "cohort.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"format_version": 99, "written_by": "metarisk 7.0"})
    )
    told = r"is of format version 99; expected version 2\. Read it with metarisk 7\.0, or write it again"
    with pytest.raises(InputError, match=told):
        read_cohort(tmp_path / "c")


def test_format_1_is_refused_with_the_version_that_reads_it(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    path = tmp_path / "c" / "cohort.json"
    manifest = json.loads(path.read_text()) | {"format_version": 1}
    del manifest["written_by"], manifest["manifest_sha256"]
    path.write_text(json.dumps(manifest))
    told = (
        r"of format version 1; expected version 2\. Read it with the development versions of metarisk 0\.1\.0"
    )
    with pytest.raises(InputError, match=told):
        read_cohort(tmp_path / "c")
