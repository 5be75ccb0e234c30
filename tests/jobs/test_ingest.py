"""Every real cohort that has a study file is stored with one command, and comes back as it was read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metarisk.data import Cohort, read_study
from metarisk.errors import OutputError
from metarisk.jobs import opening
from metarisk.jobs.ingest import ingest
from metarisk.jobs.opening import inspect_samples
from metarisk.jobs.validate import validate

STUDIES = Path(__file__).parents[2] / "configs" / "studies"


def equal(left: Cohort, right: Cohort) -> None:
    """Every value, id, unit and panel."""
    for name in ("clinical", "endpoints", "dated"):
        frames = (getattr(cohort, name) for cohort in (left, right))
        pd.testing.assert_frame_equal(*frames, check_column_type=False)
    assert left.content_sha256() == right.content_sha256()
    for assay, table in left.assays.items():
        assert right.assays[assay].panels.tolist() == table.panels.tolist()
    assert left.provenance == right.provenance


@pytest.mark.slow
@pytest.mark.parametrize(
    "study",
    # The breast set of scikit-survival is written by a script, which has a test of its own.
    sorted(file for file in STUDIES.glob("*.yaml") if file.stem != "breast_transbig"),
    ids=lambda file: file.stem,
)
def test_a_real_cohort_is_stored_with_one_command(
    study: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []  # what the command read, kept on its way: to read the largest of them once more takes 17 s

    def inspect(*asked: Any, **how: Any) -> Any:
        read.append(inspect_samples(*asked, **how))
        return read[-1]

    monkeypatch.setattr(opening, "inspect_samples", inspect)
    stored = ingest(study, tmp_path / "cohort", data_root=shared_data)
    assert stored.validation.errors == 0
    equal(read[0].cohort, read_study(tmp_path / "cohort"))
    told = validate(tmp_path / "cohort")
    assert told.findings == ()
    assert told.summary == stored.validation.summary
    assert told.provenance == stored.validation.provenance


def test_the_hash_tells_two_cohorts_apart(study_folder: Path, tmp_path: Path) -> None:
    first = ingest(study_folder, tmp_path / "a")
    assert first.sha256 == ingest(study_folder, tmp_path / "b").sha256
    maf = study_folder / "data_mutations.txt"
    maf.write_text(maf.read_text().replace("KRAS", "NRAS"))
    assert ingest(study_folder, tmp_path / "c").sha256 != first.sha256


def test_a_stored_cohort_and_a_table_are_inputs_too(study_folder: Path, tmp_path: Path) -> None:
    first = ingest(study_folder, tmp_path / "a")
    assert ingest(tmp_path / "a", tmp_path / "b").sha256 == first.sha256
    (tmp_path / "t.csv").write_text("sample_id,age_years\n00123,61\n1E5,62\nNA,63\n")
    ingest(tmp_path / "t.csv", tmp_path / "t")
    assert read_study(tmp_path / "t").sample_ids.tolist() == ["00123", "1E5", "NA"]


def test_a_single_annotated_file_holds_the_same(study_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "cohort.h5mu"
    stored = ingest(study_folder, out)
    assert len(stored.sha256) == 64
    equal(read_study(study_folder), read_study(out))
    with pytest.raises(OutputError, match=r"cohort.h5mu exists. Choose another file, or allow it"):
        ingest(study_folder, out)
    assert ingest(study_folder, out, overwrite=True).validation == stored.validation


def test_an_output_that_is_taken_is_known_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(OutputError, match=r"taken exists"):
        ingest(tmp_path / "no-study", tmp_path / "taken")


def test_a_study_with_errors_says_what_could_still_be_counted(study_folder: Path, tmp_path: Path) -> None:
    maf = study_folder / "data_mutations.txt"
    maf.write_text(maf.read_text().replace("KRAS", "2-Sep"))
    result = ingest(study_folder, tmp_path / "out")
    assert result.sha256 == ""
    assert not (tmp_path / "out").exists()
    assert result.validation.errors == 1
    assert result.validation.summary is not None
    assert result.validation.summary.samples == 2
    assert dataclasses.asdict(result.validation.provenance)["sha256"] == ""
