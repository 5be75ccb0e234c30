"""`metarisk validate` and `metarisk ingest`: what they print, write and exit with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metarisk.cli import run

Captured = pytest.CaptureFixture[str]
CLINICAL = "data_clinical_sample.txt"


def words_of(text: str) -> str:
    return " ".join(text.split())


def add(folder: Path, lines: str) -> None:
    (folder / CLINICAL).write_text((folder / CLINICAL).read_text() + lines)


def test_validate_exits_1_for_errors_and_writes_them_as_json(
    study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    add(study_folder, "S1\tP1\tLUAD\n")
    assert run(["validate", str(study_folder), "--json", str(tmp_path / "findings.json")]) == 1
    lines = capsys.readouterr().out.splitlines()
    told = json.loads((tmp_path / "findings.json").read_text())
    assert {"level": "error", "value": "S1", "message": "the id stands twice"}.items() <= told["findings"][
        0
    ].items()
    assert lines[0].startswith("error: data_clinical_sample.txt, lines [6, 8]")
    assert (told["format_version"], told["verdict"], told["errors"]) == (1, "not usable", 1)
    assert f"findings  1 errors, {told['warnings']} warnings: not usable" in lines


def test_validate_exits_0_for_a_clean_table_and_3_for_warnings_only(
    study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "clean.csv").write_text("sample_id,age_years\na,61\n")
    assert run(["validate", str(tmp_path / "clean.csv")]) == 0
    told = capsys.readouterr().out
    assert "samples   1 of 1 patients\n" in told
    assert told.endswith("findings  0 errors, 0 warnings: clean\n")
    add(study_folder, "S3\tP1\tLUAD\n")  # a patient's second sample is a warning
    assert run(["validate", str(study_folder)]) == 3
    assert "mutation 3 x 2 100.0% calls" in words_of(capsys.readouterr().out)


def test_validate_writes_the_page_and_replaces_it_only_when_asked(
    study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    page = tmp_path / "new" / "page.html"
    words = ["validate", str(study_folder), "--html", str(page)]
    assert run(words) == 3
    assert f"page  {page}" in capsys.readouterr().out
    first = page.read_text()
    assert first.startswith("<!doctype html>")
    add(study_folder, "S1\tP1\tLUAD\n")
    assert run(words) == 2
    assert "page.html exists. Choose another file, or allow it with --overwrite." in capsys.readouterr().err
    assert page.read_text() == first
    assert run([*words, "--overwrite"]) == 1
    assert page.read_text() != first


def test_findings_that_cannot_be_written_are_a_refusal(
    study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "file").touch()
    assert run(["validate", str(study_folder), "--json", str(tmp_path / "file" / "f.json")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "two"]


def test_an_id_cannot_steer_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    table = tmp_path / "t.csv"
    table.write_text("sample_id,age_years\n\x1b[2Jx,61\n\x1b[2Jx,62\n")
    assert run(["validate", str(table)]) == 1
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\\x1b[2Jx" in told


def test_a_refusal_cannot_steer_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    assert run(["validate", str(tmp_path / "\x1b[2Jstudy")]) == 2
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert "\\x1b[2Jstudy does not exist" in told


def test_one_flipped_byte_of_a_stored_cohort_is_an_error_of_validate(
    study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert run(["ingest", str(study_folder), "--out", str(tmp_path / "cohort")]) == 0
    file = tmp_path / "cohort" / "mutation.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    capsys.readouterr()
    assert run(["validate", str(tmp_path / "cohort"), "--html", str(tmp_path / "page.html")]) == 1
    assert "mutation.parquet was altered after it was written" in capsys.readouterr().out
    assert "Nothing: see the findings." in (tmp_path / "page.html").read_text()


def test_ingest_stores_a_study_and_says_where(study_folder: Path, tmp_path: Path, capsys: Captured) -> None:
    from metarisk.data import read_cohort, read_study
    from metarisk.files import sha256_of

    out = tmp_path / "cohort"
    assert run(["ingest", str(study_folder), "--out", str(out)]) == 0
    told = words_of(capsys.readouterr().out)
    assert "mutation 2 x 2 100.0% calls" in told
    assert f"stored {out} sha256 {sha256_of(out / 'cohort.json')}" in told
    assert f"next metarisk score MODEL {out} --out SCORES" in told
    assert read_cohort(out).content_sha256() == read_study(study_folder).content_sha256()
    assert run(["validate", str(out)]) == 0


def test_ingest_writes_nothing_where_a_study_has_errors(
    study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    add(study_folder, "S1\tP1\tLUAD\n")
    assert run(["ingest", str(study_folder), "--out", str(tmp_path / "cohort")]) == 1
    told = capsys.readouterr().out
    assert told.startswith("error: data_clinical_sample.txt, lines [6, 8]")
    assert told.endswith("stored  nothing, for the errors above\n")
    assert [path.name for path in tmp_path.iterdir()] == ["two"]


def test_ingest_replaces_only_a_stored_cohort_and_only_when_asked(
    study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "cohort"
    words = ["ingest", str(study_folder), "--out"]
    assert run([*words, str(out)]) == 0
    assert run([*words, str(out)]) == 2
    assert "cohort exists. Choose another folder, or allow it with --overwrite." in capsys.readouterr().err
    assert run([*words, str(out), "--overwrite"]) == 0
    assert run([*words, str(study_folder), "--overwrite"]) == 2
    assert "two exists and has no cohort.json" in capsys.readouterr().err
    assert (study_folder / CLINICAL).exists()
