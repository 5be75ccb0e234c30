"""One member of an archive on its way to disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from metarisk.errors import InputError
from metarisk.transfer.budget import Budget
from metarisk.transfer.names import is_resource_fork, safe_name

BLOCK_BYTES = 1 << 18


def refused(name: str, fault: str) -> InputError:
    """Why a member of that name may not be unpacked."""
    return InputError(
        f"archive member {name[:120]!r} {fault}",
        expected="plain files and folders",
        do="Nothing was unpacked. Do not trust this archive; ask where it came from.",
    )


def admit(name: str, budget: Budget, *, folder: bool) -> PurePosixPath | None:
    """Path below the folder for a member, None if it is left out; raises `InputError` if refused."""
    budget.add_member()
    path = safe_name(name)
    if not folder and not path.name:
        raise refused(name, "has no name")
    if is_resource_fork(path):
        budget.left_out += 1
        return None
    budget.add_name(path, folder=folder)
    return path


def place_folder(folder: Path, path: PurePosixPath) -> None:
    """Make a folder and those above it."""
    (folder / path).mkdir(parents=True, exist_ok=True)


def place_file(folder: Path, path: PurePosixPath, read: Callable[[int], bytes], budget: Budget) -> int:
    """Write a new file block by block; returns its bytes."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with target.open("xb") as stream:  # never through what is there already
        while block := read(BLOCK_BYTES):
            size += stream.write(block)
    budget.file_bytes += size
    return size
