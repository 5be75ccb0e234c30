from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metarisk.data import write_cohort
from metarisk.data.rows import rows_of
from metarisk.errors import BundleError, InputError, InvalidStudyError, OutputError
from metarisk.jobs.score import score
from metarisk.jobs.validate import validate
from metarisk.models.bundle import load_bundle
from metarisk.models.scoring import score_cohort
from metarisk.score import read_scores


def test_a_stored_cohort_scores_as_in_memory(tiny_model: Any, tmp_path: Path) -> None:
    write_cohort(tiny_model.new_samples, tmp_path / "cohort")
    report = score(str(tiny_model.folder), tmp_path / "cohort", tmp_path / "out")
    expected = score_cohort(load_bundle(tiny_model.folder), tiny_model.new_samples)
    found = read_scores(report.out)
    np.testing.assert_allclose(found["probability"], expected["probability"], rtol=0, atol=1e-6)
    assert found["flags"].tolist() == expected["flags"].tolist()


def test_a_study_folder_that_the_model_has_not_seen_has_a_row_a_sample_and_question(
    tiny_model: Any, study_folder: Path, tmp_path: Path
) -> None:
    report = score(str(tiny_model.folder), study_folder, tmp_path / "out")
    table = read_scores(report.out)
    assert table["sample_id"].unique().tolist() == ["S1", "S2"]
    assert table.groupby("sample_id").size().nunique() == 1
    assert report.flags["missing:expression"] == 2
    assert report.input_name == "two"


def test_a_study_file_is_read_below_the_data_root(
    tiny_model: Any, study_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "two.yaml").write_text("name: renamed\nfolder: two\n")
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "two.yaml").rename(tmp_path / "elsewhere" / "two.yaml")
    report = score(str(tiny_model.folder), moved, tmp_path / "out", data_root=tmp_path)
    assert (report.input_name, report.samples) == ("renamed", 2)


def test_a_table_names_its_own_bytes_as_the_input(tiny_model: Any, tmp_path: Path) -> None:
    rows = rows_of(tiny_model.new_samples.take(np.arange(2)))
    clinical = rows[["sample_id", "patient_id", "age_years", "cancer_type"]]
    clinical.to_csv(tmp_path / "a.csv", index=False)
    first = score(str(tiny_model.folder), tmp_path / "a.csv", tmp_path / "first")
    clinical.assign(age_years=50.0).to_csv(tmp_path / "a.csv", index=False)
    second = score(str(tiny_model.folder), tmp_path / "a.csv", tmp_path / "second")
    assert first.input_sha256 != second.input_sha256
    assert first.sha256 != second.sha256


def test_a_taken_name_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match=r"out exists"):
        score("no-such-bundle", tmp_path / "no-such-study", tmp_path / "out")


def test_a_model_that_is_not_there_is_refused_with_the_two_ways_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(
        BundleError, match=r"nothing does not exist; expected a bundle folder, or models:/name@alias"
    ):
        score("nothing", tmp_path, tmp_path / "out")


def test_an_altered_bundle_scores_nothing(tiny_model: Any, study_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_model.folder, tmp_path / "copy"))
    (copy / "card.md").write_text("better")
    with pytest.raises(BundleError, match=r"copy: altered since it was saved \(card.md\)"):
        score(str(copy), study_folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_study_with_errors_scores_nothing_and_tells_all_of_them(
    tiny_model: Any, study_folder: Path, tmp_path: Path
) -> None:
    path = study_folder / "data_clinical_sample.txt"
    path.write_text(path.read_text() + "S1\tP1\tLUAD\n")
    with pytest.raises(InvalidStudyError, match=r"stands twice|more than once"):
        score(str(tiny_model.folder), study_folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_validate_tells_every_problem_of_a_study(study_folder: Path) -> None:
    path = study_folder / "data_clinical_sample.txt"
    path.write_text(path.read_text() + "S1\tP1\tLUAD\nS 3\tP3\tLUAD\n")
    told = "\n".join(map(str, validate(study_folder).findings))
    assert "stands twice" in told
    assert "white space" in told


def test_validate_reads_a_table_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sample_id,age_years\na,61\na,sixty\n")
    told = "\n".join(map(str, validate(tmp_path / "a.csv").findings))
    assert "the id stands twice" in told
    assert "1 cells are not numbers" in told


def test_validate_of_nothing_says_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist; expected a study file"):
        validate(tmp_path / "nothing")


@pytest.mark.slow
def test_scoring_a_bundle_needs_no_mlflow(tiny_model: Any, study_folder: Path, tmp_path: Path) -> None:
    arguments = [str(tiny_model.folder), str(study_folder), str(tmp_path / "out")]
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_MLFLOW, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "2 samples" in ended.stdout
    assert "RegistryError" in ended.stdout
    assert "pip install" in ended.stdout


WITHOUT_MLFLOW = """
import sys
from pathlib import Path

class NoMlflow:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith("mlflow"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoMlflow())
from metarisk.errors import RegistryError
from metarisk.jobs.score import score

model, study, out = sys.argv[1:]
print(score(model, Path(study), Path(out)).samples, "samples")
assert not any(name.startswith(("mlflow", "metarisk.tracking")) for name in sys.modules)
try:
    score("models:/metarisk@champion", Path(study), Path(out + "2"))
except RegistryError as refused:
    print("RegistryError", refused)
"""
