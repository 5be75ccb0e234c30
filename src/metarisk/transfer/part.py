"""The bytes of a download that is under way: on disk beside the file to be, with the version they are of."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path

from metarisk.errors import OutputError
from metarisk.transfer.content import START_BYTES
from metarisk.transfer.record import Version, read_version, write_version


class Part:
    """Bytes so far, their running SHA-256, and the version they are of; see `open_part`.

    Attributes
    ----------
    file, version_file
        ``<name>.part`` and ``<name>.part.json``.
    size
        Bytes so far.
    version
        What they are of; None before the first reply.
    """

    def __init__(self, file: Path, stream: BufferedRandom) -> None:
        self.file = file
        self.version_file = file.with_name(f"{file.name}.json")
        self.version = read_version(self.version_file)
        self._stream = stream
        stream.seek(0)
        self._hash = hashlib.file_digest(stream, "sha256")
        self.size = stream.tell()

    @property
    def sha256(self) -> str:
        """Hash of the bytes so far, hexadecimal."""
        return self._hash.hexdigest()

    def start_over(self, version: Version | None = None) -> None:
        """Forget the bytes; those that follow are of ``version``."""
        self._stream.seek(0)
        self._stream.truncate()
        self._hash = hashlib.sha256()
        self.size = 0
        self.version = version
        if version is not None:
            write_version(self.version_file, version)

    def append(self, block: bytes) -> None:
        """Add bytes at the end."""
        self._stream.write(block)
        self._hash.update(block)
        self.size += len(block)

    def first_bytes(self) -> bytes:
        """Enough of the start to tell what the file is."""
        self._stream.flush()
        return os.pread(self._stream.fileno(), START_BYTES, 0)

    def place(self, path: Path) -> None:
        """Give the bytes their name, once they are on disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.file.replace(path)
        self.version_file.unlink(missing_ok=True)


@contextmanager
def open_part(path: Path) -> Iterator[Part]:
    """Bytes that are already there of the file ``path`` to be; an empty part leaves nothing behind.

    Raises
    ------
    OutputError
        If another process is downloading the same file. A process that was killed holds nothing up.
    """
    file = path.with_name(f"{path.name}.part")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as stream:
        _take(file, stream)
        part = Part(file, stream)
        try:
            yield part
        finally:
            if part.size == 0:
                file.unlink(missing_ok=True)
                part.version_file.unlink(missing_ok=True)


def _take(file: Path, stream: BufferedRandom) -> None:
    """Lock the part for this process; the system lets go of it when the process ends, however it ends."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = file.stat().st_ino == os.fstat(stream.fileno()).st_ino
    except (BlockingIOError, FileNotFoundError):
        ours = False
    if not ours:  # locked, or placed under its final name since it was opened
        raise OutputError(
            f"{file} is being written by another process", do="Wait for it, or choose another folder."
        )
