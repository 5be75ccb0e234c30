"""`metarisk score MODEL INPUT --out FOLDER`: answers for samples, one row a sample and question."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Input, Model, Overwrite, TrackingUri

SOME_SET_ASIDE = 1


def score(
    model: Model,
    samples: Input,
    out: Annotated[
        Path, typer.Option(help="Folder to make for scores.parquet, quarantine.tsv and scores.json.")
    ],
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
    overwrite: Overwrite = False,
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
