"""Where a service keeps its files; every name below is one that we made."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from metarisk.errors import InputError, OutputError

ORPHAN_S = 3600.0


@dataclass(frozen=True)
class DataFolder:
    """Folders of jobs and of pinned models.

    ::

        jobs/<id>/input/    what was uploaded
        jobs/<id>/result/   what `metarisk score` made; it stands there only when it is whole
    jobs/<id>/result.*  what it has made so far, by which the next worker goes on
        models/<sha256>/    bundle folders, copied when a job pins one
    """

    path: Path

    @classmethod
    def made(cls, path: Path) -> DataFolder:
        """The folder, made where it lacks; nobody else on the machine may look into it."""
        try:
            for folder in (path, path / "jobs", path / "models"):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise OutputError(
                f"{path} cannot be made ({error.strerror})", do="Check the path and its permissions."
            ) from error
        return cls(path)

    @property
    def models(self) -> Path:
        """Pinned bundles, by hash."""
        return self.path / "models"

    def job(self, job_id: str) -> Path:
        """A job's folder; raises `InputError` for what is no UUID."""
        try:
            return self.path / "jobs" / str(UUID(job_id))
        except ValueError as error:
            raise InputError("this is no job's id", expected="a UUID", do="Correct it.") from error

    def input(self, job_id: str) -> Path:
        """What was uploaded for a job."""
        return self.job(job_id) / "input"

    def result(self, job_id: str) -> Path:
        """The scores of a job."""
        return self.job(job_id) / "result"

    def drop_result(self, job_id: str) -> None:
        """Remove what a job made so far, whole or not; its input stays."""
        for path in self.job(job_id).glob("result*"):
            shutil.rmtree(path, ignore_errors=True)

    def drop(self, job_id: str) -> None:
        """Remove a job's files."""
        shutil.rmtree(self.job(job_id), ignore_errors=True)

    def orphans(self) -> list[str]:
        """Ids of folders that have lain for an hour; a request cut short leaves one without a job."""
        old = time.time() - ORPHAN_S
        return [each.name for each in _entries(self.path / "jobs") if each.stat().st_mtime < old]

    def drop_models(self, *, needed: Collection[str]) -> None:
        """Remove pinned bundles that no open job needs, a day after they were pinned."""
        old = time.time() - 24 * ORPHAN_S
        for each in _entries(self.models):
            if each.name not in needed and each.stat().st_mtime < old:
                shutil.rmtree(each, ignore_errors=True)


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
