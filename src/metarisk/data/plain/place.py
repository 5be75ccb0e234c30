"""Where a file that the study file names lies; never outside the study's folder."""

from __future__ import annotations

from pathlib import Path

from metarisk.data.found import Found, error


def inside(folder: Path, file: Path, found: Found) -> Path | None:
    """Path of a file below the study's folder; None, with an error, if it leads out of it."""
    if file.is_absolute() or ".." in file.parts:
        message = f"names a file outside the study's folder ({file})"
        found.append(error("study file", message, "Name a file below the folder."))
        return None
    return folder / file
