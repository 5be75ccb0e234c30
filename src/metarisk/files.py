"""Results that appear under their name only when all of them is on disk, and hashes of files."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from metarisk.errors import OutputError


@contextmanager
def placed(out: Path, *, overwrite: bool, marker: str, draft: Path | None = None) -> Iterator[Path]:
    """Draft folder beside ``out`` that takes its name when the block ends well, and is gone when it fails.

    A process that is killed leaves its draft (a hidden folder that ends in ``.part``), never ``out``.

    Parameters
    ----------
    out
        Folder to make.
    overwrite
        Replace a folder that holds the same kind of result.
    marker
        File that every result of this kind has, such as its manifest.
    draft
        Where to draft, on the same file system; what a killed process left there is removed.

    Raises
    ------
    OutputError
        If ``out`` may not be replaced, or cannot be written.
    """
    out = out.absolute()
    check_free(out, overwrite=overwrite, marker=marker)
    draft = out.with_name(f".{out.name}.{uuid4().hex}.part") if draft is None else draft
    try:
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(parents=True)
        try:
            yield draft
            _flush_all(draft)
            _put_in_place(draft, out, overwrite=overwrite)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written ({error.strerror or error})",
            do="Check free space and permissions; nothing was left under that name.",
        ) from error


def check_free(out: Path, *, overwrite: bool, marker: str) -> None:
    """Refuse a name that is taken: a result of the same kind is replaced when asked, anything else never.

    Raises
    ------
    OutputError
        If ``out`` exists and may not be replaced.
    """
    if not os.path.lexists(out):
        return
    if not overwrite:
        raise _taken(out)
    empty = out.is_dir() and not any(out.iterdir())
    if not (empty or (out / marker).is_file()):
        raise OutputError(
            f"{out} exists and has no {marker}",
            expected="a result of the same kind, or nothing",
            do="Choose another folder; this one is left as it is.",
        )


def check_free_file(file: Path, *, overwrite: bool) -> None:
    """Refuse a name that is taken; a file is replaced when asked, a folder never; raises `OutputError`."""
    if file.is_dir() or (os.path.lexists(file) and not overwrite):
        raise OutputError(f"{file} exists", do="Choose another file, or allow it with --overwrite.")


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Draft file beside ``path`` that takes its name when the block ends well, and is gone when it fails.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield draft
            _flush(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error})",
            do="Check free space and permissions; nothing was left under that name.",
        ) from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal; the file is streamed."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush_all(draft: Path) -> None:
    for path in sorted(draft.rglob("*")):
        _flush(path)
    _flush(draft)


def _flush(path: Path) -> None:
    """Ask the system to bring a file, or a folder's entries, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_in_place(draft: Path, out: Path, *, overwrite: bool) -> None:
    """Rename the draft; an old folder steps aside first and goes only when the new one stands.

    Where nothing may be replaced, what another process put there meanwhile is not touched: to rename onto a
    folder that holds something fails.
    """
    old = draft.with_name(f"{draft.name}.old")
    if overwrite and out.exists():
        out.rename(old)
    try:
        draft.rename(out)
    except OSError as error:
        if old.exists():
            old.rename(out)
        elif os.path.lexists(out):
            raise _taken(out) from error
        raise
    shutil.rmtree(old, ignore_errors=True)
    _flush(out.parent)


def _taken(out: Path) -> OutputError:
    return OutputError(f"{out} exists", do="Choose another folder, or allow it with --overwrite.")
