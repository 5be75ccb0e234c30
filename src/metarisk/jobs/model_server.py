"""`mlflow models serve` for as long as a block runs: a registered model over HTTP on the loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from metarisk.errors import ResourceError

LOOPBACK = "127.0.0.1"
PATIENCE_S = 120.0


@contextmanager
def model_server(
    model: str, tracking_uri: str, log: Path, *, patience_s: float = PATIENCE_S
) -> Iterator[str]:
    """Address of MLflow's own scoring server, which has loaded the model; it is gone after the block.

    Parameters
    ----------
    model
        ``models:/name@alias``.
    tracking_uri
        Registry.
    log
        File for what the server says.
    patience_s
        Seconds that it may take to answer.

    Raises
    ------
    ResourceError
        If it ends, or does not answer in time; with its last lines.
    """
    port = _free_port()
    words = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model, "--workers", "1"]
    words += ["--env-manager", "local", "--host", LOOPBACK, "--port", str(port)]
    with log.open("w") as stream:
        process = subprocess.Popen(
            words,
            env=consumer_environment(tracking_uri),
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        _await_answer(process, f"http://{LOOPBACK}:{port}", log, patience_s)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        _end(process)


def consumer_environment(tracking_uri: str) -> dict[str, str]:
    """What a process of MLflow needs to find the registry and this Python, and never to read a pickle."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return int(free.getsockname()[1])


def _await_answer(process: subprocess.Popen[bytes], address: str, log: Path, patience_s: float) -> None:
    give_up = time.monotonic() + patience_s
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with urlopen(f"{address}/ping", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    ended = process.poll()
    last = " | ".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:])
    raise ResourceError(
        f"the model server {'does not answer' if ended is None else f'ended with code {ended}'} ({last})",
        do=f"Read {log}.",
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and the workers that it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(10)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait(10)
