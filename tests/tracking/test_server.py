"""A real MLflow server: bundles travel over HTTP and are kept by their hash."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metarisk.config.experiment import TrackingSection
from metarisk.errors import RegistryError
from metarisk.models.bundle import load_bundle
from metarisk.tracking.registry import publish_bundle, resolve
from metarisk.tracking.run import open_run

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def server(store_in: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    store_in(folder)
    with _running(folder) as uri:
        yield uri


@contextmanager
def _running(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | quiet, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_up(f"http://127.0.0.1:{port}", process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(PATIENCE_S)


def _wait_until_up(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(log.read_text()[-2000:])


def test_a_bundle_goes_to_the_server_and_comes_back_once(server: str, tiny: Any, tmp_path: Path) -> None:
    with open_run(TrackingSection(), uri=server, name="remote") as run:
        run.metrics({"loss": 1.0}, step=0)
        run.table("figures.json", pd.DataFrame({"value": [1.0]}))
        run.folder(tiny.folder, "bundle")
    assert not run.spooled
    publish_bundle(tiny.folder, name="remote", alias="champion", uri=server, run_id=run.run_id)
    found = resolve("models:/remote@champion", server, cache=tmp_path)
    assert found.folder == tmp_path / tiny.bundle.sha256
    assert load_bundle(found.folder).sha256 == tiny.bundle.sha256
    fetched = (found.folder / "manifest.json").stat().st_mtime_ns
    assert resolve("models:/remote/1", server, cache=tmp_path) == found
    assert (found.folder / "manifest.json").stat().st_mtime_ns == fetched
    assert {path.name for path in tmp_path.iterdir()} == {tiny.bundle.sha256, "last"}


def test_of_a_server_that_went_down_it_is_told_which_bundle_its_champion_was(
    tiny: Any, store_in: Callable[[Path], str], tmp_path: Path
) -> None:
    store_in(tmp_path)
    with _running(tmp_path) as uri:
        publish_bundle(tiny.folder, name="metarisk", alias="champion", uri=uri)
        found = resolve("models:/metarisk@champion", uri, cache=tmp_path / "cache")
    advice = rf"It was version 1 on 2\d+-.*: pass {found.folder} as the model to score with that"
    with pytest.raises(RegistryError, match=advice):
        resolve("models:/metarisk@champion", uri, cache=tmp_path / "cache")
    with pytest.raises(RegistryError) as other:
        resolve("models:/metarisk@challenger", uri, cache=tmp_path / "cache")
    assert "pass" not in str(other.value)
    assert load_bundle(resolve(str(found.folder)).folder).sha256 == tiny.bundle.sha256
    (found.folder / "card.md").write_text("# better")
    with pytest.raises(RegistryError) as damaged:
        resolve("models:/metarisk@champion", uri, cache=tmp_path / "cache")
    assert str(found.folder) not in str(damaged.value)


def test_a_damaged_copy_is_fetched_again(server: str, tiny: Any, tmp_path: Path) -> None:
    publish_bundle(tiny.folder, name="damaged", alias="champion", uri=server)
    folder = resolve("models:/damaged@champion", server, cache=tmp_path).folder
    (folder / "card.md").write_text("# better")
    assert load_bundle(resolve("models:/damaged@champion", server, cache=tmp_path).folder)
