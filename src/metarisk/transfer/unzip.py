"""Unpack a zip: its directory judged as a whole, then its files written and their checksums verified."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from metarisk.transfer.budget import Budget
from metarisk.transfer.member import admit, place_file, place_folder, refused

ENCRYPTED = 0x1
END_RECORD = struct.Struct("<4s4xHH8xH")  # its mark, and the members on this disk and in all
END_MARK = b"PK\x05\x06"
UNTOLD = 0xFFFF  # the number stands in another record, as it may from 65,535 members on
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def unzip(stream: IO[bytes], folder: Path, budget: Budget) -> None:
    """Write every file of a zip below ``folder``.

    Raises
    ------
    InputError
        If a member may not be there, or there is too much of anything.
    zipfile.BadZipFile, zlib.error, EOFError
        If it is cut or damaged.
    """
    with zipfile.ZipFile(stream) as zipped:
        _check_number(stream, zipped)
        members = [(info, _admit(info, budget)) for info in zipped.infolist()]
        budget.check_size(sum(info.file_size for info, _ in members))
        for info, path in members:
            if path is not None:
                _place(zipped, info, path, folder, budget)


def _check_number(stream: IO[bytes], zipped: zipfile.ZipFile) -> None:
    """Damage in the directory can hide members in another's comment; the library does not count them."""
    stream.seek(-END_RECORD.size - len(zipped.comment), os.SEEK_END)
    mark, _, told, _ = END_RECORD.unpack(stream.read(END_RECORD.size))
    found = len(zipped.infolist())
    if mark != END_MARK or told not in (found, UNTOLD):
        raise zipfile.BadZipFile(f"{found} of {told} members are in its directory")


def _admit(info: zipfile.ZipInfo, budget: Budget) -> PurePosixPath | None:
    kind = stat.S_IFMT(info.external_attr >> 16)  # nothing where the zip was not made on a Unix
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refused(info.filename, "is a symbolic link" if stat.S_ISLNK(kind) else "is no plain file")
    if info.flag_bits & ENCRYPTED:
        raise refused(info.filename, "is encrypted")
    if info.compress_type not in PACKED:
        raise refused(info.filename, f"is packed by method {info.compress_type}, neither stored nor deflated")
    return admit(info.orig_filename, budget, folder=info.filename.endswith("/"))


def _place(
    zipped: zipfile.ZipFile, info: zipfile.ZipInfo, path: PurePosixPath, folder: Path, budget: Budget
) -> None:
    if info.is_dir():
        place_folder(folder, path)
        return
    with zipped.open(info) as content:

        def read(size: int) -> bytes:
            block = content.read(size)
            budget.add_bytes(len(block))
            return block

        place_file(folder, path, read, budget)
