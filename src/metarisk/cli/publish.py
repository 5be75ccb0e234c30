"""`metarisk publish BUNDLE`: a bundle that passes its gates into the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import TrackingUri


def publish(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle folder that `train` wrote.")],
    alias: Annotated[str, typer.Option(help="Alias that the new version takes.")] = "champion",
    name: Annotated[
        str | None, typer.Option(help="Registered model; the configuration's name if left out.")
    ] = None,
    tracking_uri: TrackingUri = None,
    run_id: Annotated[str | None, typer.Option(help="MLflow run that the bundle came from.")] = None,
) -> None:
    """Register a bundle that passes its gates.

    The gates stand in the configuration that the bundle was trained with.
    """
    from metarisk.cli.show import show_facts
    from metarisk.jobs.publish import publish as run

    published = run(bundle, alias=alias, name=name, uri=tracking_uri, run_id=run_id)
    show_facts(
        {
            "model": f"models:/{published.name}@{published.alias}",
            "version": published.version,
            "tracking": published.uri,
        }
    )
