"""A worker: claims a job, scores it under a lease, hands the result over, and claims the next."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from datetime import UTC, datetime
from types import FrameType
from uuid import uuid4

from metarisk.errors import InputError, MetariskError, OutputError, RegistryError, ResourceError
from metarisk.service.folders import DataFolder
from metarisk.service.heart import Heart
from metarisk.service.pinning import pin_model
from metarisk.service.queue import Job, Queue
from metarisk.service.schedule import submit_due
from metarisk.service.scoring import score_job, unexpected, whole_result
from metarisk.service.settings import Settings
from metarisk.service.submission import Desk
from metarisk.service.sweeping import sweep

SWEEP_EVERY_S = 60.0
SCHEDULE_EVERY_S = 10.0
DATABASE_WAIT_S = 5.0
# What another try, on this machine or the next, may not meet again.
PASSING = (OutputError, RegistryError, ResourceError)
_log = logging.getLogger(__name__)


class Worker:
    """One process's loop.

    Parameters
    ----------
    settings
        The service.
    queue
        Its jobs.
    """

    def __init__(self, settings: Settings, queue: Queue) -> None:
        self.name = f"{socket.gethostname()[:60]}-{os.getpid()}-{uuid4().hex[:6]}"
        self._settings = settings
        self._queue = queue
        self._desk = Desk(settings, queue)
        self._folder: DataFolder = self._desk.folder
        self._leave = threading.Event()
        self._swept_s = self._scheduled_s = float("-inf")

    def leave_on_signals(self) -> None:
        """End after the part at hand when the system asks for it; the job goes back to the queue."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_leave)

    def run(self, *, until_empty: bool = False) -> int:
        """Work until told to leave; the number of jobs that were ended.

        Parameters
        ----------
        until_empty
            Leave as soon as no job waits.
        """
        ended = 0
        _log.info("worker %s begins", self.name)
        while not self._leave.is_set():
            try:
                self._look_after()
                job = self._queue.claim(self.name)
                ended += job is not None and self.work(job)
            except ResourceError as error:
                _log.warning("worker %s waits: %s", self.name, error.found)
                self._leave.wait(DATABASE_WAIT_S)
                continue
            if job is None and until_empty:
                break
            if job is None:
                self._leave.wait(self._settings.poll_s)
        _log.info("worker %s ends after %d jobs", self.name, ended)
        return ended

    def work(self, job: Job) -> bool:
        """One try at a job; True where that ended it."""
        started_s = time.monotonic()
        out = self._folder.result(job.id)
        out.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        error: Exception | None = None
        leaving, stalled_s = self._leave.is_set, self._settings.stalled_s
        with Heart(self._queue, job, leaving, stalled_s=stalled_s, on_stall=_end_hung_process) as heart:
            try:
                pinned = self._pinned(job)
                if pinned is not None:
                    score_job(
                        pinned,
                        out,
                        tracking_uri=self._settings.tracking_uri,
                        progress=heart.progress,
                        stop=heart.stop,
                    )
            except Exception as caught:  # a bug of ours must end this job, not the worker
                error = caught
        told = self._tell(job, heart, error)
        _log.info("job %s try %d: %s after %.1f s", job.id, job.attempt, told, time.monotonic() - started_s)
        return told in {"done", "failed", "cancelled"}

    def _pinned(self, job: Job) -> Job | None:
        if job.pinned is not None:
            return job
        pin = pin_model(
            job.model_location, tracking_uri=self._settings.tracking_uri, models=self._folder.models
        )
        return self._queue.pin(job, pinned=pin.location, version=pin.version, sha256=pin.sha256)

    def _tell(self, job: Job, heart: Heart, error: Exception | None) -> str:
        """Tell the queue how a try ended, in the order of what weighs most; the ending's name."""
        if heart.lost:
            return "lease lost"
        if heart.cancelled:
            self._folder.drop_result(job.id)
            return "cancelled" if self._queue.stopped(job) else "lease lost"
        counts = whole_result(self._folder.result(job.id))
        if counts is not None:
            return "done" if self._queue.finish(job, counts) else "lease lost"
        if self._leave.is_set():
            return "given back" if self._queue.give_back(job) else "lease lost"
        return self._tell_error(job, error)

    def _tell_error(self, job: Job, error: Exception | None) -> str:
        if isinstance(error, PASSING):
            self._queue.retry(job, error, wait_s=self._queue.lease_s / 2)
            return f"put off ({type(error).__name__})"
        if not isinstance(error, MetariskError):
            where = unexpected(error) if error else "no result and no error"
            _log.error("job %s: a bug of ours: %s", job.id, where)
            error = ResourceError(
                "the scoring code met an error that it should not", do="Report it with the job's id."
            )
        elif not isinstance(error, InputError):  # it may name folders of the service, not of the asker
            _log.error("job %s: %s", job.id, error)
            error = ResourceError(
                "the model or the disk of the service cannot be used",
                do="Ask whoever runs it: the log has the reason under the job's id.",
            )
        if not self._queue.fail(job, error):
            return "lease lost"
        self._folder.drop_result(job.id)
        return "failed"

    def _look_after(self) -> None:
        """What some worker must do now and then: the day's schedules, results past their time."""
        if time.monotonic() - self._scheduled_s > SCHEDULE_EVERY_S:
            self._scheduled_s = time.monotonic()
            submit_due(self._settings.schedules, self._desk, datetime.now(UTC))
        if time.monotonic() - self._swept_s > SWEEP_EVERY_S:
            self._swept_s = time.monotonic()
            sweep(self._queue, self._folder, self._settings.keep_days)

    def _told_to_leave(self, number: int, frame: FrameType | None) -> None:
        self._leave.set()


def _end_hung_process() -> None:
    """End at once, whatever the main thread is stuck in; who started the worker starts another."""
    logging.shutdown()
    os._exit(os.EX_TEMPFAIL)
