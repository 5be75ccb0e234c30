"""Unpack a tar, tar.gz or zip archive into a folder: plain files only, each member checked."""

from __future__ import annotations

import errno
import gzip
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metarisk.errors import InputError, OutputError
from metarisk.transfer.budget import Budget
from metarisk.transfer.content import START_BYTES, Kind, archive_kind
from metarisk.transfer.limits import UnpackLimits
from metarisk.transfer.untar import untar
from metarisk.transfer.unzip import unzip

# What the readers of the standard library raise on damage; some say it by an accident of their own.
DAMAGE = (
    *(EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile),
    *(struct.error, ValueError, OverflowError, NotImplementedError, RuntimeError),
)


@dataclass(frozen=True)
class Unpacked:
    """What an archive held.

    Attributes
    ----------
    files
        Files written.
    bytes
        Their bytes together.
    left_out
        Members that macOS adds and that were not written.
    """

    files: int
    bytes: int
    left_out: int


def unpack(archive: Path, folder: Path, *, limits: UnpackLimits | None = None) -> Unpacked:
    """Fill an empty folder with an archive's files; it is emptied again if anything is wrong.

    For a folder that appears only when it is whole, give the draft of `metarisk.files.placed`. Links,
    devices, names that lead elsewhere and second members of one name are refused, not passed over.

    Parameters
    ----------
    archive
        Known by its content, not by its name.
    folder
        Must exist and be empty.
    limits
        Size, number and ratio; the usual ones if None.

    Raises
    ------
    InputError
        If the archive is cut, damaged, too large, or holds what it may not.
    OutputError
        If the folder is not empty, or cannot be written.
    """
    if any(folder.iterdir()):
        raise OutputError(f"{folder} is not empty", do="Choose another folder.")
    try:
        return _fill(archive, folder, limits or UnpackLimits())
    except BaseException as error:
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        if isinstance(error, OSError):
            raise OutputError(
                f"{archive.name} cannot be unpacked ({error.strerror or error})",
                do="Check free space and permissions; nothing was left.",
            ) from error
        raise


def _fill(archive: Path, folder: Path, limits: UnpackLimits) -> Unpacked:
    with archive.open("rb") as stream:
        kind = archive_kind(archive.name, stream.read(START_BYTES))
        stream.seek(0)
        budget = Budget(archive.name, archive.stat().st_size, limits)
        with _damage_told(budget, kind):
            if kind == "zip":
                unzip(stream, folder, budget)
            else:
                untar(stream if kind == "tar" else gzip.GzipFile(fileobj=stream), folder, budget)
    if budget.files == 0:
        raise InputError(f"{archive.name} holds no file", do="Check that this is the file you meant.")
    return Unpacked(budget.files, budget.file_bytes, budget.left_out)


@contextmanager
def _damage_told(budget: Budget, kind: Kind) -> Iterator[None]:
    """What the standard library says of a bad archive, as our own sentence with the byte counts."""
    try:
        yield
    except DAMAGE as error:
        raise _damaged(budget, kind, error) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a place in the archive that is none
            raise _damaged(budget, kind, error) from error
        raise


def _damaged(budget: Budget, kind: Kind, error: Exception) -> InputError:
    reason = " ".join(str(error).split()).rstrip(".")
    return InputError(
        f"{budget.name} is a truncated or damaged {kind} file: {budget.packed_bytes} bytes gave "
        f"{budget.unpacked_bytes} bytes, then: {reason}",
        do="Nothing was unpacked. Fetch it again.",
    )
