"""Interrupt and termination as a question that a long job asks when it suits it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
KILLED_BY = 128  # what a shell adds to a signal's number


class StopAsked:
    """Whether this process was asked to end; calling it tells."""

    def __init__(self) -> None:
        self._received: int | None = None

    def __call__(self) -> bool:
        """True once a signal came."""
        return self._received is not None

    @property
    def exit_code(self) -> int:
        """What a process ends with that such a signal ended."""
        return KILLED_BY + (self._received or signal.SIGTERM)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; the second one interrupts at once."""
        if self._received is not None:
            raise KeyboardInterrupt
        self._received = number


@contextmanager
def stop_on_signals() -> Iterator[StopAsked]:
    """Note SIGINT and SIGTERM while the block runs; one that this process was started to ignore stays so."""
    asked = StopAsked()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    try:
        for number in heeded:
            signal.signal(number, asked.receive)
        yield asked
    finally:
        for number in heeded:
            signal.signal(number, before[number])
