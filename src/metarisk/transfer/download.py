"""Download a file: resumed where it stopped, checked, under its name only when whole."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from metarisk.errors import InputError, OutputError
from metarisk.files import sha256_of
from metarisk.transfer.address import checked
from metarisk.transfer.content import refuse_pages
from metarisk.transfer.limits import TransferLimits
from metarisk.transfer.part import Part, open_part
from metarisk.transfer.record import Downloaded, Version, read_record, record_of, write_record
from metarisk.transfer.reply import DroppedError, Reply, ask, next_block, read_to_the_end

Progress = Callable[[int, int | None], None]

OK, PARTIAL, NOT_MODIFIED, OUT_OF_RANGE = 200, 206, 304, 416
COME_BACK = (408, 425, 429)
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class _Goal:
    """What `download` was asked for."""

    url: str
    path: Path
    sha256: str | None
    limits: TransferLimits
    progress: Progress

    @property
    def name(self) -> str:
        return unquote(Path(urlsplit(self.url).path).name) or self.url


def download(
    url: str,
    path: Path,
    *,
    sha256: str | None = None,
    limits: TransferLimits | None = None,
    progress: Progress | None = None,
) -> Downloaded:
    """Bring a file over HTTP(S) and say what it is; ``<name>.json`` beside it keeps the same.

    What arrived before a failure or a kill stays in ``<name>.part`` and is not asked for again, unless the
    server has another version by then. A file that stands there already is kept if the server says it has
    not changed. Servers that give neither a length nor chunks cannot be checked for a whole body.

    Parameters
    ----------
    url
        Address, http or https.
    path
        File to make; another that stands there is replaced once the new one is whole.
    sha256
        What the content must have, hexadecimal, if known.
    limits
        Size, time and patience; the usual ones if None.
    progress
        Takes bytes so far, and bytes in all or None where the server does not say.

    Raises
    ------
    InputError
        If the address, the server or what it sends cannot be accepted, or the patience is at its end.
    OutputError
        If it cannot be written, or another process is writing it.
    """
    goal = _Goal(
        checked(url), path, _as_hash(sha256), limits or TransferLimits(), progress or (lambda done, of: None)
    )
    try:
        with open_part(path) as part:
            return _persist(goal, part)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error})",
            do="Check free space and permissions, then run the same again: it goes on where it stopped.",
        ) from error


def _as_hash(text: str | None) -> str | None:
    if text is None:
        return None
    asked = text.strip().lower()
    if not SHA256.fullmatch(asked):
        raise InputError(f"{text!r} is no SHA-256", expected="64 hexadecimal digits", do="Copy it again.")
    return asked


def _persist(goal: _Goal, part: Part) -> Downloaded:
    """Try until the file is whole; tries that bring nothing new are counted, others start the count again."""
    fruitless, farthest = 0, part.size
    while True:
        try:
            return _try_once(goal, part)
        except DroppedError as drop:
            fruitless = 1 if part.size > farthest else fruitless + 1
            farthest = max(farthest, part.size)
            if fruitless >= goal.limits.attempts:
                raise InputError(
                    f"{goal.url} {drop}, {fruitless} times in a row; {part.size} bytes are here",
                    do="Run the same again later: it goes on where it stopped.",
                ) from drop
            wait = max(drop.wait_s, goal.limits.wait_s * 2 ** (fruitless - 1))
            time.sleep(min(wait, goal.limits.longest_wait_s))


def _try_once(goal: _Goal, part: Part) -> Downloaded:
    here = read_record(goal.path)
    reply = ask(goal.url, _conditions(goal, part, here), goal.limits)
    with reply.stream:
        if reply.status == NOT_MODIFIED and here is not None:
            return _kept(goal, here)
        resumed = _nothing_is_missing(part, reply) or _begin(goal, part, reply)
        if reply.status != OUT_OF_RANGE:
            _receive(goal, part, reply)
    return _accept(goal, part, resumed=resumed)


def _conditions(goal: _Goal, part: Part, here: Downloaded | None) -> dict[str, str]:
    """Ask only for what is missing, or only if it has changed."""
    if part.size and part.version is not None and part.version.url == goal.url and part.version.validator:
        return {"Range": f"bytes={part.size}-", "If-Range": part.version.validator}
    if here is None or here.version.url != goal.url or goal.sha256 not in (None, here.sha256):
        return {}
    asked = {"If-None-Match": here.version.etag, "If-Modified-Since": here.version.last_modified}
    return {name: value for name, value in asked.items() if value}


def _kept(goal: _Goal, here: Downloaded) -> Downloaded:
    if sha256_of(goal.path) == here.sha256:
        return here
    record_of(goal.path).unlink()
    raise DroppedError("has not changed, but the file here has been altered since")


def _nothing_is_missing(part: Part, reply: Reply) -> bool:
    """True where all had arrived but the name; a server that has another version by now sends that."""
    return reply.status == OUT_OF_RANGE and reply.header("Content-Range") == f"bytes */{part.size}"


def _begin(goal: _Goal, part: Part, reply: Reply) -> bool:
    """True if the reply goes on where the part ends; else the part is emptied for what follows."""
    version = Version.of(goal.url, reply)
    if reply.status == PARTIAL and part.version is not None and part.version.allows(version):
        return True
    if reply.status in (PARTIAL, OUT_OF_RANGE):
        part.start_over()
        raise DroppedError("has another version than the one begun, or a range that was not asked for")
    if reply.status != OK:
        raise _refusal(goal, reply)
    part.start_over(version)
    return False


def _refusal(goal: _Goal, reply: Reply) -> Exception:
    status = f"answers {reply.status} {reply.stream.reason}".rstrip()
    if reply.status in COME_BACK or reply.status >= 500:
        return DroppedError(status, wait_s=float(reply.number("Retry-After") or 0))
    if reply.status in (404, 410):
        return InputError(f"{goal.url} {status}: there is no such file", do="Check its name.")
    return InputError(f"{goal.url} {status}", do="Check the address and whether it asks for a login.")


def _receive(goal: _Goal, part: Part, reply: Reply) -> None:
    """Read the body to its end, never beyond what was announced or allowed."""
    whole = _whole_size(goal, part, reply)
    read_to_the_end(reply.stream)
    _check_size(goal, part, whole or 0)
    goal.progress(part.size, whole)
    while block := _next_block(part, reply, whole):
        part.append(block)
        _check_size(goal, part, part.size)
        if whole is not None and part.size > whole:
            part.start_over()
            raise InputError(
                f"{goal.url} sends more than the {whole} bytes it announced",
                do="Nothing was kept. Try again later, or tell those who run the server.",
            )
        goal.progress(part.size, whole)
    if whole is not None and part.size < whole:
        raise DroppedError(f"ended after {part.size} of {whole} bytes")


def _next_block(part: Part, reply: Reply, whole: int | None) -> bytes:
    """The next bytes; a connection that stays open after the last one has ended too."""
    try:
        return next_block(reply.stream)
    except DroppedError:
        if part.size == whole:
            return b""
        raise


def _whole_size(goal: _Goal, part: Part, reply: Reply) -> int | None:
    """Bytes of the whole file as the reply announces them, None if it does not."""
    encoding = reply.header("Content-Encoding").lower()
    # Some servers label an archive that is a gzip file by itself; another file they have packed on the way.
    kept = ("", "identity", "gzip", "x-gzip") if goal.name.endswith("gz") else ("", "identity")
    if encoding not in kept:
        part.start_over()
        raise InputError(
            f"{goal.url} comes packed as {encoding}, though it was asked for as it is",
            do="Use a mirror that serves the file itself.",
        )
    body = reply.number("Content-Length")
    if reply.status != PARTIAL:
        return body
    told = CONTENT_RANGE.fullmatch(reply.header("Content-Range"))
    first, last, whole = map(int, told.groups()) if told else (-1, -1, -1)
    if first != part.size or last != whole - 1 or body not in (None, whole - first):
        part.start_over()
        raise DroppedError(
            f"answers with the range {reply.header('Content-Range')!r} and {body} bytes, which do not fit"
        )
    return whole


def _check_size(goal: _Goal, part: Part, size: int) -> None:
    if size > goal.limits.size_bytes:
        part.start_over()
        raise InputError(
            f"{goal.url} has more than {goal.limits.size_bytes} bytes",
            do="Nothing was kept. Check that this is the file you meant.",
        )


def _accept(goal: _Goal, part: Part, *, resumed: bool) -> Downloaded:
    """Place a whole file, if it is what it should be."""
    found = part.sha256
    if goal.sha256 not in (None, found):
        part.start_over()
        if resumed:
            raise DroppedError("does not fit what had arrived before")
        raise InputError(
            f"{goal.name} has the SHA-256 {found}",
            expected=goal.sha256 or "",
            do="Nothing was kept. The file has changed at its source, or was altered on the way.",
        )
    try:
        refuse_pages(goal.name, part.first_bytes())
    except InputError:
        part.start_over()
        raise
    assert part.version is not None
    record = Downloaded(part.version, part.size, found, datetime.now(UTC).isoformat(timespec="seconds"))
    part.place(goal.path)
    write_record(goal.path, record)
    return record
