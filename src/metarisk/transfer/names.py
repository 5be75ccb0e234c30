"""Names of an archive's members that may become files below one folder, on any system."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

from metarisk.errors import InputError

LONGEST_PART = 255  # bytes, the bound of the usual file systems
LONGEST_NAME = 1024
RESERVED = frozenset('\\:*?"<>|')  # what one system or another gives a meaning
# macOS packs a file's resource fork, its icon say, beside it under this prefix.
RESOURCE_FORK = "._"


def safe_name(name: str) -> PurePosixPath:
    """Path below the folder that a member's name stands for; ``./`` in front of it is dropped.

    Raises
    ------
    InputError
        If the name leads out of the folder, or has characters or a length that names do not have.
    """
    reason = _fault(name)
    if reason:
        raise InputError(
            f"archive member {name[:120]!r} {reason}",
            expected="plain names below the archive's own folder",
            do="Nothing was unpacked. Do not trust this archive; ask where it came from.",
        )
    return PurePosixPath(name)


def is_resource_fork(path: PurePosixPath) -> bool:
    """True for what macOS adds to an archive and no other system reads."""
    return path.name.startswith(RESOURCE_FORK) or "__MACOSX" in path.parts


def as_one_name(path: PurePosixPath) -> str:
    """What two names share that some file systems cannot keep apart: case and composed letters."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _fault(name: str) -> str:
    if RESERVED & set(name) or any(unicodedata.category(letter)[0] == "C" for letter in name):
        return f"has a control character, bytes that are no text, or one of {' '.join(sorted(RESERVED))}"
    if name.startswith("/"):
        return "is an absolute path"
    parts = name.split("/")
    if ".." in parts:
        return "leads out of the folder"
    if any(part != part.strip() or (part.endswith(".") and part != ".") for part in parts):
        return "has a part with white space around it, or a full stop at its end"
    if len(name) > LONGEST_NAME or any(len(part.encode()) > LONGEST_PART for part in parts):
        return "is too long"
    return ""
