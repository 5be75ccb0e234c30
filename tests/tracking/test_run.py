"""Runs in a real sqlite store, and stores that fail."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from metarisk.config.experiment import TrackingSection
from metarisk.errors import RegistryError
from metarisk.tracking import store
from metarisk.tracking.run import ChildRun, Ending, NoRun, Run, default_uri, open_run, spool_uri

SECTION = TrackingSection(experiment="study")


@pytest.fixture(scope="module")
def uri(store_in: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for most: making its tables takes longer than the tests."""
    folder = tmp_path_factory.mktemp("store")
    store_in(folder)
    with open_run(TrackingSection(experiment="template"), uri=default_uri(folder), name="opens the store"):
        pass
    shutil.copy(folder / "mlflow.db", folder / "template.db")
    return default_uri(folder)


def ready_store(uri: str, folder: Path) -> str:
    """A store whose tables are made already."""
    path = store.sqlite_path(uri)
    assert path is not None
    folder.mkdir(parents=True)
    shutil.copy(path.with_name("template.db"), folder / "mlflow.db")
    return default_uri(folder)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a server that is down: a port that is taken and does not listen."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "mlruns").exists()
    assert not (tmp_path / "mlflow.db").exists()


def stored(uri: str, run_id: str) -> StoredRun:
    return MlflowClient(tracking_uri=uri).get_run(run_id)


def tell(run: Run) -> None:
    run.params({"network.width": "16"})
    run.tags({"config_sha256": "abc"})
    for epoch in range(3):
        run.metrics({"metarisk/member0/valid_loss": 1.0 / (1 + epoch)}, step=epoch)


def diverge(run: Run) -> None:
    tell(run)
    raise ValueError("diverged")


def test_a_run_holds_settings_hashes_and_curves(uri: str) -> None:
    with open_run(SECTION, uri=uri, name="first") as run:
        tell(run)
    found = stored(uri, run.run_id)
    assert (found.info.status, found.info.run_name, run.spooled) == ("FINISHED", "first", False)
    assert found.data.params == {"network.width": "16"}
    assert found.data.tags["config_sha256"] == "abc"
    curve = MlflowClient(tracking_uri=uri).get_metric_history(run.run_id, "metarisk/member0/valid_loss")
    assert [(point.step, point.value) for point in curve] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]


def test_tables_and_folders_lie_beside_the_database(uri: str, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "card.md").write_text("# card")
    with open_run(SECTION, uri=uri, name="files") as run:
        run.table("figures.json", pd.DataFrame({"value": [0.7, float("nan")]}))
        run.folder(tmp_path / "bundle", "bundle")
    path = store.sqlite_path(uri)
    assert path is not None
    folder = path.parent / store.ARTIFACTS / run.run_id / "artifacts"
    assert (folder / "bundle" / "card.md").read_text() == "# card"
    assert '"value"' in (folder / "figures.json").read_text()


def test_a_block_that_raises_leaves_a_failed_run_with_its_curves(uri: str) -> None:
    with pytest.raises(ValueError, match="diverged"), open_run(SECTION, uri=uri, name="bad") as run:
        diverge(run)
    found = stored(uri, run.run_id)
    assert found.info.status == "FAILED"
    assert "metarisk/member0/valid_loss" in found.data.metrics


def test_an_epoch_costs_no_write_of_its_own(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = []
    log_batch = MlflowClient.log_batch

    def counted(client: MlflowClient, *args: object, **names: object) -> object:
        batches.append(names)
        return log_batch(client, *args, **names)

    monkeypatch.setattr(MlflowClient, "log_batch", counted)
    with open_run(SECTION, uri=uri, name="long") as run:
        for member in range(5):
            for epoch in range(300):
                run.metrics({f"member{member}/loss": 1.0, f"member{member}/valid": 2.0}, step=epoch)
    history = MlflowClient(tracking_uri=uri).get_metric_history(run.run_id, "member4/valid")
    assert len(history) == 300
    assert len(batches) < 20


def test_names_and_values_that_mlflow_refuses_are_mended(uri: str) -> None:
    with open_run(SECTION, uri=uri, name="names") as run:
        run.metrics({"auroc (95 %)": 0.5}, step=0)
        run.params({"note": "x" * 9000})
    found = stored(uri, run.run_id)
    assert list(found.data.metrics) == ["auroc _95 __"]
    assert len(found.data.params["note"]) == 5000


def test_a_server_that_is_down_does_not_stop_training(
    uri: str, refused: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ready_store(uri, tmp_path / "out" / "spool")
    with open_run(SECTION, uri=refused, name="spooled", spool=tmp_path / "out") as run:
        tell(run)
    assert run.spooled
    assert run.uri == spool_uri(tmp_path / "out")
    assert "metarisk/member0/valid_loss" in stored(run.uri, run.run_id).data.metrics
    assert "Connection refused" in caplog.text
    assert f"the run goes to {run.uri}" in caplog.text


def test_a_locked_database_does_not_stop_training(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store, "LOCK_WAIT_S", 0.1)
    locked = ready_store(uri, tmp_path / "store")
    ready_store(uri, tmp_path / "out" / "spool")
    with closing(sqlite3.connect(tmp_path / "store" / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with open_run(SECTION, uri=locked, name="spooled", spool=tmp_path / "out") as run:
            tell(run)
    assert run.spooled
    assert stored(run.uri, run.run_id).info.status == "FINISHED"
    assert "database is locked" in caplog.text


def test_a_store_that_dies_on_the_way_loses_nothing(
    uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dying = ready_store(uri, tmp_path / "store")
    ready_store(uri, tmp_path / "out" / "spool")
    with open_run(SECTION, uri=dying, name="moved", spool=tmp_path / "out") as run:
        tell(run)
        run.table("before.json", pd.DataFrame({"a": [1]}))
        with closing(sqlite3.connect(tmp_path / "store" / "mlflow.db")) as database:
            database.executescript("DROP TABLE latest_metrics; DROP TABLE metrics; DROP TABLE tags;")
        run.tags({"bundle_sha256": "def"})
        run.metrics({"auroc": 0.7}, step=0)
    assert run.spooled
    found = stored(run.uri, run.run_id)
    assert found.info.status == "FINISHED"
    assert set(found.data.metrics) == {"metarisk/member0/valid_loss", "auroc"}
    assert {"config_sha256", "bundle_sha256"} <= set(found.data.tags)
    assert list((tmp_path / "out").rglob("before.json"))
    assert "the run goes to" in caplog.text


def test_without_a_spool_the_run_is_not_tracked_and_the_log_says_so(
    refused: str, caplog: pytest.LogCaptureFixture
) -> None:
    with open_run(SECTION, uri=refused, name="lost") as run:
        tell(run)
    assert (run.run_id, run.uri, run.spooled) == ("", "", False)
    assert "the run is not tracked" in caplog.text


def test_a_password_in_the_address_is_not_shown() -> None:
    uri = "postgresql://someone:secret@host/db"
    assert store.shown(uri) == "postgresql://host/db"
    assert "secret" not in store.reason(OSError(f"cannot reach {uri}"), uri)


def test_without_mlflow_the_advice_is_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with (
        pytest.raises(RegistryError, match=r"MLflow is not installed.*pip install 'metarisk\[mlflow\]'"),
        open_run(SECTION, uri=default_uri(tmp_path), name="x"),
    ):
        pass


def test_tracking_switched_off_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run: Run = NoRun()
    tell(run)
    run.table("figures.json", pd.DataFrame())
    run.folder(tmp_path, "bundle")
    run.text("card.md", "")
    child_of(run, "trial-0", "KILLED")
    assert run.run_id == ""
    assert capsys.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def child_of(run: Run, name: str, ending: Ending) -> ChildRun:
    child = run.child(name)
    child.params({"network.width": "8"})
    child.metrics({"fold0/valid_loss": 0.5}, step=0)
    child.close(ending)
    return child


def test_children_stand_below_their_run_with_their_own_curves_and_endings(uri: str) -> None:
    with open_run(SECTION, uri=uri, name="parent") as run:
        done, stopped = child_of(run, "trial-0", "FINISHED"), child_of(run, "trial-1", "KILLED")
    for child, name, ending in ((done, "trial-0", "FINISHED"), (stopped, "trial-1", "KILLED")):
        found = stored(uri, child.run_id)
        assert (found.info.status, found.info.run_name) == (ending, name)
        assert found.data.tags["mlflow.parentRunId"] == run.run_id
        assert (found.data.params, found.data.metrics) == (
            {"network.width": "8"},
            {"fold0/valid_loss": 0.5},
        )
    assert stored(uri, run.run_id).info.status == "FINISHED"


@pytest.mark.parametrize("breaks_under", ["child", "parent"])
def test_where_a_store_dies_children_move_with_their_run_and_stay_below_it(
    uri: str, tmp_path: Path, breaks_under: str
) -> None:
    dying = ready_store(uri, tmp_path / "store")
    ready_store(uri, tmp_path / "out" / "spool")
    with open_run(SECTION, uri=dying, name="moved", spool=tmp_path / "out") as run:
        before = child_of(run, "before", "FINISHED")
        with closing(sqlite3.connect(tmp_path / "store" / "mlflow.db")) as database:
            database.executescript("DROP TABLE latest_metrics; DROP TABLE metrics; DROP TABLE tags;")
        if breaks_under == "parent":
            run.tags({"bundle_sha256": "def"})
        after = child_of(run, "after", "KILLED")
    assert run.uri == before.uri == after.uri == spool_uri(tmp_path / "out")
    assert run.spooled
    for child, ending in ((before, "FINISHED"), (after, "KILLED")):
        found = stored(run.uri, child.run_id)
        assert (found.info.status, found.data.metrics) == (ending, {"fold0/valid_loss": 0.5})
        assert found.data.tags["mlflow.parentRunId"] == run.run_id


def test_children_of_a_run_that_is_not_tracked_are_not_either(refused: str) -> None:
    with open_run(SECTION, uri=refused, name="lost") as run:
        child = child_of(run, "trial-0", "FINISHED")
    assert (child.run_id, child.uri) == ("", "")


def test_a_text_is_an_artifact(uri: str) -> None:
    with open_run(SECTION, uri=uri, name="card") as run:
        run.text("card.md", "# a card")
    path = store.sqlite_path(uri)
    assert path is not None
    assert (path.parent / store.ARTIFACTS / run.run_id / "artifacts" / "card.md").read_text() == "# a card"
