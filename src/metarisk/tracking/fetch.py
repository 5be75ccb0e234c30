"""A registered version's bundle on this machine: in place in a local store, else cached by its hash."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from metarisk.errors import BundleError, OutputError
from metarisk.files import written
from metarisk.models.bundle import check_bundle
from metarisk.tracking.store import quiet, shown
from metarisk.tracking.stored_model import bundle_in
from metarisk.tracking.versions import now

FILE_URI = "file://"
LAST = "last"


def fetch_bundle(client: Any, uri: str, version: Any, cache: Path | None) -> Path:
    """Folder of a registered version's bundle, verified against the hash that was registered.

    Parameters
    ----------
    client, uri
        The registry.
    version
        MLflow's record of the version.
    cache
        Folder of fetched bundles; ``~/.cache/metarisk`` if None.

    Raises
    ------
    BundleError
        If the bundle is partial or altered, or is not the one that was registered.
    """
    location = str(client.get_model_version_download_uri(version.name, version.version))
    sha256 = str(version.tags.get("bundle_sha256", ""))
    local = _local_path(location)
    if local is not None:
        return _verified(bundle_in(local), sha256)
    kept = _cache(cache) / (sha256 or f"{version.name}-{version.version}")
    if not _is_whole(kept, sha256):
        _download(location, uri, kept, sha256)
    return kept


def remember(cache: Path | None, uri: str, model: str, version: str, folder: Path) -> None:
    """Note in the cache which bundle a name stood for when a server last answered."""
    record = _record(cache, uri, model)
    told = {"model": model, "version": version, "folder": folder.name, "at": now()}
    if folder.parent != _cache(cache):
        return
    with suppress(OutputError), written(record) as draft:  # a cache may be read only
        draft.write_text(json.dumps(told, sort_keys=True) + "\n", encoding="utf-8")


def last_known(cache: Path | None, uri: str, model: str) -> str:
    """Advice on the bundle that a name stood for when its server last answered; empty where none is kept.

    It is never used unasked: another version may be champion by now.
    """
    try:
        told = json.loads(_record(cache, uri, model).read_text(encoding="utf-8"))
        folder = _cache(cache) / told["folder"]
        check_bundle(folder)
        version, at = told["version"], told["at"]
    except (OSError, ValueError, KeyError, TypeError, BundleError):
        return ""
    return f"It was version {version} on {at}: pass {folder} as the model to score with that."


def _record(cache: Path | None, uri: str, model: str) -> Path:
    digest = hashlib.sha256(f"{shown(uri)}\n{model}".encode()).hexdigest()
    return _cache(cache) / LAST / f"{digest}.json"


def _cache(cache: Path | None) -> Path:
    return cache or Path.home() / ".cache" / "metarisk"


def _verified(folder: Path, sha256: str) -> Path:
    found = check_bundle(folder)["sha256"]
    if sha256 and found != sha256:
        raise BundleError(
            f"the registry holds a bundle with hash {found[:12]}",
            expected=f"{sha256[:12]}, the one that was registered",
            do="Do not score with it; publish the model anew and find out who replaced it.",
        )
    return folder


def _is_whole(folder: Path, sha256: str) -> bool:
    """True where an earlier fetch is still good; a version without a hash is fetched each time."""
    try:
        return bool(sha256) and _verified(folder, sha256) == folder
    except BundleError:
        return False


def _download(location: str, uri: str, kept: Path, sha256: str) -> None:
    """Fetch into a folder of its own, verify, then put it under its name."""
    from mlflow.artifacts import download_artifacts

    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        with quiet():
            model = download_artifacts(artifact_uri=location, dst_path=scratch, tracking_uri=uri)
        folder = _verified(bundle_in(Path(model)), sha256)
        if kept.exists():
            shutil.rmtree(kept)
        folder.rename(kept)


def _local_path(location: str) -> Path | None:
    from mlflow.utils.file_utils import local_file_uri_to_path

    if location.startswith(FILE_URI) or location.startswith("/"):
        return Path(local_file_uri_to_path(location))
    return None
