"""Unpack a tar stream: read once from front to end, headers bounded, its end mark looked for."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Protocol

from metarisk.errors import InputError
from metarisk.transfer.budget import Budget
from metarisk.transfer.member import admit, place_file, place_folder, refused

# Names of 1,024 letters need a few kilobytes; the library would read a header of any size into memory.
HEADER_BYTES = 1 << 20
READ_AHEAD = 1 << 16
END_MARK_BYTES = 512  # a tar ends with two empty blocks; some tools write one
PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)


class Stream(Protocol):
    """What a tar is read from: a file, or a gzip file."""

    def read(self, size: int, /) -> bytes:
        """So many bytes, fewer at the end."""


class BoundedStream:
    """Bytes of a tar as the library reads them: counted, and no more in a row than was allowed.

    Attributes
    ----------
    position
        Bytes read so far.
    filled
        Position behind the last byte that is not zero.
    """

    def __init__(self, stream: Stream, budget: Budget) -> None:
        self.position = 0
        self.filled = 0
        self._stream = stream
        self._budget = budget
        self._allowed = 0

    def allow(self, count: int) -> None:
        """Let so many more bytes be read."""
        self._allowed = count + READ_AHEAD

    def read(self, size: int) -> bytes:
        """Next bytes; raises `InputError` beyond what was allowed."""
        block = self._stream.read(size)
        self._allowed -= len(block)
        if self._allowed < 0:
            raise InputError(
                f"{self._budget.name} has a header of more than {HEADER_BYTES} bytes",
                do="Nothing was unpacked. Do not trust this archive; ask where it came from.",
            )
        self._budget.add_bytes(len(block))
        content = block.rstrip(b"\0")
        if content:
            self.filled = self.position + len(content)
        self.position += len(block)
        return block


def untar(stream: Stream, folder: Path, budget: Budget) -> None:
    """Write every file of a tar below ``folder``.

    Raises
    ------
    InputError
        If a member may not be there, or there is too much of anything.
    tarfile.TarError, EOFError
        If the stream is cut or is no tar.
    """
    bounded = BoundedStream(stream, budget)
    bounded.allow(HEADER_BYTES)
    with tarfile.open(fileobj=bounded, mode="r|") as tar:  # type: ignore[call-overload]
        while (member := tar.next()) is not None:
            bounded.allow(max(member.size, 0) + HEADER_BYTES)
            _place(tar, member, folder, budget)
            bounded.allow(HEADER_BYTES)
    while bounded.read(READ_AHEAD):
        pass
    # The library takes a damaged header, or the end of the stream, for the end of the archive.
    if bounded.filled > tar.offset:
        raise tarfile.ReadError("a header is damaged")
    if bounded.position < tar.offset + END_MARK_BYTES:
        raise tarfile.ReadError("there is no end mark")


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, budget: Budget) -> None:
    if not (member.isdir() or member.type in PLAIN) or member.issparse() or member.size < 0:
        raise refused(member.name, f"is {_kind(member)}")
    budget.check_size(member.size)
    path = admit(member.name, budget, folder=member.isdir())
    if path is None:
        return
    _check_with_library(member, folder)
    content = tar.extractfile(member)
    if content is None:
        place_folder(folder, path)
    elif place_file(folder, path, content.read, budget) != member.size:
        raise tarfile.ReadError(f"{member.name} ends before its {member.size} bytes")


def _check_with_library(member: tarfile.TarInfo, folder: Path) -> None:
    """A second opinion: the library's own rules for data, which Python has had since 3.11.4."""
    judge = getattr(tarfile, "data_filter", None)
    if judge is None:
        return
    try:
        judge(member, str(folder))
    except tarfile.FilterError as error:
        raise refused(member.name, f"is refused by Python's rules for archives of data ({error})") from error


def _kind(member: tarfile.TarInfo) -> str:
    kinds = {"a symbolic link": member.issym(), "a hard link": member.islnk(), "a device": member.isdev()}
    return next((kind for kind, holds in kinds.items() if holds), "no plain file")
