"""`metarisk export FOLDER --csv FILE`: scores for a spreadsheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import Overwrite


def export(
    scores: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder that `score` wrote.")],
    csv: Annotated[Path, typer.Option(help="File to make; no id in it can act as a formula.")],
    overwrite: Overwrite = False,
) -> None:
    """Write scores as CSV.

    The folder is checked against its manifest first.
    """
    from metarisk.cli.show import show_facts
    from metarisk.score.export import export_csv

    export_csv(scores, csv, overwrite=overwrite)
    show_facts({"csv": csv})
