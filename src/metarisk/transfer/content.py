"""What a file is by its first bytes: a web page, a git-lfs pointer, an archive and its kind."""

from __future__ import annotations

from typing import Literal

from metarisk.errors import InputError

Kind = Literal["tar.gz", "tar", "zip"]

START_BYTES = 2000  # enough to tell
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml")
TAR_MAGIC_AT = 257


def refuse_pages(name: str, start: bytes) -> None:
    """Refuse what servers send in place of a file.

    Raises
    ------
    InputError
        If the first bytes are those of nothing, a web page, or a git-lfs pointer.
    """
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text:
        raise InputError(f"{name} came empty", do="Check the address.")
    if text.startswith(PAGES):
        raise InputError(
            f"{name} is a web page, not the file",
            do="Open the address in a browser: it may ask for a login, or say that the file has moved.",
        )
    if start.startswith(LFS_POINTER):
        raise InputError(
            f"{name} is a git-lfs pointer, not the file it points to",
            do="Use the address of the file itself.",
        )


def archive_kind(name: str, start: bytes) -> Kind:
    """Kind of an archive, whatever its name says.

    Raises
    ------
    InputError
        If it is none of those that are read.
    """
    refuse_pages(name, start)
    if start.startswith(GZIP_MAGIC):
        return "tar.gz"
    if start.startswith(ZIP_MAGIC):
        return "zip"
    if start[TAR_MAGIC_AT:].startswith(b"ustar"):
        return "tar"
    raise InputError(
        f"{name} is no archive that is read here (it begins with {start[:8].hex(' ')})",
        expected="tar, tar.gz or zip",
        do="Check that this is the file you meant; it may have been cut, or packed in another way.",
    )
