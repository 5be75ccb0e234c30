"""`metarisk publish`: a bundle that passes its gates becomes a version in the registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metarisk.tracking.registry import Published


def publish(
    bundle: Path,
    *,
    alias: str = "champion",
    name: str | None = None,
    uri: str | None = None,
    run_id: str | None = None,
) -> Published:
    """Judge a bundle by the gates of its own configuration, then register it.

    Parameters
    ----------
    bundle
        Folder that `train` wrote.
    alias
        Alias that the new version takes.
    name
        Registered model; that of the configuration if None.
    uri
        Tracking URI of the registry; if None that of the configuration, else the sqlite store beside the
        bundle.
    run_id
        Run in the same store that the bundle came from.

    Raises
    ------
    BundleError
        If the folder is no whole and unaltered bundle.
    GateRefusedError
        If a gate fails; every one that does is named, and nothing is registered.
    RegistryError
        If MLflow is not installed, or the registry refuses.
    """
    from metarisk.jobs.gates import check_gates
    from metarisk.models.bundle import load_bundle
    from metarisk.tracking.registry import publish_bundle
    from metarisk.tracking.run import default_uri

    loaded = load_bundle(bundle)
    check_gates(loaded.experiment.gates, loaded.figures, loaded.name)
    section = loaded.experiment.tracking
    return publish_bundle(
        bundle,
        name=name or section.model_name,
        alias=alias,
        uri=uri or section.uri or default_uri(bundle.resolve().parent),
        run_id=run_id,
    )
