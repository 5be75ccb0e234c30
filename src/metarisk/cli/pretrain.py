"""`metarisk pretrain CONFIG`: a graph body from samples without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Overwrite
from metarisk.cli.train import RUNS


def pretrain(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="An experiment, YAML; see configs/.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the body and the run; runs/<name of CONFIG> if left out."),
    ] = None,
    data_root: DataRoot = None,
    overwrite: Overwrite = False,
) -> None:
    """Pretrain a graph body on samples without labels.

    Measured genes and assays are hidden and predicted from the others; `training.pretrained` starts from it.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import duration, show_facts, show_notes, show_table
    from metarisk.jobs.pretrain import pretrain as run

    folder = out or RUNS / config.stem
    with progress() as on_progress:
        result = run(config, out=folder, data_root=data_root, overwrite=overwrite, on_progress=on_progress)
    rows = result.figures.to_dict("records")
    show_table(
        ("assay", "hidden", "metric", "model", "value", "values judged"),
        (
            (row["assay"], row["hidden"], row["metric"], row["model"], f"{row['value']:.3f}", str(row["n"]))
            for row in rows
        ),
    )
    show_notes(result.notes)
    show_facts(
        {
            "pretrained": result.body,
            "sha256": result.sha256,
            "run": result.run_id,
            "tracking": result.tracking_uri,
            "took": duration(result.wall_s),
        }
    )
