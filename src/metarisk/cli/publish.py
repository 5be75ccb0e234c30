"""`metarisk publish BUNDLE`: a bundle that passes its gates into the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.models import JudgedOn
from metarisk.cli.options import DataRoot, TrackingUri


def publish(  # noqa: PLR0913, PLR0917  (an option each)
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle folder that `train` wrote.")],
    alias: Annotated[str, typer.Option(help="Alias that the new version takes.")] = "champion",
    name: Annotated[
        str | None, typer.Option(help="Registered model; the configuration's name if left out.")
    ] = None,
    judge: JudgedOn = None,
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
    run_id: Annotated[str | None, typer.Option(help="MLflow run that the bundle came from.")] = None,
) -> None:
    """Register a bundle that passes its gates.

    The gates stand in the configuration that the bundle was trained with. `--alias challenger` registers it
    beside the champion; `metarisk models promote` makes it champion.
    """
    from metarisk.cli.models import show_verdicts
    from metarisk.cli.show import show_facts
    from metarisk.jobs.champion import Cohort
    from metarisk.jobs.publish import publish as run

    cohort = None if judge is None else Cohort(judge, data_root)
    published = run(bundle, alias=alias, name=name, uri=tracking_uri, run_id=run_id, cohort=cohort)
    show_verdicts(published.verdicts)
    show_facts(
        {
            "model": f"models:/{published.name}@{published.alias}",
            "version": published.version,
            "before": published.replaced,
            "tracking": published.uri,
        }
    )
