"""A result that appears under its name only when all of it is on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from metarisk.errors import OutputError
from metarisk.score.layout import MANIFEST, is_scores


@contextmanager
def placed(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Draft folder beside ``out`` that takes its name when the block ends well, and is gone when it fails.

    A process that is killed leaves its draft (a hidden folder that ends in ``.part``), never ``out``.

    Raises
    ------
    OutputError
        If ``out`` may not be replaced, or cannot be written.
    """
    out = out.absolute()
    check_free(out, overwrite=overwrite)
    try:
        draft = draft_of(out)
        draft.mkdir(parents=True)
        try:
            yield draft
            _flush_all(draft)
            _put_in_place(draft, out)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as caught:
        raise OutputError(
            f"{out} cannot be written ({caught.strerror or caught})",
            do="Check free space and permissions; nothing was left under that name.",
        ) from caught


def check_free(out: Path, *, overwrite: bool) -> None:
    """Refuse a name that is taken: scores are replaced when asked, anything else never.

    Raises
    ------
    OutputError
        If ``out`` exists and may not be replaced.
    """
    if not os.path.lexists(out):
        return
    if not overwrite:
        raise OutputError(f"{out} exists", do="Choose another folder, or allow it with --overwrite.")
    empty = out.is_dir() and not any(out.iterdir())
    if not (empty or is_scores(out)):
        raise OutputError(
            f"{out} exists and holds no scores (no {MANIFEST})",
            do="Choose another folder; this one is left as it is.",
        )


def draft_of(out: Path) -> Path:
    """A new hidden name beside a result."""
    return out.with_name(f".{out.name}.{uuid4().hex}.part")


def flush(path: Path) -> None:
    """Ask the system to bring a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_all(draft: Path) -> None:
    for path in sorted(draft.iterdir()):
        flush(path)
    flush(draft)


def _put_in_place(draft: Path, out: Path) -> None:
    """Rename the draft; an old folder steps aside first and goes only when the new one stands."""
    old = draft.with_name(draft.name + ".old")
    if out.exists():
        out.rename(old)
    try:
        draft.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
    flush(out.parent)
