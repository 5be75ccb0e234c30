from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from metarisk.errors import ConfigError, OutputError
from metarisk.jobs.train import flat_settings, headline, train
from metarisk.models.bundle import load_bundle

SETTINGS: dict[str, Any] = {
    "name": "job",
    "simulation": {"samples": 150},
    "features": {"direct_genes": 20},
    "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
    "network": {"width": 2, "readout": 2, "direct_hidden": 0},
    "training": {"folds": 2, "epochs": 2},
    "evaluation": {"bootstrap": 50, "controls": []},
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("job")
    (folder / "x.yaml").write_text(yaml.safe_dump(SETTINGS))
    told: list[tuple[str, int, int]] = []
    result = train(folder / "x.yaml", out=folder / "out", on_progress=lambda *step: told.append(step))
    return result, told


@pytest.mark.slow
def test_a_configuration_becomes_a_bundle_and_a_tracked_run(done: Any) -> None:
    from mlflow import MlflowClient

    result, _ = done
    bundle = load_bundle(result.bundle)
    run = MlflowClient(tracking_uri=result.tracking_uri).get_run(result.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["bundle_sha256"] == bundle.sha256
    assert run.data.tags["topology_sha256"] == bundle.topology.sha256
    assert run.data.tags["cohort_sha256"] == bundle.provenance["cohort_sha256"]
    assert run.data.params["training.epochs"] == "2"
    for name, value in headline(result.figures).items():
        assert run.data.metrics[name] == pytest.approx(value)
    assert len(bundle.figures) == len(result.figures)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["figures", "subgroups", "decisions"])
def test_every_table_stands_beside_the_bundle_and_in_the_run(done: Any, name: str) -> None:
    from mlflow import MlflowClient

    result, _ = done
    file = result.bundle.parent / f"{name}.tsv"
    assert f"# bundle_sha256: {load_bundle(result.bundle).sha256}" in file.read_text().splitlines()
    table = pd.read_csv(file, sep="\t", comment="#")
    assert len(table) > 5
    assert set(table["model"]) == {"metarisk"}
    listed = MlflowClient(tracking_uri=result.tracking_uri).list_artifacts(result.run_id)
    assert f"{name}.json" in {item.path for item in listed}


@pytest.mark.slow
def test_progress_runs_to_its_end_and_never_back(done: Any) -> None:
    _, told = done
    assert told[:2] == [("reading", 0, 1), ("reading", 1, 1)]
    steps = [step for what, step, _ in told if what == "fitting metarisk"]
    assert steps == sorted(steps)
    assert {of for what, _, of in told if what == "fitting metarisk"} == {4}


def test_a_taken_folder_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(SETTINGS))
    (tmp_path / "out" / "bundle").mkdir(parents=True)
    (tmp_path / "out" / "bundle" / "mine.txt").write_text("kept")
    with pytest.raises(OutputError, match=r"bundle exists\. Choose another"):
        train(tmp_path / "x.yaml", out=tmp_path / "out", on_progress=_no_work)


def _no_work(what: str, done: int, of: int) -> None:
    raise AssertionError(f"{what} before the refusal")


@pytest.mark.slow
def test_training_outlives_a_tracking_server_that_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as taken:  # a port that is taken and does not listen
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "x.yaml").write_text(yaml.safe_dump({**SETTINGS, "tracking": {"uri": uri}}))
        result = train(tmp_path / "x.yaml", out=tmp_path / "out")
    assert result is not None
    assert load_bundle(result.bundle).experiment.tracking.uri == uri
    assert "the run goes to" in caplog.text
    run = MlflowClient(tracking_uri=result.tracking_uri).get_run(result.run_id)
    assert run.info.status == "FINISHED"
    assert (tmp_path / "out" / "spool" / "mlflow.db").is_file()


@pytest.mark.slow
def test_a_configuration_without_anything_to_learn_leaves_no_bundle(tmp_path: Path) -> None:
    impossible = {**SETTINGS, "tasks": {**SETTINGS["tasks"], "min_events": 10_000}}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(impossible))
    with pytest.raises(ConfigError, match="no question has 10000 training patients"):
        train(tmp_path / "x.yaml", out=tmp_path / "out")
    assert not (tmp_path / "out" / "bundle").exists()


def test_settings_are_told_as_dotted_keys() -> None:
    from metarisk.config import Experiment

    flat = flat_settings(Experiment.model_validate(SETTINGS))
    assert flat["network.width"] == "2"
    assert flat["simulation.samples"] == "150"
    assert "description" not in flat
