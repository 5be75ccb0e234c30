"""Processes of Python that need not import torch anew: forked by one that has it in memory.

A fresh interpreter spends two to four seconds of a processor on imports before its first line of work. Where
a claim is about what a process does (killed, side by side, asked over HTTP) and not about how it starts, the
test has it forked here. It is a process of its own all the same: its own number, folder, environment,
streams, signals and exit code. Start-up itself is tested in `tests/cli/test_first_score.py` and
`tests/cli/test_help.py`, memory from a fresh start in the tests that measure it.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

IN_MEMORY = (
    *("metarisk.cli", "metarisk.jobs.train", "metarisk.jobs.score", "metarisk.models.scoring", "sklearn"),
    *(
        "metarisk.service.api",
        "metarisk.service.worker",
        "metarisk.tracking.run",
        "metarisk.tracking.registry",
    ),
    *("pyarrow.parquet", "scipy.stats", "mlflow", "mlflow.pyfunc", "torch", "uvicorn"),
)
MESSAGE, FILES = 1 << 20, 3
GONE = 70  # the nursery or a parent of the process ended first


class Forked:
    """A process of the nursery, as `subprocess.Popen` shows one."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self.returncode: int | None = None
        self.pid = int(self._hear(None) or 0)
        assert self.pid, "the nursery ended: see above"

    def _hear(self, timeout: float | None) -> str:
        self._told.settimeout(timeout)
        return self._told.recv(64).decode()

    def poll(self) -> int | None:
        """Exit code, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Exit code once it has ended, the negative number of a signal that ended it."""
        if self.returncode is None:
            try:
                self.returncode = int(self._hear(timeout) or GONE)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("forked", timeout or 0) from None
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def start(
    *words: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: IO[Any] | int = subprocess.DEVNULL,
    stderr: IO[Any] | int = subprocess.DEVNULL,
) -> Forked:
    """A process that does what `python WORDS` does; words begin with ``-m MODULE`` or ``-c CODE``."""
    told, teller = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    task = {"words": words, "env": dict(os.environ if env is None else env), "cwd": str(cwd or Path.cwd())}
    with teller, Path(os.devnull).open("r+") as nothing:
        streams = [nothing.fileno() if isinstance(to, int) else to.fileno() for to in (stdout, stderr)]
        socket.send_fds(_nursery(), [json.dumps(task).encode()], [teller.fileno(), *streams])
    return Forked(told)


def run(*words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """What such a process said and how it ended; ``env``, ``cwd`` and ``timeout`` may be given."""
    return run_at_once(words, **how)[0]


def run_at_once(
    *commands: Sequence[str],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> list[subprocess.CompletedProcess[str]]:
    """The same of several that start together; whoever still runs after the time is killed."""
    with ExitStack() as files:
        streams = [tuple(files.enter_context(TemporaryFile("w+")) for _ in "oe") for _ in commands]
        children = [
            start(*words, env=env, cwd=cwd, stdout=out, stderr=err)
            for words, (out, err) in zip(commands, streams, strict=True)
        ]
        try:
            codes = [child.wait(timeout) for child in children]
        finally:
            for child in children:
                child.kill()
        told = [[_from_its_start(file) for file in pair] for pair in streams]
    return [
        subprocess.CompletedProcess(words, code, *said)
        for words, code, said in zip(commands, codes, told, strict=True)
    ]


def _from_its_start(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


@cache
def _nursery() -> socket.socket:
    """Line to the nursery of this process, which ends with the line."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        child = subprocess.Popen(
            [sys.executable, "-P", __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
        )
    atexit.register(child.wait)
    atexit.register(ours.close)
    return ours


def serve(line: socket.socket) -> None:
    """In the nursery: import, then fork for each task until the line ends."""
    for module in IN_MEMORY:
        __import__(module)
    gc.freeze()  # what is there now is nothing that a process has to look through at its end
    signal.signal(signal.SIGCHLD, bury)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        message, files, _, _ = socket.recv_fds(line, MESSAGE, FILES)
        if not message:
            return None
        if os.fork() == 0:
            line.close()
            return parent(json.loads(message), socket.socket(fileno=files[0]), files[1:])
        for file in files:
            os.close(file)


def bury(*_: object) -> None:
    """Wait for every parent that has ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def parent(task: dict[str, Any], teller: socket.socket, streams: Sequence[int]) -> None:
    """Fork the process itself, tell its number and, when it has ended, its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        teller.close()
        return become(task, streams)
    for stream in streams:
        os.close(stream)
    teller.send(str(pid).encode())
    child = os.pidfd_open(pid)
    ended, _, _ = select.select([child, teller], [], [])
    if child not in ended:  # whoever asked for it is gone
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        teller.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def become(task: dict[str, Any], streams: Sequence[int]) -> None:
    """Be the process that was asked for."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setpgid(0, 0)
    for stream, at in zip(streams, (1, 2), strict=True):
        os.dup2(stream, at)
        os.close(stream)
    os.environ.clear()
    os.environ.update(task["env"])
    os.chdir(task["cwd"])
    kind, what, *rest = task["words"]
    sys.argv = ["-c", *rest] if kind == "-c" else [what, *rest]
    if kind == "-c":
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
