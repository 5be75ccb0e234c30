"""The verbs `perturb` and `trajectory` from the command line to files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.cli import run
from metarisk.data.rows import rows_of
from metarisk.explain.moments import SAMPLE_DAY

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def table(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve new samples as one table; the first two are one patient's, dated."""
    cohort = tiny_model.new_samples.take(np.arange(12))
    rows = rows_of(cohort)
    rows.loc[1, "patient_id"] = rows.loc[0, "patient_id"]
    rows[SAMPLE_DAY] = [0.0, 60.0, *[np.nan] * 10]
    file = tmp_path_factory.mktemp("samples") / "samples.parquet"
    rows.to_parquet(file, index=False)
    return file


def command(tiny_model: Any, table: Path, out: Path, *more: str) -> list[str]:
    return ["perturb", str(tiny_model.folder), str(table), "--out", str(out), *more]


def test_perturb_writes_its_tables_and_says_that_it_is_no_experiment(
    tiny_model: Any, table: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "out"
    wish = [
        "--knock-out",
        "TP53",
        "--activate",
        "CXCR4",
        "--circuit",
        "hedgehog",
        "--therapy",
        "met_inhibitor",
    ]
    assert run(command(tiny_model, table, out, *wish, "--pairs")) == 0
    assert "a model's answers to changed inputs, not an experiment" in capsys.readouterr().out
    screen = pd.read_csv(out / "screen.tsv", sep="\t")
    assert set(screen["kind"]) == {"gene", "circuit", "therapy"}
    assert set(screen["perturbation"]) == {"TP53", "CXCR4", "hedgehog", "met_inhibitor"}
    assert screen["p"].notna().all()
    pairs = pd.read_csv(out / "pairs.tsv", sep="\t")
    assert pairs["pair"].nunique() == 6
    patients = pd.read_parquet(out / "patients.parquet")
    assert len(patients) == 12 * len(screen)
    one = patients[(patients["perturbation"] == "TP53") & (patients["endpoint"] == "site.bone")]
    own = screen[(screen["perturbation"] == "TP53") & (screen["endpoint"] == "site.bone")]
    by_patient = one.dropna(subset="change").groupby("patient_id")["change"].mean()
    assert own["change"].item() == pytest.approx(by_patient.mean(), rel=1e-4)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["patients"] == 11
    assert "nothing was knocked out" in summary["read_this_first"][0]
    assert "Benjamini" in summary["test"]
    assert summary["sources"]["met_inhibitor"][0].endswith("2018.")


def test_a_screen_of_therapies_for_one_patient_draws_a_volcano(
    tiny_model: Any, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    sample = str(pd.read_parquet(table)["sample_id"].iloc[3])
    assert run(command(tiny_model, table, out, "--screen", "therapies", "--samples", sample)) == 0
    assert {"volcano_therapy.png", "volcano_therapy.svg"} <= {file.name for file in out.iterdir()}
    screen = pd.read_csv(out / "screen.tsv", sep="\t")
    assert screen["change_patients_lower"].isna().all()  # of one patient there is nothing to resample
    assert screen["change_fit_lower"].notna().eq(screen["patients"] == 1).all()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            ["--knock-out", "CXCR44"],
            r"no gene or circuit of the model is named 'CXCR44'.*Did you mean 'CXCR4'\?",
        ),
        (["--therapy", "car_t_antigens"], r"without lowering or raising its activity.*Those that do: "),
        ([], r"nothing to perturb; expected a gene, a circuit, a class of drugs, or a screen"),
        (["--screen", "gene"], r"no screen is named 'gene'"),
        (["--screen", "all", "--effect", "kill"], r"no effect is named 'kill'"),
        (
            ["--knock-out", "TP53", "--samples", "SIM-00010"],
            r"the input has no sample SIM-00010.*Did you mean",
        ),
        (["--knock-out", "TP53", "--pairs"], r"1 perturbations make no pair"),
    ],
)
def test_bad_wishes_are_refused_in_a_sentence_and_leave_nothing(
    tiny_model: Any, table: Path, tmp_path: Path, capsys: Captured, more: list[str], sentence: str
) -> None:
    import re

    assert run(command(tiny_model, table, tmp_path / "out", *more)) == 2
    told = capsys.readouterr().err
    assert re.search(sentence, told), told
    assert not list(tmp_path.iterdir())


def test_a_result_that_stands_is_kept_unless_it_may_be_replaced(
    tiny_model: Any, table: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "out"
    assert run(command(tiny_model, table, out, "--knock-out", "TP53")) == 0
    before = (out / "screen.tsv").read_bytes()
    assert run(command(tiny_model, table, out, "--knock-out", "RB1")) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (out / "screen.tsv").read_bytes() == before
    assert run(command(tiny_model, table, out, "--knock-out", "TP53", "--overwrite")) == 0
    assert (out / "screen.tsv").read_bytes() == before  # equal input, equal bytes


def test_trajectory_follows_the_dated_patient(
    tiny_model: Any, table: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "out"
    assert run(["trajectory", str(tiny_model.folder), str(table), "--out", str(out)]) == 0
    assert "patients  1\nmoments   2\n" in capsys.readouterr().out
    rows = pd.read_csv(out / "trajectory.tsv", sep="\t")
    assert rows["days_since_first"].unique().tolist() == [0.0, 60.0]
    assert rows.loc[rows["days_since_first"] == 60, "change"].notna().all()
    assert (out / "patient_01.png").is_file()
    summary = json.loads((out / "summary.json").read_text())
    assert len(summary["set_aside"]) == 10


def test_dates_of_a_table_order_the_samples(tiny_model: Any, table: Path, tmp_path: Path) -> None:
    ids = pd.read_parquet(table)["sample_id"].astype(str)
    dates = tmp_path / "dates.tsv"
    dates.write_text(f"sample_id\tdate\n{ids[0]}\t2024-03-02\n{ids[1]}\t2024-02-01\n")
    out = tmp_path / "out"
    assert (
        run(["trajectory", str(tiny_model.folder), str(table), "--out", str(out), "--dates", str(dates)]) == 0
    )
    rows = pd.read_csv(out / "trajectory.tsv", sep="\t")
    assert rows["sample_id"].drop_duplicates().tolist() == [ids[1], ids[0]]
    assert rows["day"].unique().tolist() == [0.0, 30.0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "sample_id\tdate\n{0}\t2.3.2024\n{1}\t2024-02-01\n",
            "1 cells of date are no dates; expected YYYY-MM-DD",
        ),
        ("sample_id\ttime_days\n{0}\tmarch\n{1}\t3\n", "1 cells of time_days are no numbers"),
        ("sample_id\ttime_days\n{0}\t3\n{1}\t3\n", "two samples on day 3"),
        ("sample_id\ttime_days\n{0}\t3\nXYZ\t3\n", "samples XYZ are not in the input"),
        ("sample_id\ttime_days\n{0}\t3\n{0}\t5\n", "the id stands twice"),
        ("sample_id\twhen\n{0}\t3\n", "time_days"),
        ("sample_id\ttime_days\n{0}\t3\n{1}\t\n", "one dated moment, 1 samples without a date"),
    ],
)
def test_bad_dates_are_refused_in_a_sentence(
    tiny_model: Any, table: Path, tmp_path: Path, capsys: Captured, text: str, sentence: str
) -> None:
    ids = pd.read_parquet(table)["sample_id"].astype(str)
    dates = tmp_path / "dates.tsv"
    dates.write_text(text.format(*ids[:2]))
    arguments = ["trajectory", str(tiny_model.folder), str(table), "--out", str(tmp_path / "out")]
    assert run([*arguments, "--dates", str(dates)]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
