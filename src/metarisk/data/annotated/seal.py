"""The first bytes of a file that metarisk wrote: what it is, and a hash over all that follows.

HDF5 leaves a block in front of its own bytes to its user. The hash there is verified before the HDF5 library
sees the file, because a damaged byte can make that library crash the process. A file that another tool saved
again has no seal; its values are still verified against the manifest.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from metarisk import __version__
from metarisk.errors import InputError

USER_BLOCK = 512

# MuData is known by its first six bytes.
_HEAD = "{kind} (format-version=0.1.0;creator=metarisk;creator-version={version});bytes={size};sha256={hash};"
_SEAL = re.compile(rb"creator=metarisk;[^)]*\);bytes=(\d+);sha256=([0-9a-f]{64});")


def seal(path: Path, kind: str) -> None:
    """Write the seal into the user block of a finished file.

    Parameters
    ----------
    kind
        ``MuData`` or ``AnnData``.
    """
    head = _HEAD.format(kind=kind, version=__version__, size=path.stat().st_size, hash=_hash_of(path))
    with path.open("r+b") as stream:
        stream.write(head.encode())


def is_sealed(path: Path) -> bool:
    """True for a file whose every byte is as it was written, False for one without a seal.

    Raises
    ------
    InputError
        If it has a seal and was cut or altered.
    """
    try:
        with path.open("rb") as stream:
            found = _SEAL.search(stream.read(USER_BLOCK))
    except OSError as caught:
        raise InputError(f"cannot be read ({caught.strerror})", do="Check name and permissions.") from caught
    if found is None:
        return False
    size = path.stat().st_size
    if size < int(found[1]):
        raise InputError(
            f"is truncated: {size} of {int(found[1])} bytes",
            do="Fetch or write it again; nothing of it was used.",
        )
    if _hash_of(path) != found[2].decode():
        raise InputError(
            "was altered after it was written (its SHA-256 is not the one in its first bytes)",
            do="Copy it again or write it again from its study; read it through a study file "
            "(format: tables) if it was changed on purpose.",
        )
    return True


def _hash_of(path: Path) -> str:
    """SHA-256 of everything after the user block, hexadecimal."""
    with path.open("rb") as stream:
        stream.seek(USER_BLOCK)
        return hashlib.file_digest(stream, "sha256").hexdigest()
