"""A first look at a file of unknown origin, in a process of its own.

A damaged byte can make the HDF5 library end its process or run for ever, which no exception tells. So another
process looks first, at every object, its attributes and every small dataset; if that ends badly, the file is
refused and nothing else has happened.
"""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from metarisk.errors import InputError

LONGEST_SECONDS = 60.0

_LOOK = """
import sys
import h5py

def look(name, item):
    list(item.attrs.values())
    if isinstance(item, h5py.Dataset) and not (item.external or item.is_virtual):
        if item.size * item.dtype.itemsize <= 1 << 20:
            item[()]

with h5py.File(sys.argv[1], "r") as file:
    look("/", file)
    file.visititems(look)
"""


def probe(path: Path) -> None:
    """Refuse a file that the HDF5 library does not survive; raises `InputError`."""
    about = path.stat()
    if not _survives(str(path.absolute()), about.st_size, about.st_mtime_ns):
        raise InputError(
            f"is damaged ({about.st_size} bytes): the HDF5 library does not survive reading it",
            do="Fetch or write it again; nothing of it was used.",
        )


@lru_cache(maxsize=64)
def _survives(path: str, _size: int, _changed: int) -> bool:
    """False where reading ends by a signal, or not at all; exceptions are told by the reader."""
    try:
        looked = subprocess.run(
            [sys.executable, "-I", "-c", _LOOK, path],
            timeout=LONGEST_SECONDS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return looked.returncode >= 0
