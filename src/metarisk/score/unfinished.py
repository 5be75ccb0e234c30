"""The folder of a job that is not done, beside its result: who works in it, on what, and what is ready.

``<out>.unfinished`` holds a lock, ``job.json`` that says which model and options the work belongs to, the
ledger with its parts, and in the end the result itself, which is renamed to ``<out>`` in one step.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from metarisk.errors import OutputError
from metarisk.files import written

LOCK, JOB, READY = "lock", "job.json", "ready.json"

Fingerprint = Mapping[str, str]


def unfinished_of(out: Path) -> Path:
    """Folder of the unfinished work for a result."""
    return out.with_name(f"{out.name}.unfinished")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Work in a folder that nobody else works in; the lock of a process that died is no lock.

    Raises
    ------
    OutputError
        If another process holds it.
    """
    with _locked(folder) as lock:
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        lock.flush()
        yield


@contextmanager
def _locked(folder: Path) -> Iterator[IO[str]]:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = (folder / LOCK).open("a+", encoding="utf-8")
        except FileNotFoundError:  # the other process has just finished
            continue
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as caught:
                raise _in_use(folder, lock) from caught
            if _is_at(lock, folder / LOCK):
                yield lock
                return


def _is_at(lock: IO[str], path: Path) -> bool:
    """False where the folder was moved away between opening its lock and holding it."""
    return path.exists() and os.path.samestat(os.fstat(lock.fileno()), path.stat())


def _in_use(folder: Path, lock: IO[str]) -> OutputError:
    lock.seek(0)
    try:
        holder = json.loads(lock.read())
        who = f"process {holder['pid']} on {holder['host']}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return OutputError(
        f"{folder} is in use by {who}",
        expected="one job a result",
        do="Wait until it is done, or choose another --out.",
    )


def begin(folder: Path, fingerprint: Fingerprint, *, anew: bool) -> None:
    """Make a held folder ready for a job: work that belongs to it stays, rests of nothing are removed.

    Parameters
    ----------
    folder
        Folder of the unfinished work.
    fingerprint
        What the work depends on.
    anew
        Whether work that belongs to another model or other options is thrown away.

    Raises
    ------
    OutputError
        If there is such work, and it is not to be thrown away.
    """
    for rest in folder.parent.glob(f".{glob.escape(folder.name)}.*.part"):
        shutil.rmtree(rest, ignore_errors=True)
    begun = _read(folder / JOB)
    if begun == dict(fingerprint):
        return
    if begun is not None and not anew:
        raise _of_another(folder, begun, fingerprint)
    _clear(folder)
    with written(folder / JOB) as draft:
        draft.write_text(json.dumps(dict(fingerprint), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _of_another(folder: Path, begun: Mapping[str, Any], fingerprint: Fingerprint) -> OutputError:
    names = sorted({*begun, *fingerprint})
    other = [name for name in names if begun.get(name) != fingerprint.get(name)]
    told = ", ".join(
        f"{name} {_short(begun.get(name))} and not {_short(fingerprint.get(name))}" for name in other
    )
    return OutputError(
        f"{folder} holds a job that was begun with {told}",
        expected="the same model and options",
        do="Finish it with those, choose another --out, or start anew with --overwrite.",
    )


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text[:12] if len(text) == 64 else text


def say_ready(folder: Path, result: Mapping[str, str]) -> None:
    """Write down what the result will be, just before it takes its name."""
    with written(folder / READY) as draft:
        draft.write_text(json.dumps(dict(result), sort_keys=True) + "\n", encoding="utf-8")


def ready(folder: Path) -> dict[str, Any] | None:
    """What `say_ready` wrote, None if nothing."""
    return _read(folder / READY)


def discard(folder: Path) -> None:
    """Remove a held folder; it is gone under its name in one step."""
    aside = folder.with_name(f".{folder.name}.{uuid4().hex}.part")
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _read(file: Path) -> dict[str, Any] | None:
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return tree if isinstance(tree, dict) else None
