"""`metarisk trajectory MODEL INPUT --out FOLDER`: risk over a patient's dated samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Input, Model, Overwrite, TrackingUri


def trajectory(  # noqa: PLR0913, PLR0917  (an option each)
    model: Model,
    samples: Input,
    out: Annotated[Path, typer.Option(help="Folder to make for the table and the figures.")],
    dates: Annotated[
        Path | None,
        typer.Option(
            help="Table of sample_id and time_days (from the patient's baseline) or date (YYYY-MM-DD); "
            "if left out, the study's extra.sample_day."
        ),
    ] = None,
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
    overwrite: Overwrite = False,
) -> None:
    """Follow patients over several dated samples, or dated values that the model reads.

    Every answer has its interval, and its change since the moment before an interval of its own. Where not
    the same was measured both times, the change with only what both have stands beside it.
    """
    from metarisk.cli.show import show_facts, show_notes
    from metarisk.jobs.trajectory import READ
    from metarisk.jobs.trajectory import trajectory as run

    result = run(
        model,
        samples,
        out,
        dates=dates,
        data_root=data_root,
        tracking_uri=tracking_uri,
        overwrite=overwrite,
    )
    show_notes([*result.notes, READ])
    show_facts(
        {
            "patients": result.table["patient_id"].nunique(),
            "moments": result.table["moment"].nunique(),
            "tables": result.folder,
        }
    )
