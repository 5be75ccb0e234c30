"""Ids keep every letter on every way through, and none of them can act as a path, a formula or a script."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.cli import run
from metarisk.data import Cohort, inspect_study, read_study
from metarisk.data.rows import cohort_of
from metarisk.errors import InputError
from metarisk.schema.assays import Assay
from metarisk.schema.ids import id_fault
from metarisk.score import read_scores

# What a spreadsheet or a careless reader makes numbers, dates, missing values or Booleans of.
LETTERS = ["00123", "1E5", "NA", "nan", "-1.0", "TRUE", "2-Sep", "1_000", "0x1F", "1.50", "\u00e9", "=A1+1"]
GENES = ["TP53", "KRAS", "EGFR"]
STUDY = """
name: letters
format: tables
folder: .
clinical_file: {{file: {clinical}, sample_column: sample, patient_column: patient}}
endpoints: {{response: {{column: response, "yes": ["1"], "no": ["0"]}}}}
assays:
  - {{assay: copy_number, file: {matrix}, unit: log2_ratio, orientation: {orientation}, id_column: id}}
"""
Write = Callable[[pd.DataFrame, Path], None]
WAYS: dict[str, Write] = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, sep="\t", index=False),
    "csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "parquet": lambda frame, path: frame.to_parquet(path),
}


def levels() -> np.ndarray:
    return np.arange(len(GENES) * len(LETTERS), dtype=np.float32).reshape(len(GENES), -1) / 32 - 0.5


def study(folder: Path, way: str, orientation: str = "genes_in_rows") -> Path:
    """A study whose ids are hard to keep, written in one of the ways."""
    patients = [f"0{place}E1" for place in range(len(LETTERS))]
    answers = np.resize(["0", "1"], len(LETTERS))
    clinical = pd.DataFrame({"sample": LETTERS, "patient": patients, "response": answers})
    matrix = pd.DataFrame(levels(), columns=LETTERS, index=pd.Index(GENES, name="id"))
    if orientation == "samples_in_rows":
        matrix = matrix.T.rename_axis("id")
    WAYS[way](clinical, folder / f"clinical.{way}")
    WAYS[way](matrix.reset_index(), folder / f"matrix.{way}")
    names = {"clinical": f"clinical.{way}", "matrix": f"matrix.{way}", "orientation": orientation}
    (folder / "study.yaml").write_text(STUDY.format(**names))
    return folder / "study.yaml"


def kept(cohort: Cohort) -> None:
    """Every id to the letter, with its own values."""
    assert cohort.sample_ids.tolist() == LETTERS
    assert cohort.patient_ids.tolist() == [f"0{place}E1" for place in range(len(LETTERS))]
    table = cohort.assays[Assay.COPY_NUMBER]
    order = [table.genes.index(gene) for gene in GENES]
    np.testing.assert_array_equal(table.values[:, order, 0], levels().T)


@pytest.mark.parametrize("orientation", ["genes_in_rows", "samples_in_rows"])
@pytest.mark.parametrize("way", WAYS)
def test_tables_keep_ids_to_the_letter(tmp_path: Path, way: str, orientation: str) -> None:
    reading = inspect_study(study(tmp_path, way, orientation))
    assert reading.findings == ()
    assert reading.cohort is not None
    kept(reading.cohort)


@pytest.mark.parametrize("out", ["cohort", "cohort.h5mu"])
def test_a_stored_cohort_keeps_them_through_the_command_line(tmp_path: Path, out: str) -> None:
    assert run(["ingest", str(study(tmp_path, "csv")), "--out", str(tmp_path / out)]) == 0
    kept(read_study(tmp_path / out))


def test_a_study_folder_keeps_them(tiny: Any) -> None:
    for name, text in tiny.files.items():
        tiny.files[name] = text.replace("S1", "00123").replace("S2", "1E5").replace("S4", "NA")
    cohort = read_study(tiny.write())
    assert cohort.sample_ids.tolist() == ["00123", "1E5", "S3", "NA"]
    fusions = cohort.assays[Assay.FUSION]
    assert fusions.values[0, fusions.genes.index("EGFR"), 0] == 1.0


def test_scores_keep_them_and_a_spreadsheet_runs_none(tiny_model: Any, tmp_path: Path) -> None:
    """Row 44: the CSV has an apostrophe before a formula; the table of scores has the id to the letter."""
    bundle, scores, sheet = str(tiny_model.folder), tmp_path / "scores", tmp_path / "scores.csv"
    assert run(["score", bundle, str(study(tmp_path, "csv")), "--out", str(scores)]) == 0
    assert read_scores(scores)["sample_id"].unique().tolist() == LETTERS
    assert run(["export", str(scores), "--csv", str(sheet)]) == 0
    with sheet.open(newline="", encoding="utf-8") as stream:
        told = dict.fromkeys(row["sample_id"] for row in csv.DictReader(stream))
    escaped = {"=A1+1": "'=A1+1", "-1.0": "'-1.0"}
    assert list(told) == [escaped.get(value, value) for value in LETTERS]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("", "are empty"),
        (" a", "hold white space"),
        ("a\u00a0b", "hold white space"),
        ("a\nb", "hold white space"),
        ("a\x00", "hold a letter that cannot be seen"),
        ("\x1b[31m", "hold a letter that cannot be seen"),
        ("a\u200b", "hold a letter that cannot be seen"),
        ("a\u202eb", "hold a letter that cannot be seen"),
        ("..", "are paths"),
        ("../a", "are paths"),
        ("a/../../b", "are paths"),
        ("a\\..\\b", "are paths"),
        ("/etc/passwd", "are paths"),
        ("\\\\server\\share", "are paths"),
        ("C:\\a", "are paths"),
        ("~/a", "are paths"),
    ],
)
def test_what_cannot_be_an_id_is_refused_on_every_way(tmp_path: Path, value: str, fault: str) -> None:
    assert id_fault(value) == fault
    with pytest.raises(InputError, match=r"sample_id of row 0 is .*; expected text without white space, and"):
        cohort_of(pd.DataFrame({"sample_id": [value], "age_years": [60.0]}), "rows")
    frame = pd.DataFrame({"sample_id": [value, "b"], "age_years": [60.0, 61.0]})
    frame.to_parquet(tmp_path / "rows.parquet")
    assert run(["validate", str(tmp_path / "rows.parquet")]) == 1


@pytest.mark.parametrize(
    "value", [*LETTERS, "TCGA-AB-1234-01A", "a..b", "x/1", "cohort:1", "#7", "<b>", "O'Neil"]
)
def test_anything_else_is_an_id_like_any_other(value: str) -> None:
    assert id_fault(value) is None


def test_a_script_for_an_id_is_text_on_the_page(tmp_path: Path) -> None:
    """Row 44: what would run in a browser is escaped; the page is tried in one by tests/report."""
    evil = "<script>alert(1)</script>"
    (tmp_path / "rows.csv").write_text(f"sample_id,age_years\n{evil},61\n{evil},62\n")
    page = tmp_path / "page.html"
    assert run(["validate", str(tmp_path / "rows.csv"), "--html", str(page)]) == 1
    assert evil not in page.read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.read_text()
