"""The registry: a bundle published under a name, and a name resolved to a verified bundle."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from metarisk.errors import RegistryError
from metarisk.models.bundle import check_bundle, load_bundle
from metarisk.tracking.aliases import point
from metarisk.tracking.fetch import fetch_bundle, last_known, remember
from metarisk.tracking.store import connect, experiment_id, failures, told
from metarisk.tracking.versions import find_version, store_of

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
LONGEST_DESCRIPTION = 5000


class Published(NamedTuple):
    """Where a bundle stands in the registry.

    Attributes
    ----------
    name, version, alias
        Registered model, its new version, and the alias that points at it now.
    uri
        Tracking URI of the registry.
    replaced
        Version that the alias pointed at before; empty if none.
    """

    name: str
    version: str
    alias: str
    uri: str
    replaced: str = ""


class Resolved(NamedTuple):
    """A model on this machine, verified.

    Attributes
    ----------
    folder
        Its bundle.
    version
        Registered version, or the first letters of the bundle's hash.
    name
        Registered model, or the bundle's own name.
    """

    folder: Path
    version: str
    name: str


def publish_bundle(
    folder: Path,
    *,
    name: str,
    alias: str,
    uri: str,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Published:
    """Register a bundle as a new version and point an alias at it.

    The alias moves last: whoever asks for it gets the earlier version or the whole of the new one. Where it
    is ``champion``, the earlier version keeps the alias ``previous``.

    Parameters
    ----------
    folder
        The bundle.
    name, alias
        Registered model, made if need be, and alias, e.g. ``champion``.
    uri
        Tracking URI of the registry.
    run_id
        Run in the same store that the bundle came from; a run of its own is made if None.
    tags
        Facts to record with the version beside its hashes.

    Raises
    ------
    BundleError
        If the folder is no whole and unaltered bundle.
    RegistryError
        If MLflow is not installed, or the registry refuses.
    """
    bundle = load_bundle(folder)
    with told(uri):
        client = connect(uri, write=True)
        run = client.get_run(run_id) if run_id else _own_run(client, bundle, uri)
        model = _log_model(client, bundle, folder, run)
        _ensure_name(client, name)
        version = client.create_model_version(
            name,
            # With a run, and not models:/<id>: a sqlite registry looks those up in MLflow's default store.
            source=model.artifact_location,
            run_id=run.info.run_id,
            model_id=model.model_id,
            tags={**(tags or {}), **_tags(bundle)},
            description=bundle.card[:LONGEST_DESCRIPTION],
        )
        replaced = point(client, name, alias, str(version.version))
    return Published(name, str(version.version), alias, uri, replaced)


def resolve(model: str, uri: str | None = None, *, cache: Path | None = None) -> Resolved:
    """Verified bundle of a registered model, or of a folder.

    Parameters
    ----------
    model
        ``models:/name@alias``, ``models:/name/version``, or a bundle folder (which needs no MLflow).
    uri
        Tracking URI of the registry; MLflow's own default if None.
    cache
        Folder that keeps bundles fetched from a server, by their hash; ``~/.cache/metarisk`` if None.

    Raises
    ------
    RegistryError
        If MLflow is not installed, or the registry, the name, the alias or the version does not exist; the
        nearest that does is named. Of a server that does not answer, it is told which bundle the name stood
        for when it last did; that is not taken unasked.
    BundleError
        If the bundle is partial or altered, or is not the one that was registered.
    """
    if not model.startswith("models:/"):
        manifest = check_bundle(Path(model))
        return Resolved(Path(model), manifest["sha256"][:12], manifest["name"])
    parts = MODEL_URI.fullmatch(model)
    if parts is None:
        raise RegistryError(
            f"{model!r} names no registered model",
            expected="models:/name@alias or models:/name/3",
            do="Correct the name.",
        )
    store = store_of(uri)
    if_down = last_known(cache, store, model)
    found = find_version(store, parts["name"], parts["alias"] or parts["version"], if_down=if_down)
    with told(store, do=if_down):
        folder = fetch_bundle(connect(store, write=False), store, found, cache)
    remember(cache, store, model, found.version, folder)
    return Resolved(folder, found.version, found.name)


def _own_run(client: Any, bundle: ModelBundle, uri: str) -> Any:
    """A run for a bundle that comes from none in this store."""
    section = bundle.experiment.tracking
    experiment = experiment_id(client, uri, section.experiment)
    run = client.create_run(experiment, run_name=f"publish {bundle.experiment.name}", tags=_tags(bundle))
    client.set_terminated(run.info.run_id, "FINISHED")
    return run


def _log_model(client: Any, bundle: ModelBundle, folder: Path, run: Any) -> Any:
    """Store a bundle as an MLflow model; MLflow's record of it."""
    from metarisk.tracking.stored_model import save_model

    experiment, run_id = run.info.experiment_id, run.info.run_id
    logged = client.create_logged_model(experiment, name=bundle.experiment.name, source_run_id=run_id)
    status = "FAILED"
    try:
        with tempfile.TemporaryDirectory() as scratch:
            save_model(bundle, folder, Path(scratch) / "model", logged)
            client.log_model_artifacts(logged.model_id, str(Path(scratch) / "model"))
        status = "READY"
    finally:
        client.finalize_logged_model(logged.model_id, status)
    return logged


def _tags(bundle: ModelBundle) -> dict[str, str]:
    return {
        "bundle_sha256": bundle.sha256,
        "topology_sha256": bundle.topology.sha256,
        "cohort_sha256": str(bundle.provenance.get("cohort_sha256", "")),
    }


def _ensure_name(client: Any, name: str) -> None:
    try:
        client.create_registered_model(name)
    except failures():
        # It exists, or may not be made: the second is told by this question.
        client.get_registered_model(name)
