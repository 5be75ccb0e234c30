"""A piece of work in a fresh process, so that its peak memory is its own."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

from metarisk.errors import MetariskError

Result = TypeVar("Result")
Tell = Callable[[int, int], None]  # how far, and of how much
OnProgress = Callable[[str, int, int], None]

STATUS = Path("/proc/self/status")


@dataclass
class Stopwatch:
    """Time inside its blocks, the process's other work left out.

    Attributes
    ----------
    seconds
        On the wall.
    cpu_seconds
        Of every thread of the process.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens in the block."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - wall
            self.cpu_seconds += time.process_time() - cpu


@dataclass(frozen=True)
class Done(Generic[Result]):
    """What a process gave back, and the most memory it ever held, MiB."""

    result: Result
    peak_mib: float


def in_own_process(
    work: Callable[..., Result], *arguments: Any, on_progress: OnProgress, stage: str
) -> Done[Result]:
    """Run work in a process that has done nothing else.

    Parameters
    ----------
    work
        Function of a module, called with ``arguments`` and, as ``tell``, how to say how far it is.
    arguments
        Whatever it needs; sent as they are.
    on_progress
        Told the stage, what is done, and of how much.
    stage
        What the work is called.

    Raises
    ------
    MetariskError
        What the work raised; or that the process ended without an answer.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, work, arguments))
    process.start()
    there.close()
    try:
        return _await(here, lambda done, of: on_progress(stage, done, of))
    except EOFError as caught:
        process.join()
        raise MetariskError(
            f"{stage}: its process ended without an answer (exit code {process.exitcode})",
            do="Its own message, if it had time for one, stands above; -9 often means too little memory.",
        ) from caught
    finally:
        process.kill()
        process.join()
        here.close()


def _await(here: Connection, tell: Tell) -> Done[Any]:
    while True:
        kind, content = here.recv()
        if kind == "progress":
            tell(*content)
        elif kind == "refused":
            refusal, found, expected, do = content
            raise refusal(found, expected=expected, do=do)
        else:
            return Done(*content)


def _answer(there: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        result = work(*arguments, tell=lambda done, of: there.send(("progress", (done, of))))
        there.send(("done", (result, peak_mib())))
    except MetariskError as refused:
        kind = type(refused) if type(refused).__init__ is MetariskError.__init__ else MetariskError
        there.send(("refused", (kind, refused.found, refused.expected, refused.do)))


def peak_mib() -> float:
    """Most memory this process has held, MiB: resident, shared libraries included."""
    if STATUS.exists():  # ru_maxrss would count what the parent held when it started this process
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    bytes_a_unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_a_unit / 2**20
