"""A watched folder: what appears there is scored once, and what came of it is put beside it.

::

    FOLDER/NAME            put here by renaming, or with NAME.done beside it, or left alone for a while
    FOLDER/taken/<id>/     NAME while it is worked on; <id> is the job's key, so a kill is made good
    FOLDER/done/NAME/      the scores
    FOLDER/failed/NAME/    why there are none, and NAME itself

Names that begin with a full stop or end in ``.part`` or ``.tmp`` are not looked at. Any number of watchers
may look at one folder: renaming decides who takes a file, a lock who hands its result over.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple
from uuid import uuid4

from metarisk.errors import InputError, MetariskError, OutputError, ResourceError
from metarisk.service.queue import DONE, ENDED, Job
from metarisk.service.submission import Asker, Desk

OWNER = "(watched folder)"  # no token can have this name
TAKEN, DONE_FOLDER, FAILED_FOLDER = "taken", "done", "failed"
OWN = frozenset({TAKEN, DONE_FOLDER, FAILED_FOLDER})
UNFINISHED = (".part", ".tmp")
MARKER = ".done"
LOCK, CLAIM, REASON = ".lock", ".claim", "reason.txt"
STALE_S = 600.0
_log = logging.getLogger(__name__)


class Look(NamedTuple):
    """What an entry looked like, and since when.

    Attributes
    ----------
    shape
        Files, bytes and the latest change.
    since_s
        When it first looked so.
    """

    shape: tuple[int, int, int]
    since_s: float


class Watcher:
    """Hands files over, and results back.

    Parameters
    ----------
    folder
        To watch.
    desk
        Where jobs are handed in.
    settle_s
        An entry without a marker is whole when it looked the same for so long.
    """

    def __init__(self, folder: Path, desk: Desk, *, settle_s: float = 5.0) -> None:
        self._folder = folder.absolute()
        self._desk = desk
        self._settle_s = settle_s
        self._looks: dict[str, Look] = {}
        self._leave = threading.Event()
        try:
            for name in OWN:
                (self._folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be watched ({error.strerror})", do="Check the path and its permissions."
            ) from error

    def leave_on_signals(self) -> None:
        """End after the round at hand when the system asks for it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_leave)

    def run(self, *, until_empty: bool = False) -> None:
        """Look again and again; until nothing is left to hand over, if asked."""
        while not self._leave.is_set():
            try:
                left = self.look()
            except ResourceError as error:
                _log.warning("the watcher waits: %s", error.found)
                left = True
            if until_empty and not left:
                return
            self._leave.wait(min(self._settle_s, self._desk.settings.poll_s))

    def look(self) -> bool:
        """One round: take what is whole, submit what was taken, hand over what has ended.

        Returns
        -------
        bool
            True where something is left to do.
        """
        waits = [entry for entry in sorted(self._folder.iterdir()) if self._is_input(entry)]
        for entry in waits:
            if self._is_whole(entry):
                self._take(entry)
        taken = sorted((self._folder / TAKEN).iterdir())
        left = [self._carry_on(claim) for claim in taken]
        return any(left) or bool(waits)

    def _is_input(self, entry: Path) -> bool:
        name = entry.name
        return not (name in OWN or name.startswith(".") or name.endswith((*UNFINISHED, MARKER)))

    def _is_whole(self, entry: Path) -> bool:
        if entry.with_name(entry.name + MARKER).exists():
            return True
        try:
            shape = _shape(entry)
        except OSError:  # another watcher took it just now
            return False
        before = self._looks.get(entry.name)
        if before is None or before.shape != shape:
            self._looks[entry.name] = Look(shape, time.monotonic())
            return False
        return time.monotonic() - before.since_s >= self._settle_s

    def _take(self, entry: Path) -> None:
        """Move an entry into a folder of its own; of several watchers one succeeds."""
        claim = self._folder / TAKEN / str(uuid4())
        claim.mkdir()
        try:
            entry.rename(claim / entry.name)
        except OSError:
            claim.rmdir()
            return
        finally:
            self._looks.pop(entry.name, None)
        entry.with_name(entry.name + MARKER).unlink(missing_ok=True)
        _log.info("claim %s: taken", claim.name)

    def _carry_on(self, claim: Path) -> bool:
        """Submit a taken entry, or hand its result over; True where there is more to do later."""
        try:
            with _locked(claim) as held:
                return True if not held else self._advance(claim)
        except FileNotFoundError:  # another watcher handed it over just now
            return False

    def _advance(self, claim: Path) -> bool:
        entry = next((each for each in sorted(claim.iterdir()) if each.name != LOCK), None)
        if entry is None:
            return _drop_if_stale(claim)
        try:
            job = self._job(claim.name, entry)
        except InputError as error:
            self._hand_over(claim, entry, None, error)
            return False
        if job.state not in ENDED:
            return True
        self._hand_over(claim, entry, job, None)
        return False

    def _job(self, claim: str, entry: Path) -> Job:
        key = f"watch:{claim}"
        known = self._desk.queue.find_key(OWNER, key)
        return known or self._desk.submit_taken(entry, None, Asker(OWNER, key)).job

    def _hand_over(self, claim: Path, entry: Path, job: Job | None, error: MetariskError | None) -> None:
        """Put the result under its name, then forget the claim; a kill in between is seen next time."""
        done = job is not None and job.state == DONE
        shelf = self._folder / (DONE_FOLDER if done else FAILED_FOLDER)
        if not any(_claim_of(each) == claim.name for each in _named_like(shelf, entry.name)):
            draft = shelf / f".{claim.name}.part"
            shutil.rmtree(draft, ignore_errors=True)
            if done and job is not None:
                shutil.copytree(self._desk.folder.result(job.id), draft)
            else:
                draft.mkdir()
                _copy(entry, draft / entry.name)
                (draft / REASON).write_text(_reason(job, error), encoding="utf-8")
            (draft / CLAIM).write_text(claim.name, encoding="utf-8")
            _place(draft, shelf, entry.name, claim.name)
        _log.info("claim %s: %s", claim.name, "done" if done else "failed")
        shutil.rmtree(claim, ignore_errors=True)

    def _told_to_leave(self, number: int, frame: FrameType | None) -> None:
        self._leave.set()


def _place(draft: Path, shelf: Path, name: str, claim: str) -> None:
    """Give a draft its name; a second file of that name does not replace the first one's result."""
    free = shelf / name
    if os.path.lexists(free):
        free = shelf / f"{name}.{claim}"
    draft.rename(free)


def _named_like(shelf: Path, name: str) -> list[Path]:
    return [each for each in shelf.iterdir() if each.name == name or each.name.startswith(f"{name}.")]


def _claim_of(result: Path) -> str:
    try:
        return (result / CLAIM).read_text(encoding="utf-8")
    except OSError:
        return ""


def _reason(job: Job | None, error: MetariskError | None) -> str:
    """Sentence of whoever puts files here; the log does not have it."""
    if error is not None:
        return f"{error}\n"
    fault = None if job is None else job.told_fault
    if fault is None:
        return "The job was cancelled. Put the file here again to score it.\n"
    expected = f"; expected {fault['expected']}" if fault["expected"] else ""
    return f"{fault['found']}{expected}. {fault['do']}\n"


def _copy(entry: Path, place: Path) -> None:
    if entry.is_dir():
        shutil.copytree(entry, place, symlinks=True)
    else:
        shutil.copy2(entry, place, follow_symlinks=False)


def _shape(entry: Path) -> tuple[int, int, int]:
    paths = [entry, *entry.rglob("*")] if entry.is_dir() else [entry]
    stats = [path.lstat() for path in paths]
    return len(stats), sum(stat.st_size for stat in stats), max(stat.st_mtime_ns for stat in stats)


def _drop_if_stale(claim: Path) -> bool:
    """A watcher that was killed before it moved anything left an empty folder."""
    if time.time() - claim.stat().st_mtime > STALE_S:
        shutil.rmtree(claim, ignore_errors=True)
    return False


@contextmanager
def _locked(claim: Path) -> Iterator[bool]:
    """True where this process alone works on a claim; a killed process's lock is gone with it."""
    with (claim / LOCK).open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
