"""A real MLflow server: bundles travel over HTTP and are kept by their hash."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metarisk.config.experiment import TrackingSection
from metarisk.models.bundle import load_bundle
from metarisk.tracking.registry import publish_bundle, resolve
from metarisk.tracking.run import open_run

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
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
    assert [path.name for path in tmp_path.iterdir()] == [tiny.bundle.sha256]


def test_a_damaged_copy_is_fetched_again(server: str, tiny: Any, tmp_path: Path) -> None:
    publish_bundle(tiny.folder, name="damaged", alias="champion", uri=server)
    folder = resolve("models:/damaged@champion", server, cache=tmp_path).folder
    (folder / "card.md").write_text("# better")
    assert load_bundle(resolve("models:/damaged@champion", server, cache=tmp_path).folder)
