"""The overview of the committed results: what stands there is what their tables come to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from metarisk.cli import run
from metarisk.jobs.benchmark_overview import FIGURE, TABLE, Overview, benchmark_overview
from metarisk.jobs.repeated_table import StoredTable

RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.fixture(scope="module")
def overview(tmp_path_factory: pytest.TempPathFactory) -> Overview:
    tables = sorted(RESULTS.glob("*.tsv"))
    return benchmark_overview(tables, out=tmp_path_factory.mktemp("overview"))


def test_the_committed_overview_is_what_the_committed_tables_come_to(overview: Overview) -> None:
    assert overview.table.read_bytes() == (RESULTS / TABLE).read_bytes()
    with Image.open(overview.figure) as made, Image.open(RESULTS / FIGURE) as committed:
        assert made.info["Description"] == committed.info["Description"]
        assert "msk_met: 9 organs" in made.info["Description"]
        assert made.size == committed.size


def test_a_difference_is_the_one_of_the_table_it_is_from(overview: Overview) -> None:
    cells = StoredTable.read(RESULTS / "ici_loris.tsv").cells
    of = (cells["versus"] == "loris") & (cells["stratum"] == "by size") & (cells["metric"] == "auroc")
    (told,) = cells.loc[of & (cells["endpoint"] == "response"), "difference"]
    rows = overview.standings
    of = (rows["table"] == "ici_loris") & (rows["versus"] == "loris") & (rows["stratum"] == "by size")
    assert rows.loc[of & (rows["kind"] == "yes or no"), "mean"].tolist() == [float(told)]


def test_the_mean_of_organs_has_the_interval_of_their_own_table(overview: Overview) -> None:
    cells = StoredTable.read(RESULTS / "luad_time_to_organ_organs.tsv").cells
    of = (cells["versus"] == "boosting") & (cells["stratum"] == "pooled") & (cells["horizon_days"] == "")
    (line,) = (line for line in overview.lines if line.label == "luad_time_to_organ: 7 organs")
    told = line.means.loc["boosting", ["mean", "lower", "upper"]].tolist()
    stands = cells.loc[of, ["difference", "diff_lower", "diff_upper"]].astype(float).to_numpy()[0]
    assert told == pytest.approx(stands, rel=1e-3)


def test_every_real_topology_stands_beside_none(overview: Overview) -> None:
    """A table of a network with a graph has the control that shows what the graph is worth."""
    without = {line.table for line in overview.lines if line.versus("no_graph").empty}
    assert without == {"ici_loris", "ici_signatures", "ici_signatures_nested"}  # they have no graph at all


def test_tables_that_compare_nothing_are_named_and_passed_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(RESULTS / name) for name in ("metmap.tsv", "msk_met_subgroups.tsv")]
    assert run(["benchmark", "overview", *words, "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "metmap: 5 organs" in told
    assert "compare nothing  msk_met_subgroups" in told
    assert {path.name for path in tmp_path.iterdir()} == {TABLE, FIGURE}


def test_tables_as_compare_wrote_them_have_the_name_of_their_folder(tmp_path: Path) -> None:
    for name in ("metmap", "luad_time_to_organ"):
        (tmp_path / name).mkdir()
        for written, committed in (("figures", name), ("organs", f"{name}_organs")):
            shutil.copy(RESULTS / f"{committed}.tsv", tmp_path / name / f"{written}.tsv")
    made = benchmark_overview(sorted(tmp_path.glob("*/*.tsv")), out=tmp_path / "out")
    assert {line.table for line in made.lines} == {"metmap", "luad_time_to_organ"}
    organs = made.standings[made.standings["kind"] == "organs"]
    assert organs["lower"].notna().all()
    assert made.passed_by == ()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("msk_met_subgroups", "none of the tables compares ours with a fitted baseline"),
        ("ici_index_beside", "none of the tables compares ours with a fitted baseline"),
        ("twice", "are both tables of metmap"),
        ("text", "holds text where a number stands"),
    ],
)
def test_what_cannot_be_told_is_refused_in_a_sentence_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, sentence: str
) -> None:
    tables = [RESULTS / f"{name}.tsv"]
    if name in {"twice", "text"}:
        tables = [tmp_path / "metmap.tsv", *([RESULTS / "metmap.tsv"] if name == "twice" else [])]
        text = (RESULTS / "metmap.tsv").read_text(encoding="utf-8")
        tables[0].write_text(text.replace("auroc\t0.", "auroc\tO.", int(name == "text")), encoding="utf-8")
    assert run(["benchmark", "overview", *map(str, tables), "--out", str(tmp_path / "out")]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
