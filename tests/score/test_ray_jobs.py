"""`metarisk score --engine ray` as an operator has it: killed, stopped, with bad rows, on a cluster."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import metarisk
from metarisk.jobs.benchmark_score import write_table
from metarisk.models.bundle import ModelBundle
from metarisk.score.ray_connection import PREFIX
from tests.nursery import Forked, run, start

# Ray is not imported to find out: it reads where to listen when it is.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="pip install 'metarisk[ray]'"),
]
ROWS, PATIENCE_S = 1500, 120
SOME_SET_ASIDE, REFUSED = 1, 2
RAY = ("--engine", "ray", "--workers", "2")


@dataclass(frozen=True)
class Asked:
    """A model, a table with bad rows, and the scores of a job that nobody disturbed."""

    model: Path
    table: Path
    scores: dict[str, bytes]


def command(asked: Asked, out: Path, *options: str) -> list[str]:
    return ["-m", "metarisk", "score", str(asked.model), str(asked.table), "--out", str(out), *options]


def ends(
    asked: Asked, out: Path, *options: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A job that ran to its end."""
    return run(*command(asked, out, *options), env=environment, timeout=PATIENCE_S)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def await_that(happened: Callable[[], object], process: Forked | subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not happened():
        assert process.poll() is None, "it ended first"
        assert time.monotonic() < until
        time.sleep(0.01)


@contextmanager
def midway(asked: Asked, out: Path, log: int | IO[str] = subprocess.DEVNULL) -> Iterator[Forked]:
    """A job on Ray that wrote a part or more and is not done; its process group is its own."""
    job = start(*command(asked, out, *RAY), stderr=log)
    try:
        parts = out.with_name(f"{out.name}.unfinished") / "parts"
        await_that(lambda: any(parts.glob("[0-9]*.parquet")), job)
        yield job
    finally:
        job.kill()
        job.wait()


@pytest.fixture(scope="module")
def asked(bundle: ModelBundle, tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("asked")
    write_table(bundle, ROWS, 100, 0, folder / "samples.parquet")
    table = pq.read_table(folder / "samples.parquet")
    columns = {name: table[name].to_pylist() for name in ("sample_id", "age_years")}
    columns["age_years"][400] = 700.0  # no age
    columns["sample_id"][800] = columns["sample_id"][3]  # an id that stands twice
    columns["sample_id"][1400] = "../S"  # no id
    for name, cells in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(cells))
    pq.write_table(table, folder / "samples.parquet")
    asked = Asked(tiny_model.folder, folder / "samples.parquet", {})
    assert ends(asked, folder / "out").returncode == SOME_SET_ASIDE
    asked.scores.update(bytes_of(folder / "out"))
    return asked


def test_bad_rows_are_set_aside_and_audited_the_same(asked: Asked, tmp_path: Path) -> None:
    ended = ends(asked, tmp_path / "out", *RAY)
    assert ended.returncode == SOME_SET_ASIDE, ended.stderr
    assert "3 rows, see" in ended.stdout
    assert bytes_of(tmp_path / "out") == asked.scores
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_killed_job_goes_on_and_what_its_ray_left_is_gone(asked: Asked, tmp_path: Path) -> None:
    out, before = tmp_path / "out", scratch_folders()
    with midway(asked, out) as job:
        left = scratch_folders() - before
        job.kill()
    assert left
    assert left <= scratch_folders()
    assert not out.exists()
    ended = ends(asked, out, *RAY)
    assert ended.returncode == SOME_SET_ASIDE, ended.stderr
    assert bytes_of(out) == asked.scores
    assert not left & scratch_folders(), "what the killed job's Ray left is still there"


def scratch_folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))


@pytest.mark.parametrize(("told", "exit_code"), [("terminate", 143), ("interrupt", 130)])
def test_a_job_that_is_told_to_end_says_how_far_it_came(
    asked: Asked, told: str, exit_code: int, tmp_path: Path
) -> None:
    """SIGTERM to the job alone; Ctrl-C, which a terminal sends to Ray's processes too."""
    out = tmp_path / "out"
    with (tmp_path / "log").open("w+") as log:
        with midway(asked, out, log) as job:
            if told == "terminate":
                job.terminate()
            else:
                os.killpg(job.pid, signal.SIGINT)
            job.wait(PATIENCE_S)
        log.seek(0)
        said = log.read()
    assert job.returncode == exit_code, said
    assert f"of {ROWS} samples are done. What is done lies in out.unfinished" in said
    assert ends(asked, out).returncode == SOME_SET_ASIDE
    assert bytes_of(out) == asked.scores


def test_nobody_at_an_address_is_told_within_seconds(asked: Asked, tmp_path: Path) -> None:
    began = time.monotonic()
    ended = ends(asked, tmp_path / "out", *RAY, "--ray-address", "127.0.0.1:1")
    assert ended.returncode == REFUSED
    assert "Ray cannot be reached at 127.0.0.1:1 ([Errno 111] Connection refused). Check" in ended.stderr
    assert time.monotonic() - began < 30
    assert not list(tmp_path.iterdir())


@dataclass(frozen=True)
class Cluster:
    """A Ray that was there before and stays: two CPUs, on the loopback."""

    address: str
    environment: dict[str, str]


@contextmanager
def running_cluster(python_path: str) -> Iterator[Cluster]:
    environment = {
        **os.environ,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    port = free_port()
    words = ["start", "--head", "--block", "--port", str(port), "--num-cpus", "2"]
    words += ["--include-dashboard", "false", "--object-store-memory", str(100 << 20)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [Path(sys.executable).with_name("ray"), *words, "--temp-dir", f"{folder}/ray"],
            env={**environment, "PYTHONPATH": python_path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as head,
    ):
        try:
            await_that(lambda: any(Path(folder).glob("ray/session_2*/sockets/raylet")), head)
            yield Cluster(f"127.0.0.1:{port}", environment)
        finally:
            head.terminate()
            head.wait(PATIENCE_S)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_a_cluster_that_runs_already_scores_and_goes_on_running(asked: Asked, tmp_path: Path) -> None:
    """Its address comes from RAY_ADDRESS; a worker that finds no CPU is not waited for."""
    with running_cluster(os.environ.get("PYTHONPATH", "")) as cluster:
        environment = {**cluster.environment, "RAY_ADDRESS": cluster.address}
        ended = ends(asked, tmp_path / "out", "--engine", "ray", "--workers", "3", environment=environment)
        socket.create_connection(("127.0.0.1", int(cluster.address.split(":")[1])), timeout=10).close()
    assert ended.returncode == SOME_SET_ASIDE, ended.stderr
    assert bytes_of(tmp_path / "out") == asked.scores


def test_a_node_of_another_version_is_refused(asked: Asked, tmp_path: Path) -> None:
    """Its metarisk is this one under another number."""
    other = tmp_path / "other" / "metarisk"
    other.mkdir(parents=True)
    for path in Path(metarisk.__file__).parent.iterdir():
        if path.name != "__init__.py":
            (other / path.name).symlink_to(path)
    (other / "__init__.py").write_text('__version__ = "0.0.9"\n')
    with running_cluster(str(other.parent)) as cluster:
        address = ("--ray-address", cluster.address)
        ended = ends(asked, tmp_path / "out", *RAY, *address, environment=cluster.environment)
    assert ended.returncode == REFUSED
    assert "a worker of Ray has metarisk 0.0.9, " in ended.stderr
    assert f"; expected metarisk {metarisk.__version__}, " in ended.stderr
    assert not (tmp_path / "out").exists()
