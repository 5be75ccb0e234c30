from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarisk.data.cohort import Cohort
from metarisk.errors import InputError, OutputError
from metarisk.models.bundle import ModelBundle
from metarisk.schema.scores import COLUMNS
from metarisk.score import ScoreReport, export_csv, read_scores, score_to
from metarisk.score.export import escape_formula


def rows_in(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_number_reads_back_to_the_same_double(scored: ScoreReport, tmp_path: Path) -> None:
    export_csv(scored.out, tmp_path / "scores.csv")
    table, rows = read_scores(scored.out), rows_in(tmp_path / "scores.csv")
    assert list(rows[0]) == list(COLUMNS)
    for name in ("horizon_days", "probability", "lower", "upper", "graph_share"):
        numbers = [float(row[name]) if row[name] else np.nan for row in rows]
        np.testing.assert_array_equal(numbers, table[name])
    assert [row["sample_id"] for row in rows] == table["sample_id"].tolist()


def test_an_id_that_is_a_formula_is_text_in_the_csv_and_to_the_letter_in_the_table(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    ids = ["=1+1", "+SUM(A1)", "-2", "@x", "plain", "<b>"]
    renamed = _named(samples, ids)
    report = score_to(bundle, renamed, tmp_path / "out")
    export_csv(report.out, tmp_path / "out.csv")
    shown = list(dict.fromkeys(row["sample_id"] for row in rows_in(tmp_path / "out.csv")))
    assert shown == ["'=1+1", "'+SUM(A1)", "'-2", "'@x", "plain", "<b>"]
    assert read_scores(report.out)["sample_id"].unique().tolist() == ids


@given(st.text(min_size=1))
def test_no_text_starts_a_formula_after_escaping(text: str) -> None:
    assert escape_formula(text)[0] not in "=+-@\t\r"
    assert escape_formula(text).removeprefix("'").endswith(text.removeprefix("'"))


def test_a_file_that_exists_is_kept(scored: ScoreReport, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"scores.csv exists. Choose another file"):
        export_csv(scored.out, path)
    assert path.read_text() == "mine"
    export_csv(scored.out, path, overwrite=True)
    assert len(rows_in(path)) == scored.rows
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.csv"]


def test_altered_scores_are_not_exported(scored: ScoreReport, tmp_path: Path) -> None:
    altered = tmp_path / "altered"
    altered.mkdir()
    (altered / "scores.json").write_bytes((scored.out / "scores.json").read_bytes())
    (altered / "scores.parquet").write_bytes(scored.scores.read_bytes() + b"x")
    with pytest.raises(InputError, match=r"altered: scores.parquet .* It was altered or cut"):
        export_csv(altered, tmp_path / "scores.csv")
    assert not (tmp_path / "scores.csv").exists()


def _named(cohort: Cohort, ids: list[str]) -> Cohort:
    few = cohort.take(np.arange(len(ids)))
    index = pd.Index(ids, name="sample_id", dtype=object)
    assays = {
        assay: replace(table, sample_ids=np.array(ids, dtype=str)) for assay, table in few.assays.items()
    }
    return Cohort(few.clinical.set_axis(index), assays, few.endpoints.set_axis(index), few.provenance)
