"""`metarisk validate INPUT`: all problems at once, as text, as JSON and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Input, Overwrite


def validate(
    study: Input,
    data_root: DataRoot = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write findings and counts to this file as JSON.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write them as one page that opens offline.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """List every problem of a study.

    Exits 0 clean, 3 warnings only, 1 errors, 2 could not run.
    """
    from metarisk.cli.findings import exit_code, show_validation
    from metarisk.cli.show import show_facts
    from metarisk.jobs.validate import validate as run

    validation = run(
        study, data_root=data_root, json_file=json_file, html_file=html_file, overwrite=overwrite
    )
    show_validation(validation)
    show_facts({"json": json_file, "page": html_file})
    raise typer.Exit(exit_code(validation))
