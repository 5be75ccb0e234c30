"""A connection to MLflow: imported when first needed, quiet, with short waits, its errors told as ours."""

from __future__ import annotations

import logging
import os
import re
import socket
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from metarisk.errors import RegistryError

# MLflow reads these when it is imported; what the operator has set stays. Its own patience with a server
# that is down is several minutes.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
SQLITE = "sqlite:///"
ARTIFACTS = "mlartifacts"
LOCK_WAIT_S = 5.0
ANSWER_WAIT_S = 10.0
# Exactly these types: the retellings of `requests` are OSErrors as well.
_SYSTEM_ERRORS = (
    *(ConnectionRefusedError, ConnectionResetError, TimeoutError, PermissionError, OSError),
    *(socket.gaierror, sqlite3.OperationalError, sqlite3.DatabaseError),
)


def default_uri(folder: Path) -> str:
    """Tracking URI of the sqlite store that belongs to an output folder."""
    return f"{SQLITE}{folder.resolve() / 'mlflow.db'}"


def load_mlflow() -> Any:
    """The mlflow package; raises `RegistryError` where it is not installed."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        with quiet():
            import mlflow
    except ImportError as error:
        raise RegistryError(
            "MLflow is not installed, and runs and registered models need it",
            do="Install it with: pip install 'metarisk[mlflow]'.",
        ) from error
    return mlflow


def connect(uri: str, *, write: bool) -> Any:
    """Client of a store.

    Parameters
    ----------
    uri
        Any MLflow tracking URI. A sqlite store that does not exist is made where ``write`` allows it.
    write
        Whether anything will be written.

    Raises
    ------
    RegistryError
        If MLflow is not installed, or the store to read does not exist.
    """
    mlflow = load_mlflow()
    path = sqlite_path(uri)
    if path is not None and path.exists():
        _check_unlocked(path, write=write)
    if uri.startswith(("http://", "https://")):
        _check_answers(uri)
    if path is not None and not path.exists() and not write:
        raise RegistryError(
            f"there is no registry at {path}",
            expected="the sqlite file that `publish` wrote to, or the address of a server",
            do="Pass it as the tracking URI, e.g. sqlite:////data/mlflow.db.",
        )
    with quiet():
        return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


def failures() -> tuple[type[Exception], ...]:
    """What MLflow raises when a store is down, locked, refuses, or is none."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return (MlflowException, SQLAlchemyError, sqlite3.Error, OSError)


@contextmanager
def told(uri: str, *, do: str = "") -> Iterator[None]:
    """Whatever MLflow raises inside, as a `RegistryError`; ``do`` is advice beside the usual."""
    load_mlflow()
    try:
        yield
    except failures() as error:
        raise RegistryError(
            f"{shown(uri)} refused: {reason(error, uri)}",
            do=f"Check the tracking URI, and that the store is up and may be used.{do and ' '}{do}",
        ) from error


def experiment_id(client: Any, uri: str, name: str) -> str:
    """Id of an experiment, made if need be; a sqlite store keeps its artifacts in a folder beside it."""
    path = sqlite_path(uri)
    folder = None if path is None else (path.parent / ARTIFACTS).as_uri()
    try:
        return str(client.create_experiment(name, artifact_location=folder))
    except failures():
        # It exists; two runs that start at once may both get here.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def sqlite_path(uri: str) -> Path | None:
    """File of a sqlite store, None for any other."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0]).resolve() if uri.startswith(SQLITE) else None


def shown(uri: str) -> str:
    """A store's address without user name and password."""
    return re.sub(r"(://)[^/@]+@", r"\1", uri)


def reason(error: BaseException, uri: str) -> str:
    """Why a store failed, in one line: the system's own words where it has some, without credentials."""
    told = error
    cause: BaseException | None = error
    while cause is not None:
        # "Connection refused" and "database is locked" lie under several layers of retelling.
        told = cause if type(cause) in _SYSTEM_ERRORS else told
        cause = cause.__cause__ or cause.__context__
    lines = str(told).strip().splitlines() or [type(told).__name__]
    return shown(lines[0].replace(uri, shown(uri)))[:300].rstrip(". ")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's notices of making its tables, and warnings among its dependencies, out of our output."""
    tables = logging.getLogger("mlflow.store.db.utils")
    level = tables.level
    tables.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        tables.setLevel(level)


def _check_unlocked(path: Path, *, write: bool) -> None:
    """Ask for the lock once; MLflow itself would wait, log a traceback and wait again."""
    with closing(sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        database.execute("SELECT count(*) FROM sqlite_master")
        database.execute("ROLLBACK")


def _check_answers(uri: str) -> None:
    """Ask a server for anything at all; of one that accepts and is silent MLflow itself would wait minutes.

    Raises
    ------
    OSError
        If it cannot be reached, or does not answer in time.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.parse import urlsplit, urlunsplit
    from urllib.request import urlopen

    parts = urlsplit(uri)
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], f"{parts.path}/health", "", ""))
    try:
        with urlopen(bare, timeout=ANSWER_WAIT_S):
            pass
    except HTTPError as answer:
        answer.close()  # a refusal is an answer: MLflow knows the way in
    except HTTPException as error:
        raise ConnectionResetError(f"it does not speak HTTP ({type(error).__name__})") from error
