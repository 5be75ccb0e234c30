"""A connection to Ray: a Ray of our own that nobody else can reach, or a cluster that runs already."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from metarisk.errors import ResourceError, StoppedError

STORE_BYTES = 512 << 20  # of shared memory, for the portions in flight
LOOPBACK = "127.0.0.1"
PREFIX, LOCK = "metarisk-ray-", "lock"
LONGEST = 38  # letters of Ray's folder: sockets lie seventy below it, and their paths may have 107 or so
ANSWER_S = 5.0  # a cluster that is there takes a connection within milliseconds
NO_ADDRESS = "Check the address, or leave it out to use this machine."


@dataclass(frozen=True)
class RayPlan:
    """Where to score.

    Attributes
    ----------
    workers
        Actors of one CPU each; as many as Ray has CPUs if None.
    address
        A running cluster, as `ray.init` takes it; a Ray of our own on this machine, reachable from nowhere
        else and gone afterwards, if None. Every node of a cluster needs this version of metarisk.
    """

    workers: int | None = None
    address: str | None = None


@contextmanager
def connected(plan: RayPlan) -> Iterator[Any]:
    """Ray, until the block ends; the connection that the caller has already is used and stays.

    Raises
    ------
    ResourceError
        If Ray is not installed, does not start, does not answer, or would listen beyond the loopback.
    StoppedError
        If the process was told to end while Ray started.
    """
    ray = _load_ray(plan)
    if ray.is_initialized():
        yield ray
        return
    with ExitStack() as ending:
        if plan.address is None:
            options = _alone(plan, ending.enter_context(_scratch_folder()))
        else:
            _check_answers(plan.address)
            options = {"address": plan.address}
        _start(ray, plan, options)
        ending.callback(_end, ray)
        if plan.address is None:
            _check_loopback(ray)
        yield ray


def _alone(plan: RayPlan, folder: Path) -> dict[str, Any]:
    return {
        "address": "local",
        "num_cpus": plan.workers or os.cpu_count(),
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
        "_node_ip_address": LOOPBACK,
        "_temp_dir": str(folder),
    }


def _start(ray: Any, plan: RayPlan, options: dict[str, Any]) -> None:
    try:
        with _signals_kept():
            ray.init(log_to_driver=False, logging_level="error", configure_logging=False, **options)
    except SystemExit as ended:  # Ray's answer to SIGTERM
        raise StoppedError("stopped while Ray was starting", do="The same command begins anew.") from ended
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _unreachable(plan.address or "this machine", error) from error


def _end(ray: Any) -> None:
    with _signals_kept():
        ray.shutdown()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Signals mean afterwards what they meant before: Ray takes SIGTERM for itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, heeded in before.items():
            signal.signal(number, heeded)


def _check_answers(address: str) -> None:
    """Ask whether anybody is there: Ray would ask for minutes."""
    named = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = named.hostname, named.port
        if host is not None and port is not None:
            socket.create_connection((host, port), timeout=ANSWER_S).close()
    except (OSError, ValueError) as error:
        raise _unreachable(address, error) from error


def _check_loopback(ray: Any) -> None:
    """What has Ray listen where is an environment variable that it reads when it is imported."""
    if ray.util.get_node_ip_address() != LOOPBACK:
        raise ResourceError(
            "Ray listens beyond this machine: it was imported before it could be told otherwise",
            expected=f"a Ray of our own on {LOOPBACK} only",
            do="Set RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 before it is imported, or connect to a Ray first.",
        )


def _unreachable(what: str, error: Exception) -> ResourceError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return ResourceError(f"Ray cannot be reached at {what} ({reason})", do=NO_ADDRESS)


def _load_ray(plan: RayPlan) -> Any:
    """Ray, which takes seconds to import, told to report to nobody.

    It reads how to authenticate and where to listen when it is imported. A Ray of our own listens on the
    loopback, to whoever has a token that is made here and kept in memory; left to itself Ray would listen on
    every network, and keep a token in the home folder.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # its default, 15, starves workers on a busy machine
    if plan.address is None and "ray" not in sys.modules:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # its name apart: nodes are on the loopback
        if "RAY_AUTH_MODE" not in os.environ:
            os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    try:
        import ray
    except ImportError as error:
        raise ResourceError(
            "ray is not installed",
            expected="ray 2.50 or later for `--engine ray`",
            do="Install it with `pip install 'metarisk[ray]'`, or use `--engine process`.",
        ) from error
    return ray


@contextmanager
def _scratch_folder() -> Iterator[Path]:
    """Folder for Ray's sockets, logs and overflow that only this user can enter; gone with its process.

    Ray opens its own folder to everybody, so it lies one deeper. What a killed process left is removed by the
    next one: samples may lie in it.
    """
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        if len(str(folder)) > LONGEST:
            raise ResourceError(
                f"Ray's sockets have no room below {folder.parent}",
                expected=f"a temporary folder of {LONGEST - len(folder.name) - 1} letters or fewer",
                do="Set TMPDIR to a shorter one, or use `--engine process`.",
            )
        with (folder / f"{LOCK}.new").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / f"{LOCK}.new").rename(folder / LOCK)  # nobody sees it without its holder
            yield folder / "ray"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError):  # of another user, in use, or just gone
            if lock.parent.is_symlink() or lock.parent.stat().st_uid != os.getuid():
                continue
            with lock.open("a") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
