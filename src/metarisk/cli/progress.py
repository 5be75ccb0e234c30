"""How far a long job is: bars on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from metarisk.cli.show import console

OnProgress = Callable[[str, int, int], None]
TENTHS = 10


@contextmanager
def progress() -> Iterator[OnProgress]:
    """A callback that takes what is done, how far, and of how much; it writes to stderr.

    A stage that ends early (a fit that stops, say) is completed when the next one starts.
    """
    if sys.stderr.isatty():
        with _bars() as report:
            yield report
    else:
        yield plain_lines()


def plain_lines(write: Callable[[str], None] | None = None) -> OnProgress:
    """A callback that writes a line at the start of a stage and at each tenth of it.

    Parameters
    ----------
    write
        Takes a line; stderr if None.
    """
    told: dict[str, int] = {}

    def report(stage: str, done: int, of: int) -> None:
        tenth = TENTHS * done // max(of, 1)
        if tenth > told.get(stage, -1):
            told[stage] = tenth
            (write or _to_stderr)(f"{stage}: {done} of {of}")

    return report


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _bars() -> Iterator[OnProgress]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True)) as bars:
        stages: dict[str, TaskID] = {}

        def report(stage: str, done: int, of: int) -> None:
            if stage not in stages:
                for earlier in bars.tasks:
                    bars.update(earlier.id, completed=earlier.total)
                stages[stage] = bars.add_task(stage, total=of)
            bars.update(stages[stage], completed=done, total=of)

        yield report
