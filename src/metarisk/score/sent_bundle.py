"""A bundle on its way to another process or machine: files, and what they must be scored with."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk import __version__
from metarisk.errors import ResourceError

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

COMPUTES = ("torch", "numpy", "numba")  # their versions may change the last bit of a number


@dataclass(frozen=True)
class SentBundle:
    """Files of a bundle; whoever loads them checks each against the hashes of its manifest.

    Attributes
    ----------
    files
        Path within the bundle -> content.
    sha256, version
        What the bundle calls itself.
    versions
        Of the packages that compute, where it was sent from.
    """

    files: dict[str, bytes]
    sha256: str
    version: str
    versions: dict[str, str]

    @classmethod
    def of(cls, bundle: ModelBundle) -> SentBundle:
        """A bundle, packed."""
        from metarisk.models.bundle import save_bundle

        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "bundle"
            save_bundle(bundle, folder)
            paths = [path for path in folder.rglob("*") if path.is_file()]
            files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return cls(files, bundle.sha256, bundle.version, _versions_here())

    def load(self) -> ModelBundle:
        """The bundle.

        Raises
        ------
        BundleError
            If a file is not what it was.
        ResourceError
            If other versions compute here than where it was sent from.
        """
        from metarisk.models.bundle import load_bundle

        if _versions_here() != self.versions:
            raise ResourceError(
                f"a worker of Ray has {_told(_versions_here())}",
                expected=_told(self.versions),
                do="Install the same versions on every node: others may give other numbers.",
            )
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "bundle"
            for name, content in self.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            return replace(load_bundle(folder), sha256=self.sha256, version=self.version)


def _versions_here() -> dict[str, str]:
    return {"metarisk": __version__} | {name: version(name) for name in COMPUTES}


def _told(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())
