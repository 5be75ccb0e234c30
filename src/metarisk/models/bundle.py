"""The bundle: everything that scoring needs, in safetensors, JSON and parquet, under a manifest of hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metarisk import __version__
from metarisk.config.experiment import Experiment
from metarisk.errors import BundleError, first_ten
from metarisk.features.transform import FeatureTransform
from metarisk.files import placed, sha256_of
from metarisk.models.calibration import Calibration
from metarisk.models.ensemble import Ensemble
from metarisk.models.fingerprint import TrainingIds
from metarisk.models.reference import NO_REFERENCE, Reference
from metarisk.pathways.topology import Topology

FORMAT = "metarisk.bundle"
FORMAT_VERSION = 5
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ModelBundle:
    """A trained model with all that it was trained with.

    Attributes
    ----------
    experiment
        The configuration it came from.
    topology
        The graph it was trained on.
    transform
        How a cohort becomes its features.
    ensemble, calibration
        Its networks, and how their answers become probabilities.
    training_ids
        Fingerprint of its training patients.
    provenance
        Hashes and names of the data, and counts of the training set.
    figures
        Held-out figures, one mapping a row.
    card
        Model card, Markdown.
    reference
        What its training patients look like: how far a sample is from them, and whether a cohort drifted.
    subgroups
        Our held-out figures in groups of patients, one mapping a row; empty where they were not kept.
    sha256
        Hash over the manifest of files; empty until it is saved.
    version
        Registered version, or the first letters of the hash.
    """

    experiment: Experiment
    topology: Topology
    transform: FeatureTransform
    ensemble: Ensemble
    calibration: Calibration
    training_ids: TrainingIds
    provenance: Mapping[str, Any]
    figures: tuple[Mapping[str, Any], ...]
    card: str
    reference: Reference = NO_REFERENCE
    subgroups: tuple[Mapping[str, Any], ...] = ()
    sha256: str = ""
    version: str = ""

    @property
    def name(self) -> str:
        """Name of the model in tables of scores."""
        return self.experiment.tracking.model_name

    def as_version(self, version: str) -> ModelBundle:
        """The same model under a registered version."""
        return replace(self, version=version)


def save_bundle(bundle: ModelBundle, folder: Path, *, overwrite: bool = False) -> ModelBundle:
    """Write a bundle; it appears under its name only when every file is on disk.

    Returns
    -------
    ModelBundle
        The same bundle with its hash and version filled in.

    Raises
    ------
    OutputError
        If the folder exists and may not be replaced, or cannot be written.
    """
    from metarisk.models.bundle_files import write_files

    with placed(folder, overwrite=overwrite, marker=MANIFEST) as draft:
        write_files(bundle, draft)
        sha256 = _write_manifest(bundle.name, draft)
    return replace(bundle, sha256=sha256, version=sha256[:12])


def load_bundle(folder: Path) -> ModelBundle:
    """Read a bundle after checking the hash of every file.

    Raises
    ------
    BundleError
        If the folder is no bundle, is of another format version, or a file is missing, added or altered.
    """
    from metarisk.models.bundle_files import read_files

    manifest = check_bundle(folder)
    bundle = read_files(folder)
    return replace(bundle, sha256=manifest["sha256"], version=manifest["sha256"][:12])


def check_bundle(folder: Path) -> dict[str, Any]:
    """Verify a bundle's manifest and files without loading it; raises `BundleError` like `load_bundle`."""
    manifest = _read_manifest(folder)
    listed, present = manifest["files"], _files(folder)
    if set(listed) != set(present):
        wrong = set(listed) ^ set(present)
        raise BundleError(
            f"{folder.name}: files missing or added ({first_ten(sorted(wrong))})",
            expected="the files of its manifest and no others",
            do="Copy the whole bundle again from where it was published.",
        )
    altered = [name for name, digest in sorted(listed.items()) if sha256_of(folder / name) != digest]
    if altered or _hash_of(listed) != manifest["sha256"]:
        raise BundleError(
            f"{folder.name}: altered since it was saved ({first_ten(altered or [MANIFEST])})",
            expected="the SHA-256 of its manifest",
            do="Do not score with it; copy it again or publish it anew.",
        )
    return manifest


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(
            f"{folder} has no {MANIFEST}",
            expected="a bundle folder",
            do="Pass the folder that `train` wrote.",
        )
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["format_version"] if manifest["format"] == FORMAT else None
        if version == FORMAT_VERSION:
            _ = manifest["name"], manifest["sha256"], dict(manifest["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"{path} is not a manifest", expected="the JSON that `train` wrote", do="Copy it again."
        ) from error
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{folder.name} has bundle format {version}, written by metarisk {manifest.get('metarisk')}",
            expected=f"format {FORMAT_VERSION}, which metarisk {__version__} reads",
            do="Install the version of metarisk that wrote it.",
        )
    return manifest


def _write_manifest(name: str, folder: Path) -> str:
    files = {path: sha256_of(folder / path) for path in _files(folder)}
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "metarisk": __version__,
        "name": name,
        "files": files,
        "sha256": _hash_of(files),
    }
    path = folder / MANIFEST
    path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return str(manifest["sha256"])


def _files(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def _hash_of(files: Mapping[str, str]) -> str:
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
