"""`metarisk score MODEL INPUT --out FOLDER`: answers for samples, one row a sample and question."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Input, Model, Overwrite, TrackingUri


def score(
    model: Model,
    samples: Input,
    out: Annotated[Path, typer.Option(help="Folder to make for scores.parquet and scores.json.")],
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
    overwrite: Overwrite = False,
) -> None:
    """Score samples with a bundle or a registered model."""
    from metarisk.cli.show import show_facts
    from metarisk.jobs.score import score as run

    report = run(model, samples, out, data_root=data_root, tracking_uri=tracking_uri, overwrite=overwrite)
    show_facts(
        {
            "model": f"{report.model_name} {report.model_version}",
            "input": report.input_name,
            "samples": report.samples,
            "rows": f"{report.rows}, {report.abstained} of them without an answer",
            "flags": ", ".join(f"{flag} {count}" for flag, count in report.flags.items()),
            "scores": report.scores,
        }
    )
