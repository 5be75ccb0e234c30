from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from metarisk.cli import run
from metarisk.config import load_experiment
from metarisk.config.search import setting
from metarisk.errors import ConfigError, OutputError
from metarisk.jobs.search import SearchOptions, SearchResult, search
from metarisk.tracking.run import spool_uri
from metarisk.train.trials import STORE
from tests.nursery import start

SETTINGS: dict[str, Any] = {
    "name": "hunt",
    "description": "What it is for.",
    "simulation": {"samples": 150},
    "features": {"direct_genes": 20},
    "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
    "network": {"width": 2, "readout": 2, "direct_hidden": 0, "effect_layers": 0},
    "training": {"folds": 2, "epochs": 6, "patience": 6},
    "evaluation": {"bootstrap": 50, "controls": []},
    "search": {
        "trials": 7,
        "folds": 2,
        "space": {
            "training.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
            "network.readout": {"choices": [1, 2]},
        },
    },
}
Store = Callable[[Path], str]


def write_config(folder: Path, **sections: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "hunt.yaml"
    file.write_text("# Why this search.\n# And how.\n" + yaml.safe_dump({**SETTINGS, **sections}))
    return file


def out_in(folder: Path, store_in: Store) -> Path:
    """An output folder whose MLflow store is made already."""
    (folder / "out").mkdir(parents=True)
    store_in(folder / "out")
    return folder / "out"


def without_seconds(file: Path) -> pd.DataFrame:
    return trials_in(file.parent).drop(columns="seconds")


def trials_in(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "trials.tsv", sep="\t", float_precision="round_trip")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, store_in: Store) -> tuple[SearchResult, Path]:
    folder = tmp_path_factory.mktemp("search")
    out = out_in(folder, store_in)
    return search(write_config(folder), out=out), out


@pytest.mark.slow
def test_every_trial_is_a_row_and_a_run_below_the_searchs(done: Any) -> None:
    from mlflow import MlflowClient

    result, out = done
    client = MlflowClient(tracking_uri=result.tracking_uri)
    parent = client.get_run(result.run_id)
    below = client.search_runs([parent.info.experiment_id], f"tags.mlflow.parentRunId = '{result.run_id}'")
    table = trials_in(out)
    assert parent.info.status == "FINISHED"
    assert len(table) == len(below) == 7
    endings = {"complete": "FINISHED", "pruned": "KILLED"}
    for child in below:
        row = table.iloc[int(child.info.run_name.removeprefix("trial-"))]
        assert child.info.status == endings[row["state"]]
        assert child.data.params["network.readout"] == str(row["network.readout"])
        curve = client.get_metric_history(child.info.run_id, "fold0/valid_loss")
        assert [point.step for point in curve] == list(range(len(curve)))
        if row["state"] == "complete":
            assert child.data.metrics["valid_loss"] == pytest.approx(row["value"])
    assert parent.data.metrics["best/valid_loss"] == pytest.approx(table["value"].min())


@pytest.mark.slow
def test_the_best_experiment_runs_and_says_where_its_settings_come_from(done: Any, tmp_path: Path) -> None:
    result, out = done
    best = load_experiment(out / "best.yaml")
    row = trials_in(out).set_index("trial").loc[result.best]
    for key in SETTINGS["search"]["space"]:
        assert setting(best, key) == row[key]
    assert best.search is not None
    assert best.search.found is not None
    assert (best.search.found.trial, best.search.found.value) == (result.best, row["value"])
    original = load_experiment(out.parent / "hunt.yaml")
    assert result.changed == {
        key: (setting(original, key), setting(best, key)) for key in SETTINGS["search"]["space"]
    }
    assert result.before == trials_in(out)["value"].iloc[0] >= result.after
    assert best.description == original.description
    assert (best.tasks, best.evaluation, best.seed) == (original.tasks, original.evaluation, 0)
    assert (out / "best.yaml").read_text().startswith("# Why this search.\n# And how.\nname: hunt\n")


@pytest.mark.slow
def test_paths_of_the_best_experiment_lead_where_they_led(tmp_path: Path) -> None:
    from metarisk.jobs.search import _rebased

    tree = {
        "cohort": {"study": "studies/a.yaml", "data_root": "/data", "keep": {}},
        "topology": {"source": "curated"},
    }
    (tmp_path / "configs").mkdir()
    moved = _rebased(tree, tmp_path / "configs", tmp_path / "searches" / "a")
    assert moved["cohort"]["study"] == "../../configs/studies/a.yaml"
    assert (tmp_path / "searches" / "a" / moved["cohort"]["data_root"]).resolve() == Path("/data")
    assert moved["topology"]["source"] == "curated"


@pytest.mark.slow
def test_a_killed_search_goes_on_and_ends_like_one_that_was_not(
    done: Any, tmp_path: Path, store_in: Store
) -> None:
    _, whole = done
    out = out_in(tmp_path, store_in)
    config = write_config(tmp_path)
    job = start("-m", "metarisk", "search", str(config), "--out", str(out))
    limit = time.monotonic() + 60
    while not (out / "trials.tsv").exists() and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(0.1)  # into the next trial
    job.kill()
    assert job.wait() == -signal.SIGKILL
    killed_after = len(without_seconds(out / "trials.tsv"))
    assert 1 <= killed_after < 7
    result = search(config, out=out)
    pd.testing.assert_frame_equal(without_seconds(out / "trials.tsv"), without_seconds(whole / "trials.tsv"))
    assert (out / "best.yaml").read_text() == (whole / "best.yaml").read_text()
    assert f"{killed_after} trials were there from an earlier process" in result.notes


@pytest.mark.slow
def test_a_finished_search_fits_nothing_more_and_more_trials_go_on(done: Any) -> None:
    _, out = done
    config = out.parent / "hunt.yaml"
    before = without_seconds(out / "trials.tsv")
    again = search(config, out=out, options=SearchOptions(trials=8))
    pd.testing.assert_frame_equal(without_seconds(out / "trials.tsv").head(7), before)
    assert len(again.trials) == 8


@pytest.mark.slow
def test_the_best_is_trained_where_asked_and_the_command_says_where_all_is(
    tmp_path: Path, store_in: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    out = out_in(tmp_path, store_in)
    words = ["search", str(write_config(tmp_path)), "--out", str(out), "--trials", "2", "--train"]
    assert run(words) == 0
    told = capsys.readouterr().out
    for name in ("best.yaml", "trials.tsv", "bundle", "figures"):
        assert str(out / name) in told
        assert (out / name).exists()
    table, best = trials_in(out), load_experiment(out / "best.yaml")
    assert best.search is not None
    assert best.search.found is not None
    moved = best.search.found.trial == 1
    assert ("training.learning_rate 0.003 ->" if moved else "changed       nothing") in told
    assert f"valid_loss {table['value'].min():.4f} on the inner folds" in told


@pytest.mark.slow
def test_a_tracking_server_that_is_down_stops_no_search_and_its_runs_are_spooled(
    tmp_path: Path, store_in: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (tmp_path / "out" / "spool").mkdir(parents=True)
    store_in(tmp_path / "out" / "spool")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config = write_config(tmp_path, tracking={"uri": f"http://127.0.0.1:{taken.getsockname()[1]}"})
        result = search(config, out=tmp_path / "out", options=SearchOptions(trials=2))
    assert result.tracking_uri == spool_uri(tmp_path / "out")
    client = MlflowClient(tracking_uri=result.tracking_uri)
    below = client.search_runs(
        [client.get_run(result.run_id).info.experiment_id],
        f"tags.mlflow.parentRunId = '{result.run_id}'",
    )
    assert {run.info.run_name for run in below} == {"trial-0", "trial-1"}


def test_an_experiment_without_a_search_is_told_what_to_add(tmp_path: Path) -> None:
    plain = {key: value for key, value in SETTINGS.items() if key != "search"}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(plain))
    with pytest.raises(ConfigError, match=r"x\.yaml has no search section"):
        search(tmp_path / "x.yaml", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_processes_do_not_search_in_one_folder(tmp_path: Path) -> None:
    from metarisk.jobs.search import _alone

    with (
        _alone(tmp_path / "out"),
        pytest.raises(OutputError, match="another process searches in"),
    ):
        search(write_config(tmp_path), out=tmp_path / "out")
    assert not (tmp_path / "out" / STORE).exists()
