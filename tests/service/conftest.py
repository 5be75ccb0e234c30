"""Databases of the service: SQLite, and a real PostgreSQL where Debian's package is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

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
    import time

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
