"""`metarisk report MODEL INPUT --out FOLDER`: one page a patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Input, Model, Overwrite, TrackingUri


def report(  # noqa: PLR0913, PLR0917  (an option each)
    model: Model,
    samples: Input,
    out: Annotated[Path, typer.Option(help="Folder to make: HTML, JSON and TSV of each sample.")],
    patient: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Patient or sample to report on; repeatable.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="A page of every sample, up to --limit.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most pages that --all makes.")] = 50,
    circuits: Annotated[bool, typer.Option(help="Take the answers apart.")] = True,
    what_if: Annotated[bool, typer.Option(help="Ask the model what if.")] = True,
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
    overwrite: Overwrite = False,
) -> None:
    """Make one page a patient: data quality first, then risk over time, organs, response, and why.

    Each page is one HTML file that opens offline and prints on A4, with JSON and TSV of the same beside it;
    several have an index. Research use only.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import show_facts
    from metarisk.jobs.report import Chosen
    from metarisk.jobs.report import report as run

    chosen = Chosen(tuple(patient or ()), everybody, limit, circuits, what_if)
    with progress() as on_progress:
        result = run(
            model,
            samples,
            out,
            chosen,
            data_root=data_root,
            tracking_uri=tracking_uri,
            overwrite=overwrite,
            progress=on_progress,
        )
    over = f"{result.left_out} samples over --limit" if result.left_out else ""
    show_facts({"pages": result.pages, "left out": over, "open": result.first})
