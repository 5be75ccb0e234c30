"""Databases of the service: SQLite, and a real PostgreSQL where Debian's package is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml
from sqlalchemy import create_engine, text

from metarisk.service.database import open_database
from metarisk.service.queue import Queue
from metarisk.service.settings import load_settings
from metarisk.service.worker import Worker
from tests.nursery import Forked, start

MANY = 2000  # eight parts: the last stands a second after the first, and a kill lands between them
POSTGRES_BINARIES = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a PostgreSQL server that lives as long as the tests, without the name of a database."""
    initdb, server = _binary("initdb"), _binary("postgres")
    if initdb is None or server is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    as_user = _another_user()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as room:
        folder = Path(room) / "data"
        folder.mkdir()
        if as_user:
            Path(room).chmod(0o755)
            shutil.chown(folder, "postgres")
        made = subprocess.run(
            [*as_user, initdb, "-D", folder, "-A", "trust", "-U", "tests", "--no-sync"],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
        )
        assert made.returncode == 0, made.stderr
        port = free_port()
        options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        child = subprocess.Popen(
            [*as_user, server, "-D", folder, *options, "-c", "fsync=off"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        try:
            _wait_for(port)
            yield f"postgresql://tests@127.0.0.1:{port}"
        finally:
            child.terminate()
            child.wait(timeout=30)


def _binary(name: str) -> str | None:
    folders = os.pathsep.join([*map(str, POSTGRES_BINARIES), os.environ.get("PATH", "")])
    return shutil.which(name, path=folders)


def _another_user() -> list[str]:
    """Words that leave root, as whom PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return []
    words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    if shutil.which("setpriv") is None or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("PostgreSQL does not run as root, and there is no user `postgres` to run it as")
    return words


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("PostgreSQL did not start in 30 s")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    server = request.getfixturevalue("postgres")
    name = f"service_{uuid4().hex[:8]}"
    address = server.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for _ in range(50):
            try:
                connection.execute(text(f"CREATE DATABASE {name}"))
                break
            except Exception:  # two tests copied the template at once
                continue
    engine.dispose()
    return f"{server}/{name}"


@dataclass
class Service:
    """A service on loopback: its settings, its server, its workers."""

    folder: Path
    url: str
    config: Path
    children: list[Forked] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """Folder below which paths may be submitted."""
        return self.folder / "root"

    def process(self, *words: str, log: str = "log") -> Forked:
        """A real `metarisk` process; its lines go to a file of the service's folder."""
        with (self.folder / log).open("ab") as stream:
            child = start("-m", "metarisk", *words, env=ENVIRONMENT, stdout=stream, stderr=stream)
        self.children.append(child)
        return child

    def serve(self) -> None:
        """Start the server and wait until it answers."""
        child = self.process("serve", "--config", str(self.config), "--port", self.url.rpartition(":")[2])
        with httpx.Client() as client:  # to make one is dear, and each `httpx.get` makes one
            for _ in range(300):
                assert child.poll() is None, self.log()
                try:
                    if client.get(f"{self.url}/healthz").status_code == 200:
                        return
                except httpx.TransportError:
                    time.sleep(0.1)
        pytest.fail("the server did not answer in 30 s")

    def work(self, *words: str) -> Forked:
        """Start a worker."""
        return self.process("work", "--config", str(self.config), *words)

    def work_here(self) -> None:
        """Do all jobs that wait in this process, which has torch in memory already."""
        settings = load_settings(self.config, {})
        engine = open_database(settings.database_uri)
        Worker(settings, Queue(engine, lease_s=settings.lease_s)).run(until_empty=True)
        engine.dispose()

    def set(self, **keys: Any) -> None:
        """Change settings; processes that start from now on read them."""
        self.config.write_text(yaml.safe_dump({**yaml.safe_load(self.config.read_text()), **keys}))

    def log(self) -> str:
        """Every line of every process."""
        return (self.folder / "log").read_text()

    def wait(self, job: str, *states: str, seconds: float = 60.0) -> dict[str, Any]:
        """The job once it is in one of these states."""
        until = time.monotonic() + seconds
        with httpx.Client() as client:
            while time.monotonic() < until:
                answer: dict[str, Any] = client.get(f"{self.url}/v1/jobs/{job}").json()
                if answer["state"] in states:
                    return answer
                time.sleep(0.05)
        pytest.fail(f"the job is {answer['state']}: {self.log()[-2000:]}")

    def wait_for_part(self, job: str, seconds: float = 60.0) -> None:
        """Return when a part of a job's scores stands: it is midway, however fast the machine is."""
        parts = self.folder / "data" / "jobs" / job / "result.unfinished" / "parts"
        until = time.monotonic() + seconds
        while not any(parts.glob("[0-9]*.parquet")):
            assert time.monotonic() < until, self.log()[-2000:]
            time.sleep(0.005)

    def submit(self, path: str, **options: Any) -> str:
        """Id of a new job over samples below the root."""
        answer = httpx.post(f"{self.url}/v1/jobs", json={"path": path}, **options)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def result(self, job: str) -> dict[str, bytes]:
        """Every file of a job's result."""
        folder = self.folder / "data" / "jobs" / job / "result"
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}

    def end(self) -> None:
        """Kill what still runs."""
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()


ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    "OMP_NUM_THREADS": "1",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}


def write_samples(path: Path, count: int, prefix: str = "S") -> Path:
    """A table of samples with an age each."""
    rows = "".join(f"{prefix}{row:05d}\t{40 + row % 45}.5\n" for row in range(count))
    path.write_text(f"sample_id\tage_years\n{rows}")
    return path


def make_service(folder: Path, model: Path | str, **keys: Any) -> Service:
    """A service that has not been started."""
    (folder / "root").mkdir()
    config = folder / "service.yaml"
    settings = {"data": "data", "models": {"small": str(model)}, "roots": ["root"], "poll_s": 0.1, **keys}
    config.write_text(yaml.safe_dump(settings))
    return Service(folder, f"http://127.0.0.1:{free_port()}", config)


@pytest.fixture
def service(tiny_model: Any, tmp_path: Path) -> Iterator[Service]:
    """A service with a server, and no worker yet."""
    made = make_service(tmp_path, tiny_model.folder, lease_s=2.0)
    made.serve()
    yield made
    made.end()
