"""`metarisk ingest INPUT --out FOLDER`: a study checked and stored, ready to train on or to score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Input, Overwrite


def ingest(
    study: Input,
    out: Annotated[
        Path, typer.Option(help="Folder to make for the stored cohort, or a file ending in .h5mu.")
    ],
    data_root: DataRoot = None,
    overwrite: Overwrite = False,
) -> None:
    """Check a study and store its cohort.

    Exits 0 stored, 1 the study has errors and nothing was written, 2 could not run.
    """
    from metarisk.cli.findings import ERRORS, show_validation
    from metarisk.cli.show import show_facts
    from metarisk.jobs.ingest import ingest as run

    result = run(study, out, data_root=data_root, overwrite=overwrite)
    show_validation(result.validation)
    if result.validation.errors:
        show_facts({"stored": "nothing, for the errors above"})
        raise typer.Exit(ERRORS)
    show_facts({"stored": out, "sha256": result.sha256, "next": f"metarisk score MODEL {out} --out SCORES"})
