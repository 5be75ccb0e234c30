from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from metarisk.cli import run
from metarisk.errors import ConfigError, InputError
from metarisk.jobs.benchmark_compare import SUBGROUPS, TABLE, benchmark_compare
from metarisk.jobs.benchmark_repeat import TABLE as REPEATED
from metarisk.jobs.benchmark_repeat import benchmark_repeat, experiments_below
from metarisk.jobs.repeated_table import StoredTable
from metarisk.pathways.artefact import save_topology
from metarisk.pathways.topology import Topology
from tests.jobs.conftest import COMPARISON

ROOT = Path(__file__).parents[2]
CONFIGS, RESULTS = ROOT / "configs", ROOT / "docs" / "results"
FROM_A_CONFIGURATION = [
    path
    for path in sorted(RESULTS.glob("*.tsv"))
    if path.read_text(encoding="utf-8").startswith(
        ("# command: metarisk benchmark compare", "# command: metarisk benchmark graph",
         "# command: metarisk benchmark unseen", "# command: metarisk benchmark index")
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory, small_topology: Topology) -> Path:
    """A folder of configurations, of which one is the experiment and one is none."""
    folder = tmp_path_factory.mktemp("repeat")
    save_topology(small_topology, folder / "topology")
    (folder / "small.yaml").write_text(yaml.safe_dump(COMPARISON), encoding="utf-8")
    (folder / "study.yaml").write_text("name: a study\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def committed(configs: Path) -> Path:
    """The folder of a first run."""
    benchmark_compare(configs / "small.yaml", out=configs / "committed")
    return configs / "committed"


@pytest.fixture
def altered(committed: Path, tmp_path: Path) -> Callable[[str, str], Path]:
    """The first run's table with one text in place of another."""

    def write(then: str, now: str) -> Path:
        text = (committed / TABLE).read_text(encoding="utf-8")
        assert then in text
        path = tmp_path / "altered.tsv"
        path.write_text(text.replace(then, now, 1), encoding="utf-8")
        return path

    return write


def test_tables_of_one_run_are_made_again_together_and_equal_to_the_last_digit(
    configs: Path, committed: Path
) -> None:
    tables = [committed / TABLE, committed / SUBGROUPS]
    rows = benchmark_repeat(tables, out=configs / "again", configs=configs)
    assert [row.table for row in rows] == [TABLE, SUBGROUPS]
    for row, path in zip(rows, tables, strict=True):
        assert row.figures == row.equal > 20
        assert (row.largest, row.where, row.largest_p, row.other) == (0.0, "", 0.0, "")
        assert row.rows == len(StoredTable.read(path).cells)
    assert rows[0].fit_seconds > 0
    assert len(list((configs / "again" / "compare_small" / "parts").glob("*.parquet"))) == 6
    lines = (configs / "again" / REPEATED).read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == 1 + len(rows)


def test_a_changed_figure_is_found_and_the_command_says_so(
    configs: Path,
    committed: Path,
    altered: Callable[[str, str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = StoredTable.read(committed / TABLE).cells.iloc[0]
    now = f"{float(first['value']) + 0.25:.4g}"
    row_as_it_stands = "\t".join(first)
    table = altered(row_as_it_stands, row_as_it_stands.replace(first["value"], now, 1))
    (row,) = benchmark_repeat([table], out=configs / "again", configs=configs)
    assert row.equal == row.figures - 1
    assert row.largest == pytest.approx(0.25)
    assert row.where == "metarisk, site.bone, pooled, auroc, linear, delong: value"
    words = ["benchmark", "repeat", str(table), "--out", str(configs / "again"), "--configs", str(configs)]
    assert run(words) == 1
    assert "site.bone" in capsys.readouterr().out
    assert run([*words, "--tolerance", "0.3"]) == 0


def test_a_changed_word_p_value_or_number_of_rows_and_other_data_are_told(
    configs: Path, committed: Path, altered: Callable[[str, str], Path]
) -> None:
    (row,) = benchmark_repeat(
        [altered("\tdelong\t", "\tbootstrap\t")], out=configs / "again", configs=configs
    )
    assert row.largest == float("inf")
    assert row.equal == row.figures
    table = altered("\tdelong\t", "\tdelong\t0.0")
    (row,) = benchmark_repeat([table], out=configs / "again", configs=configs)
    assert (row.largest, row.where) == (0.0, "")
    assert row.largest_p > 0
    rows = StoredTable.read(committed / TABLE).cells
    table = altered("\t".join(rows.iloc[-1]) + "\n", "")
    (row,) = benchmark_repeat([table], out=configs / "again", configs=configs)
    assert (row.largest, row.where) == (float("inf"), f"{len(rows)} rows in place of {len(rows) - 1}")
    table = altered("# cohort_sha256: ", "# cohort_sha256: 0")
    (row,) = benchmark_repeat([table], out=configs / "again", configs=configs)
    assert row.other == "data"


def test_a_table_that_cannot_be_made_again_says_why(
    configs: Path, altered: Callable[[str, str], Path], tmp_path: Path
) -> None:
    def refused(table: Path) -> str:
        with pytest.raises((ConfigError, InputError)) as error:
            benchmark_repeat([table], out=configs / "again", configs=configs)
        return str(error.value)

    assert "no configuration below" in refused(altered("# config_sha256: ", "# config_sha256: 0"))
    assert "does not come from a configuration" in refused(altered("benchmark compare", "benchmark speed"))
    assert "no table of this run has the columns" in refused(altered("\tdiff_lower\t", "\tlower_diff\t"))
    plain = tmp_path / "plain.tsv"
    plain.write_text("a\tb\n1\t2\n", encoding="utf-8")
    assert "is no table of figures" in refused(plain)
    assert "cannot be read" in refused(tmp_path / "absent.tsv")


@pytest.fixture(scope="module")
def hashes() -> set[str]:
    return set(experiments_below(CONFIGS))


@pytest.mark.parametrize("path", FROM_A_CONFIGURATION, ids=lambda path: path.stem)
def test_every_committed_table_has_its_configuration(path: Path, hashes: set[str]) -> None:
    assert StoredTable.read(path).heading["config_sha256"] in hashes


@pytest.mark.slow
def test_a_committed_table_of_real_cohorts_comes_out_as_it_stands(shared_data: Path, tmp_path: Path) -> None:
    (row,) = benchmark_repeat(
        [RESULTS / "ici_loris.tsv"], out=tmp_path, configs=CONFIGS, data_root=shared_data
    )
    assert row.figures > 7000
    assert row.other in {"", "versions"}
    assert row.equal == row.figures or row.largest < 0.002  # another processor may round elsewhere
