"""The overview of the committed results: what stands there is what their tables come to."""

from __future__ import annotations

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


def test_without_any_comparison_the_command_says_what_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(RESULTS / "msk_met_subgroups.tsv")
    assert run(["benchmark", "overview", table, "--out", str(tmp_path)]) == 2
    assert "none of the tables compares a model with a control" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
