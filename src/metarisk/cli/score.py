"""`metarisk score MODEL INPUT --out FOLDER`: answers for samples, one row a sample and question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from metarisk.cli.options import DataRoot, Input, Model, Overwrite, TrackingUri

if TYPE_CHECKING:
    from metarisk.score.ray_connection import RayPlan

SOME_SET_ASIDE = 1


def score(  # noqa: PLR0913, PLR0917  (an option each)
    model: Model,
    samples: Input,
    out: Annotated[
        Path, typer.Option(help="Folder to make for scores.parquet, quarantine.tsv and scores.json.")
    ],
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
    overwrite: Overwrite = False,
    engine: Annotated[
        Literal["process", "ray"],
        typer.Option(help="This process alone, or Ray's workers (pip install 'metarisk[ray]'). Same bytes."),
    ] = "process",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers of Ray, one CPU each; all CPUs if left out.")
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="A running cluster of Ray; this machine if left out."),
    ] = None,
) -> None:
    """Score samples with a bundle or a registered model.

    While it runs its work lies in OUT.unfinished; after a kill, an interrupt or a full disk the same command
    goes on from there. Rows that cannot be scored are set aside in quarantine.tsv with the reason. A stored
    cohort and a single table are streamed, in bounded memory; other inputs are read whole, so ingest a large
    one first.

    Exits 0 all scored, 1 rows were set aside and the rest is scored, 2 could not run, 130 or 143 stopped.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.refusal import tell_refusal
    from metarisk.cli.show import show_facts
    from metarisk.cli.stopping import stop_on_signals
    from metarisk.errors import StoppedError
    from metarisk.jobs.score import score as run
    from metarisk.score.quarantine import QUARANTINE

    with progress() as on_progress, stop_on_signals() as stop:
        try:
            report = run(
                model,
                samples,
                out,
                data_root=data_root,
                tracking_uri=tracking_uri,
                overwrite=overwrite,
                ray=_plan(engine, workers, ray_address),
                progress=on_progress,
                stop=stop,
            )
        except StoppedError as stopped:
            tell_refusal(stopped)
            raise typer.Exit(stop.exit_code) from stopped
    show_facts(
        {
            "model": f"{report.model_name} {report.model_version}",
            "input": report.input_name,
            "samples": report.samples,
            "set aside": f"{report.set_aside} rows, see {out / QUARANTINE}" if report.set_aside else "",
            "rows": f"{report.rows}, {report.abstained} of them without an answer",
            "flags": ", ".join(f"{flag} {count}" for flag, count in report.flags.items()),
            "scores": report.scores,
        }
    )
    if report.set_aside:
        raise typer.Exit(SOME_SET_ASIDE)


def _plan(engine: str, workers: int | None, address: str | None) -> RayPlan | None:
    if engine != "ray":
        return None
    from metarisk.score.ray_connection import RayPlan

    return RayPlan(workers, address)
