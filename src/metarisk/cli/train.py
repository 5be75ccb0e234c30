"""`metarisk train CONFIG`: one complete experiment."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Overwrite

RUNS = Path("runs")


def train(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="A complete experiment, YAML; see configs/.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the bundle and the run; runs/<name of CONFIG> if left out."),
    ] = None,
    data_root: DataRoot = None,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a job with the same configuration was cut off.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Write a log line an epoch to stderr.")] = False,
) -> None:
    """Train one experiment and judge it.

    Held-out patients, the controls beside the model, calibration, a tracked run and a bundle. Under torchrun
    the processes share the members, or each member's minibatches.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import duration, show_facts, show_figures, show_notes
    from metarisk.jobs.train import train as run
    from metarisk.train.processes import joined

    if verbose:
        logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
        logging.getLogger("metarisk").setLevel(logging.INFO)
    folder = out or RUNS / config.stem
    with progress() as on_progress, joined(os.environ):
        result = run(
            config,
            out=folder,
            data_root=data_root,
            overwrite=overwrite,
            resume=resume,
            on_progress=on_progress,
        )
    if result is None:
        return
    show_figures(result.figures)
    show_notes(result.notes)
    show_facts(
        {
            "bundle": result.bundle,
            "figures": result.drawn,
            "report": result.page,
            "run": result.run_id,
            "tracking": result.tracking_uri,
            "took": f"{duration(result.wall_s)}, {result.peak_gib:.2f} GiB at most",
        }
    )
