"""A worker's heartbeat: it renews the lease, tells how far the job is, and hears that it should stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from metarisk.errors import ResourceError
from metarisk.service.queue import Job, Queue

LONGEST_BEAT_S = 1.0
_log = logging.getLogger(__name__)


class Heart(threading.Thread):
    """Beats for as long as its block runs and goes on.

    Parameters
    ----------
    queue, job
        What is held.
    leaving
        True once the worker was told to end.
    stalled_s
        Seconds without progress after which the block is taken for hung: the lease is let go.
    on_stall
        Called then, from this thread: the block, which hears nothing, cannot end itself.

    Attributes
    ----------
    lost
        True where another may have the job: whatever this worker still does counts for nothing.
    cancelled
        True where the job's owner cancelled it.
    """

    def __init__(
        self,
        queue: Queue,
        job: Job,
        leaving: Callable[[], bool],
        *,
        stalled_s: float,
        on_stall: Callable[[], object],
    ) -> None:
        super().__init__(name=f"heart of {job.id}", daemon=True)
        self.lost = False
        self.cancelled = job.cancel_asked
        self._queue = queue
        self._job = job
        self._leaving = leaving
        self._progress = (job.stage, job.done, job.of)
        self._ended = threading.Event()
        self._stalled_s = stalled_s
        self._on_stall = on_stall
        self._moved_s = time.monotonic()
        self._held_until_s = self._moved_s + queue.lease_s

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self.join()

    def progress(self, stage: str, done: int, of: int) -> None:
        """Note how far the job is; it is told with the next beat."""
        self._progress = (stage, done, of)
        self._moved_s = time.monotonic()

    def stop(self) -> bool:
        """True where the job should stop after the part that it is at."""
        return self.lost or self.cancelled or self._leaving()

    def run(self) -> None:
        """Beat until the block ends or hangs, or the lease is lost."""
        beat_s = min(self._queue.lease_s / 4, LONGEST_BEAT_S)
        while not (self.lost or self._ended.wait(beat_s)):
            silent_s = time.monotonic() - self._moved_s
            if silent_s <= self._stalled_s:
                self._beat()
                continue
            _log.error("job %s: no progress for %.0f s, given up", self._job.id, silent_s)
            self.lost = True
            self._on_stall()

    def _beat(self) -> None:
        stage, done, of = self._progress
        started_s = time.monotonic()
        try:
            pulse = self._queue.renew(self._job, stage=stage, done=done, of=of)
        except ResourceError as error:
            _log.warning("job %s: the lease could not be renewed (%s)", self._job.id, error.found)
            self.lost = time.monotonic() > self._held_until_s
            return
        self._held_until_s = started_s + self._queue.lease_s
        self.lost = not pulse.held
        self.cancelled = pulse.cancel or self.cancelled
