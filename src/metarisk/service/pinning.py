"""The model of a job, fixed when the job starts: an alias may move while it runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from metarisk.errors import BundleError, OutputError


class Pinned(NamedTuple):
    """A model that cannot become another one.

    Attributes
    ----------
    location
        ``models:/name/3`` of a registered model, or a copy of a bundle folder under its hash.
    version
        Registered version, or the first letters of the hash.
    sha256
        Hash of the bundle.
    """

    location: str
    version: str
    sha256: str


def pin_model(location: str, *, tracking_uri: str | None, models: Path) -> Pinned:
    """Resolve a model once.

    A registered version never changes, and its bundle is verified against the hash that was registered
    whenever it is opened. A folder may be replaced at any time, so a copy is kept under its hash.

    Parameters
    ----------
    location
        Bundle folder, or ``models:/name@alias``.
    tracking_uri
        Registry.
    models
        Folder of copies.

    Raises
    ------
    BundleError, RegistryError
        If it cannot be resolved.
    """
    from metarisk.models.bundle import check_bundle
    from metarisk.tracking.registry import resolve

    found = resolve(location, tracking_uri)
    sha256 = str(check_bundle(found.folder)["sha256"])
    if location.startswith("models:/"):
        return Pinned(f"models:/{found.name}/{found.version}", found.version, sha256)
    return Pinned(str(_copied(found.folder, models / sha256, sha256)), found.version, sha256)


def check_pinned(location: str, sha256: str, *, tracking_uri: str | None) -> None:
    """Raise `BundleError` if a pinned name leads to another bundle now: the registry was rebuilt, say."""
    from metarisk.models.bundle import check_bundle
    from metarisk.tracking.registry import resolve

    found = str(check_bundle(resolve(location, tracking_uri).folder)["sha256"])
    if found != sha256:
        raise BundleError(
            f"the job's model hashes to {found[:12]} now",
            expected=f"{sha256[:12]}, with which the job started",
            do="Submit the job again, and find out who replaced the model.",
        )


def _copied(folder: Path, copy: Path, sha256: str) -> Path:
    """The copy of a bundle, made where it lacks; a worker beside this one may make the same."""
    from metarisk.files import placed
    from metarisk.models.bundle import MANIFEST

    if not copy.is_dir():
        try:
            with placed(copy, overwrite=False, marker=MANIFEST) as draft:
                shutil.copytree(folder, draft, dirs_exist_ok=True)
                _check(draft, sha256)
        except OutputError:
            if not copy.is_dir():
                raise
    _check(copy, sha256)
    return copy


def _check(folder: Path, sha256: str) -> None:
    from metarisk.models.bundle import check_bundle

    if check_bundle(folder)["sha256"] != sha256:
        raise BundleError("the bundle changed while it was copied", do="Submit the job again.")
