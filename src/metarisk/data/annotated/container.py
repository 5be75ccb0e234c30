"""An HDF5 file opened with care: whole, of a bounded size, and without a way out of itself.

What is wrong is raised as `InputError` whose sentence goes on after the file's name; the doors of this
package put the name in front.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metarisk.data.annotated.probe import probe
from metarisk.data.content import foreign_content
from metarisk.errors import InputError, MetariskError, first_ten, nearest

# An element that is read into memory may not be larger than this, nor (above the free size) larger than its
# file by more than any compression of HDF5 reaches: a small file that declares terabytes is a bomb.
MOST_BYTES = 32 << 30
FREE_BYTES = 1 << 30
MOST_EXPANSION = 2000

INSTALL = "Install the readers of HDF5 files: pip install 'metarisk[h5]'."
_TRUNCATED = re.compile(r"truncated file: .*stored_eof = (\d+)")


def h5_library() -> Any:
    """Give the module h5py; without the optional packages an `InputError` that says how to install them."""
    try:
        import anndata  # noqa: F401  (comes with h5py, and both are needed)
        import h5py
    except ImportError as caught:
        raise InputError(f"needs {caught.name}, which is not installed", do=INSTALL) from caught
    return h5py


@contextmanager
def opened(path: Path, *, sealed: bool = False) -> Iterator[Any]:
    """File of h5py, open for reading.

    Parameters
    ----------
    sealed
        Every byte was verified already, so that no other process need look at it first.

    Raises
    ------
    InputError
        If the file is absent, no HDF5 file, cut or damaged, or leads to other files; also for whatever goes
        wrong while the block reads it.
    """
    h5py = h5_library()
    _refuse_foreign(path)
    if not sealed:
        probe(path)
    file = _open(path, h5py)
    try:
        with file:
            _refuse_ways_out(file, h5py)
            yield file
    except (MetariskError, MemoryError):
        raise
    except Exception as caught:  # a damaged file makes the library raise almost anything
        raise InputError(
            f"is damaged, or no AnnData or MuData file ({path.stat().st_size} bytes): {_reason(caught)}",
            do="Fetch or write it again; nothing of it was used.",
        ) from caught


def _reason(caught: Exception) -> str:
    """What the library says; not where its sentence may hold a value of a patient."""
    sentence = f": {caught}" if isinstance(caught, (OSError, KeyError)) else ""
    return " ".join(f"{type(caught).__name__}{sentence}".split())[:160]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file's name in front of what is wrong with it."""
    try:
        yield
    except InputError as caught:
        raise InputError(f"{path.name} {caught.found}", expected=caught.expected, do=caught.do) from caught


def _refuse_foreign(path: Path) -> None:
    """Refuse what is no HDF5 file by its first bytes, or cannot be read at all."""
    if not path.is_file():
        raise InputError("does not exist", do="Put the file there or correct its name.")
    try:
        foreign = foreign_content(path)
    except OSError as caught:
        raise InputError(f"cannot be read ({caught.strerror})", do="Check its permissions.") from caught
    if foreign is not None:
        raise InputError(foreign.message, do=foreign.do)


def _open(path: Path, h5py: Any) -> Any:
    try:
        return h5py.File(path, "r")
    except OSError as caught:
        again = "Fetch or write it again; nothing of it was used."
        size = path.stat().st_size
        cut = _TRUNCATED.search(str(caught))
        if cut is not None:
            raise InputError(f"is truncated: {size} of {cut[1]} bytes", do=again) from caught
        raise InputError(f"is no HDF5 file ({size} bytes)", do=again) from caught


def _refuse_ways_out(file: Any, h5py: Any) -> None:
    """Refuse links, virtual and external data: they would read other files of this machine."""

    def leads_away(name: str, link: Any) -> str | None:
        return None if isinstance(link, h5py.HardLink) else name

    def lies_elsewhere(name: str, item: Any) -> str | None:
        return name if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual) else None

    name = file.visititems_links(leads_away) or file.visititems(lies_elsewhere)
    if name is not None:
        raise InputError(
            f"holds {str(name)!r}, which leads to another place or file",
            expected="all data inside the file",
            do="Write it again with anndata or mudata.",
        )


def element(group: Any, name: str) -> Any:
    """Element of AnnData in memory: a data frame, an array, a dict; refused where it is too large."""
    from anndata.io import read_elem

    declared = _declared_bytes(group[name])
    check_size(declared, group, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # files of older versions are read as well
        return read_elem(group[name])


def check_size(declared: int, group: Any, name: str) -> None:
    """Refuse to fill the memory with what a file declares; raises `InputError`."""
    stored = group.file.id.get_filesize()
    if declared > min(MOST_BYTES, max(FREE_BYTES, MOST_EXPANSION * stored)):
        raise InputError(
            f"declares {declared} bytes in {name} and has {stored} bytes",
            expected=f"at most {MOST_BYTES >> 30} GiB, and no more than compression can explain",
            do="Cut the file to the genes and samples you need, or fetch it again if it is damaged.",
        )


def _declared_bytes(item: Any) -> int:
    """Bytes of every dataset below a group, or of a dataset, once it is inflated."""
    if hasattr(item, "dtype"):
        return int(item.size) * int(item.dtype.itemsize)
    return sum(_declared_bytes(child) for child in item.values())


def annotated_group(file: Any, modality: str | None) -> Any:
    """Group of the file that has obs, var and X: a modality of a MuData file, or the whole AnnData file.

    Raises
    ------
    InputError
        If a modality is missing or asked of a file without any.
    """
    if "mod" not in file:
        if modality is not None:
            raise InputError(
                f"has no modalities, and {modality!r} was asked for",
                do="Remove `modality` for an AnnData file.",
            )
        return file
    known = list(file["mod"])
    if modality is None:
        raise InputError(
            f"has modalities {first_ten(known)}, and none was asked for", do="Name one as `modality`."
        )
    if modality not in known:
        raise InputError(f"has no modality {modality!r}", do=nearest(modality, known))
    return file["mod"][modality]
