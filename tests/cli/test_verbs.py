from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.cli import run
from metarisk.cli.app import app
from metarisk.cli.progress import plain_lines, progress
from metarisk.cli.show import duration, show_figures
from metarisk.score import read_scores

Captured = pytest.CaptureFixture[str]


def words_of(text: str) -> str:
    return " ".join(text.split())


def test_score_says_what_it_did_and_where(
    tiny_model: Any, study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "out"
    assert run(["score", str(tiny_model.folder), str(study_folder), "--out", str(out)]) == 0
    told = words_of(capsys.readouterr().out)
    rows = len(read_scores(out))
    assert f"samples 2 rows {rows}, 0 of them without an answer" in told
    assert f"scores {out / 'scores.parquet'}" in told
    assert "missing:expression 2" in told


def test_score_exits_1_when_rows_were_set_aside_and_2_when_all_were(
    tiny_model: Any, tmp_path: Path, capsys: Captured
) -> None:
    table, out = tmp_path / "a.csv", tmp_path / "out"
    table.write_text("sample_id,age_years\na,61\nb,old\n")
    assert run(["score", str(tiny_model.folder), str(table), "--out", str(out)]) == 1
    assert f"samples 1 set aside 1 rows, see {out / 'quarantine.tsv'}" in words_of(capsys.readouterr().out)
    table.write_text("sample_id,age_years\na,young\nb,old\n")
    assert run(["score", str(tiny_model.folder), str(table), "--out", str(tmp_path / "none")]) == 2
    told = capsys.readouterr().err
    assert "all 2 rows were set aside; row 2: age_years is not a number" in told
    assert "young" not in told
    assert not (tmp_path / "none").exists()


def test_the_data_root_is_read_from_the_environment(
    tiny_model: Any, study_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "study.yaml").write_text(f"name: two\nfolder: {study_folder.name}\n")
    words = ["score", str(tiny_model.folder), str(elsewhere / "study.yaml"), "--out", str(tmp_path / "out")]
    assert run(words) == 2
    monkeypatch.setenv("METARISK_DATA_ROOT", str(tmp_path))
    assert run(words) == 0


def test_export_writes_the_rows_of_the_table(
    tiny_model: Any, study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    out, file = tmp_path / "out", tmp_path / "scores.csv"
    assert run(["score", str(tiny_model.folder), str(study_folder), "--out", str(out)]) == 0
    assert run(["export", str(out), "--csv", str(file)]) == 0
    with file.open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == len(read_scores(out))
    assert run(["export", str(out), "--csv", str(file)]) == 2
    assert "scores.csv exists" in capsys.readouterr().err


def test_topology_summary_counts_the_curated_circuits(capsys: Captured) -> None:
    from metarisk.pathways import curated_topology

    assert run(["topology", "summary"]) == 0
    told = words_of(capsys.readouterr().out)
    graph = curated_topology()
    assert f"genes {graph.n_genes} edges {graph.n_edges}" in told
    assert f"sha256 {graph.sha256}" in told


def test_topology_diff_counts_and_lists_what_changed(tmp_path: Path, capsys: Captured) -> None:
    from metarisk.pathways import curated_topology
    from metarisk.pathways.artefact import save_topology
    from metarisk.pathways.controls import control

    assert run(["topology", "diff", "curated", "curated"]) == 0
    assert capsys.readouterr().out == "The two topologies have the same content.\n"
    graph = curated_topology()
    save_topology(control("no_edges", graph, 0), tmp_path / "bare")
    assert run(["topology", "diff", "curated", str(tmp_path / "bare")]) == 0
    assert f"edges removed {graph.n_edges}" in words_of(capsys.readouterr().out)
    assert run(["topology", "diff", "curated", str(tmp_path / "bare"), "--full"]) == 0
    assert capsys.readouterr().out.count("- edge ") == graph.n_edges


def test_figures_are_shown_with_the_best_of_each_row_marked(capsys: Captured) -> None:
    names = [
        "model",
        "endpoint",
        "horizon_days",
        "metric",
        "stratum",
        "value",
        "lower",
        "upper",
        "n",
        "events",
    ]
    rows = [
        ("metarisk", "site.liver", np.nan, "auroc", "all", 0.70, 0.65, 0.75, 500, 80),
        ("boosting", "site.liver", np.nan, "auroc", "all", 0.72, 0.67, 0.77, 500, 80),
    ]
    show_figures(pd.DataFrame(rows, columns=names))
    told = words_of(capsys.readouterr().out)
    assert "site: liver 0.700 [0.650-0.750] 0.720 [0.670-0.770] * 500 / 80" in told
    assert "\x1b" not in told


def test_a_bracket_in_a_name_is_text_and_not_a_colour(capsys: Captured) -> None:
    from metarisk.cli.show import show_facts, show_notes

    show_facts({"scores": "a[red]b", "nothing": None})
    show_notes(["[bold]note"])
    assert capsys.readouterr().out == "scores   a[red]b\n- [bold]note\n"


def test_progress_without_a_terminal_is_a_line_a_tenth() -> None:
    lines: list[str] = []
    report = plain_lines(lines.append)
    for done in range(101):
        report("fitting", done, 100)
    assert lines == [f"fitting: {done} of 100" for done in range(0, 101, 10)]


def test_progress_goes_to_stderr(capsys: Captured) -> None:
    with progress() as report:
        report("reading", 0, 1)
        report("reading", 1, 1)
    captured = capsys.readouterr()
    assert captured.err == "reading: 0 of 1\nreading: 1 of 1\n"
    assert captured.out == ""


def test_a_warning_is_one_plain_line(capsys: Captured) -> None:
    @app.command(hidden=True)
    def warns() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("the server\nis down", stacklevel=1)

    try:
        assert run(["warns"]) == 0
    finally:
        app.registered_commands.pop()
    assert capsys.readouterr().err == "warning: the server is down\n"


@pytest.mark.parametrize(("seconds", "text"), [(4.4, "4 s"), (59.6, "1 min 0 s"), (725.0, "12 min 5 s")])
def test_a_duration_reads_as_minutes_and_seconds(seconds: float, text: str) -> None:
    assert duration(seconds) == text
