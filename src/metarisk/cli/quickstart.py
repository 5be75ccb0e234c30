"""`metarisk quickstart`: the whole job on a simulated cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import Overwrite


def quickstart(
    out: Annotated[Path, typer.Option(help="Folder for the run, the bundle and the scores.")] = Path(
        "metarisk-quickstart"
    ),
    samples: Annotated[
        int | None, typer.Option(min=60, help="Simulated tumours; the built-in number if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds print equal numbers.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Run the whole job on a simulated cohort.

    Simulate, train, track, register, score a held-out part through the registry, and show how it did.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import duration, show_facts, show_figures, show_notes
    from metarisk.jobs.quickstart import quickstart as run

    with progress() as on_progress:
        result = run(out, samples=samples, seed=seed, overwrite=overwrite, on_progress=on_progress)
    show_figures(result.figures)
    show_notes(result.notes)
    show_facts(
        {
            "planted": ", ".join(
                f"{rank.pathway} -> {rank.endpoint} (rank {rank.rank} of {rank.of})" for rank in result.ranks
            ),
            "recovery": f"{result.recovery:.3f} (planted circuit ranked above another; 0.5 is chance)",
            "coverage": f"{result.coverage:.3f} of the 95 % intervals hold the true probability",
            "model": result.model,
            "bundle": result.bundle,
            "scores": result.scores,
            "run": result.run_id,
            "tracking": result.tracking_uri,
            "took": duration(result.wall_s),
            "report": f"{result.page} (open it in a browser)",
        }
    )
