"""Bad input: exit code 2, one sentence on stderr, no traceback, nothing half-written."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metarisk.cli import run

Spoil = Callable[[Path], None]
Captured = pytest.CaptureFixture[str]


def append(name: str, text: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).write_text((folder / name).read_text() + text)

    return spoil


def cut(name: str, letters: int) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).write_text((folder / name).read_text()[:-letters])

    return spoil


def drop(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


FAULTS: dict[str, tuple[Spoil, str]] = {
    "missing meta_study": (drop("meta_study.txt"), r"meta_study.txt"),
    "missing meta file of the clinical table": (drop("meta_clinical_sample.txt"), r"meta_clinical|clinical"),
    "missing data file": (drop("data_mutations.txt"), r"data_mutations.txt.* does not exist"),
    "duplicate sample id": (
        append("data_clinical_sample.txt", "S1\tP1\tLUAD\n"),
        r"data_clinical_sample.txt.*the id stands twice. Remove or rename one of them",
    ),
    "cut table": (cut("data_mutations.txt", 12), r"data_mutations.txt"),
    "no samples": (cut("data_clinical_sample.txt", 22), r"data_clinical_sample.txt.* no samples"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_study_with_a_fault_is_refused_in_a_sentence(
    fault: str, tiny_model: Any, study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    spoil, sentence = FAULTS[fault]
    spoil(study_folder)
    before = sorted(tmp_path.iterdir())
    assert run(["score", str(tiny_model.folder), str(study_folder), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert re.search(sentence, told), told
    assert "Traceback" not in told
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("fault", FAULTS)
def test_validate_finds_the_same_fault(
    fault: str, study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    spoil, sentence = FAULTS[fault]
    spoil(study_folder)
    assert run(["validate", str(study_folder)]) in (1, 2)
    told = capsys.readouterr()
    assert re.search(sentence, told.out + told.err)


def test_a_misspelt_key_is_refused_with_its_path_and_the_nearest_key(
    tmp_path: Path, capsys: Captured
) -> None:
    config = tmp_path / "x.yaml"
    config.write_text("name: x\nsimulation: {}\ntraining:\n  epoch: 3\n")
    assert run(["train", str(config), "--out", str(tmp_path / "out")]) == 2
    assert (
        "x.yaml: training.epoch is not a key of this file. Did you mean 'epochs'?" in capsys.readouterr().err
    )
    assert list(tmp_path.iterdir()) == [config]


def test_a_value_out_of_range_is_refused(tmp_path: Path, capsys: Captured) -> None:
    config = tmp_path / "x.yaml"
    config.write_text("name: x\nsimulation: {}\ntraining:\n  folds: 1\n")
    assert run(["train", str(config), "--out", str(tmp_path / "out")]) == 2
    assert "x.yaml: training.folds is 1; expected" in capsys.readouterr().err


def test_a_configuration_that_is_not_there_is_refused(tmp_path: Path, capsys: Captured) -> None:
    assert run(["train", str(tmp_path / "x.yaml"), "--out", str(tmp_path / "out")]) == 2
    assert "x.yaml does not exist. Check the path of the configuration file." in capsys.readouterr().err


def test_an_output_that_exists_is_refused(
    tiny_model: Any, study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    words = ["score", str(tiny_model.folder), str(study_folder), "--out", str(tmp_path / "out")]
    assert run(words) == 0
    written = (tmp_path / "out" / "scores.parquet").read_bytes()
    capsys.readouterr()
    assert run(words) == 2
    assert "out exists. Choose another folder, or allow it with --overwrite." in capsys.readouterr().err
    assert (tmp_path / "out" / "scores.parquet").read_bytes() == written
    assert run([*words, "--overwrite"]) == 0


def test_every_error_of_a_study_is_listed(
    tiny_model: Any, study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    append("data_clinical_sample.txt", "S1\tP1\tLUAD\nS 3\tP3\tLUAD\n")(study_folder)
    assert run(["score", str(tiny_model.folder), str(study_folder), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "the id stands twice" in told
    assert "hold white space" in told


def test_a_topology_that_is_not_there_is_refused(capsys: Captured) -> None:
    assert run(["topology", "summary", "nowhere"]) == 2
    assert "topology source 'nowhere' is not there; expected 'curated'" in capsys.readouterr().err


def test_an_unknown_verb_gets_the_nearest_one(capsys: Captured) -> None:
    assert run(["scor"]) == 2
    assert "Did you mean 'score'?" in capsys.readouterr().err


def test_the_process_ends_with_the_code_and_without_a_traceback(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "metarisk", "validate", str(tmp_path / "nothing")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.endswith("Check the path; configs/studies holds examples of study files.\n")
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""
