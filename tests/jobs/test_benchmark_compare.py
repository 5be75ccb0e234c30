from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from metarisk.cli import run
from metarisk.errors import ConfigError, OutputError
from metarisk.jobs.benchmark_compare import FIGURE, ORGANS, TABLE, CompareResult, benchmark_compare
from metarisk.jobs.compared_parts import read_part
from metarisk.pathways.artefact import save_topology
from metarisk.pathways.topology import Topology
from tests.jobs.conftest import COMPARISON
from tests.nursery import start


class Place:
    """A folder with a topology, configurations and the results of `metarisk benchmark compare`."""

    def __init__(self, folder: Path, topology: Topology) -> None:
        self.folder, self.out = folder, folder / "out"
        save_topology(topology, folder / "topology")

    def write(self, **sections: Mapping[str, Any]) -> Path:
        merged = COMPARISON | {name: {**COMPARISON[name], **keys} for name, keys in sections.items()}
        path = self.folder / "small.yaml"
        path.write_text(yaml.safe_dump(merged), encoding="utf-8")
        return path

    def run(self, out: str = "out", *, workers: int = 1, **sections: Mapping[str, Any]) -> CompareResult:
        return benchmark_compare(self.write(**sections), out=self.folder / out, workers=workers)


@pytest.fixture
def place(tmp_path: Path, small_topology: Topology) -> Place:
    return Place(tmp_path, small_topology)


def fresh(result: CompareResult) -> set[str]:
    return {part.pair.model for part in result.parts if not part.kept}


def answers(result: CompareResult) -> pd.DataFrame:
    parts = [read_part(part).assign(model=part.pair.model, part=part.pair.fit) for part in result.parts]
    return pd.concat(parts, ignore_index=True)


def test_a_second_run_fits_nothing_and_a_changed_network_only_the_network(place: Place) -> None:
    first = place.run()
    assert len(first.parts) == 6
    assert fresh(first) == {"metarisk", "linear", "type_only"}
    second = place.run()
    assert fresh(second) == set()
    pd.testing.assert_frame_equal(first.figures, second.figures)
    other = place.run(network={"width": 3})
    assert fresh(other) == {"metarisk"}
    assert fresh(place.run()) == set()  # what the first network answered still stands


def test_a_damaged_part_is_made_again(place: Place) -> None:
    first = place.run()
    part = first.parts[-1]
    whole = part.file.read_bytes()
    part.file.write_bytes(whole[: len(whole) // 2])
    again = place.run()
    assert [part.pair for part in again.parts if not part.kept] == [part.pair]
    pd.testing.assert_frame_equal(answers(first), answers(again))


def test_the_table_says_what_it_rests_on_and_parts_stay_out_of_git(place: Place) -> None:
    result = place.run()
    assert result.table == place.out / TABLE
    assert result.figure == place.out / FIGURE
    lines = result.table.read_text(encoding="utf-8").splitlines()
    heading = dict(line.removeprefix("# ").split(": ", 1) for line in lines if line.startswith("# "))
    for key in ("command", "split", "seed", "cohort_sha256", "topology_sha256", "config_sha256", "versions"):
        assert heading[key], key
    assert heading["split"].startswith("2 folds by patient")
    table = pd.read_csv(result.table, sep="\t", comment="#")
    assert set(table["versus"].dropna()) == {"linear", "type_only"}
    assert (place.out / "parts" / ".gitignore").read_text() == "*\n"
    assert not set(answers(result)["sample"]) & {f"SIM-{number:06d}" for number in range(120)}


def test_two_organs_have_a_table_of_their_mean(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(place.run().organs) == 0
    assert not (place.out / ORGANS).exists()
    config = place.write(tasks={"sites": ["bone", "liver"]})
    assert run(["benchmark", "compare", str(config), "--out", str(place.folder / "two")]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines() if "2 organs" in line]
    assert [line[2] for line in told][:2] == ["pooled", "pooled"]
    table = pd.read_csv(place.folder / "two" / ORGANS, sep="\t", comment="#")
    each = pd.read_csv(place.folder / "two" / TABLE, sep="\t", comment="#")
    own = (each["model"] == "linear") & (each["metric"] == "auroc") & (each["stratum"] == "pooled")
    mean = table[(table["model"] == "linear") & (table["stratum"] == "pooled")]
    assert mean["value"].tolist() == pytest.approx([each.loc[own, "value"].mean()], abs=1e-4)


def test_parts_can_be_fitted_before_the_comparison(place: Place) -> None:
    config = place.write()
    early = benchmark_compare(config, out=place.out, only=("type_only",))
    assert {part.pair.model for part in early.parts} == {"type_only"}
    assert early.table is None
    assert fresh(place.run()) == {"metarisk", "linear"}
    with pytest.raises(ConfigError, match="boosting not among the models of this experiment"):
        benchmark_compare(config, out=place.out, only=("boosting",))


def test_a_folder_of_something_else_is_left_alone(place: Place) -> None:
    place.out.mkdir()
    (place.out / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="has no parts folder"):
        place.run()
    assert [path.name for path in place.out.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_two_workers_answer_as_one_does(place: Place) -> None:
    one, two = place.run("one"), place.run("two", workers=2)
    pd.testing.assert_frame_equal(answers(one), answers(two))
    pd.testing.assert_frame_equal(one.figures, two.figures)


@pytest.mark.slow
def test_a_workers_refusal_is_told_by_the_command(place: Place) -> None:
    config = place.write(tasks={"min_events": 60})
    with pytest.raises(ConfigError, match="no question has 60 training patients"):
        benchmark_compare(config, out=place.out, workers=2)


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(place: Place) -> None:
    config = place.write(training={"epochs": 40})
    command = ["benchmark", "compare", str(config), "--out", str(place.out)]
    process = start("-m", "metarisk", *command)
    while not list(place.out.glob("parts/*.parquet")) and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    stood = {path.name for path in place.out.glob("parts/*.parquet")}
    assert stood
    result = benchmark_compare(config, out=place.out)
    assert {part.file.name for part in result.parts if part.kept} == stood
    undisturbed = benchmark_compare(config, out=place.folder / "again")
    pd.testing.assert_frame_equal(answers(result), answers(undisturbed))


def test_each_fit_chooses_its_settings_among_its_own_patients(place: Place) -> None:
    among = [{"training.learning_rate": 1e-9}, {"training.learning_rate": 0.01}]
    section = {"models": ["linear"], "choose": {"among": among, "folds": 2}}
    result = place.run(benchmark=section)
    told = [note for note in result.notes if note.startswith("without fold")]
    assert len(told) == 2
    assert all("training.learning_rate" in note for note in told)
    assert {part.pair.model for part in result.parts} == {"metarisk", "linear"}
    again = place.run(benchmark=section)
    assert fresh(again) == set()
    pd.testing.assert_frame_equal(result.figures, again.figures)
