"""`metarisk evaluate MODEL STUDY`: figures of a model on labelled samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Model, Overwrite, Study, TrackingUri


def evaluate(  # noqa: PLR0913, PLR0917  (an option each)
    model: Model,
    study: Study,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to make for a page (report.html), tables and figures."),
    ] = None,
    versus: Annotated[
        str, typer.Option(metavar="MODEL", help="Another model to compare it with on the same samples.")
    ] = "",
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
    overwrite: Overwrite = False,
) -> None:
    """Judge a model on known outcomes."""
    from metarisk.cli.show import show_facts, show_figures, show_notes, show_table
    from metarisk.jobs.evaluate import Beside
    from metarisk.jobs.evaluate import evaluate as run
    from metarisk.jobs.train import Output
    from metarisk.report.tables import versus_rows

    result = run(
        model,
        study,
        output=None if out is None else Output(out, overwrite=overwrite),
        beside=Beside(model=versus),
        data_root=data_root,
        tracking_uri=tracking_uri,
    )
    show_figures(result.figures)
    if "versus" in result.tables:
        show_table(*versus_rows(result.tables["versus"]))
    show_notes(result.notes)
    show_facts({"samples": result.samples, "tables": result.folder, "report": result.page})
