"""`metarisk perturb MODEL INPUT --out FOLDER`: knock out, knock down or activate in the model, and rank."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Input, Model, Overwrite, TrackingUri

Names = list[str]
SHOWN = 12


def perturb(  # noqa: PLR0913, PLR0917  (an option each)
    model: Model,
    samples: Input,
    out: Annotated[Path, typer.Option(help="Folder to make for tables, volcanoes and a summary.")],
    knock_out: Annotated[Names, typer.Option(metavar="GENE", help="Gene or circuit to knock out.")] = [],  # noqa: B006
    knock_down: Annotated[Names, typer.Option(metavar="GENE", help="Gene or circuit to lower.")] = [],  # noqa: B006
    activate: Annotated[Names, typer.Option(metavar="GENE", help="Gene or circuit to raise.")] = [],  # noqa: B006
    circuit: Annotated[Names, typer.Option(metavar="NAME", help="Circuit to turn down.")] = [],  # noqa: B006
    therapy: Annotated[
        Names, typer.Option(metavar="CLASS", help="Class of drugs, or a drug, to put upon its targets.")
    ] = [],  # noqa: B006
    screen: Annotated[
        str, typer.Option(metavar="WHAT", help="`all` genes of the topology, all `circuits`, or `therapies`.")
    ] = "",
    effect: Annotated[
        str,
        typer.Option(
            help="Of a screen: knock_out (genes, if left out), knock_down (circuits, if left out), activate."
        ),
    ] = "",
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Also pairs of what is named, or of a screen's strongest.")
    ] = False,
    sample: Annotated[
        Names, typer.Option("--samples", metavar="ID", help="Sample to look at; all if left out.")
    ] = [],  # noqa: B006
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
    overwrite: Overwrite = False,
) -> None:
    """Ask the model what if: rank perturbations by the change of risk, organs and response.

    Each option that names something can be given several times. The answers are the model's, to changed
    inputs; nothing was knocked out, and what goes with an outcome need not cause it.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import show_facts, show_notes, show_table
    from metarisk.jobs.perturb import Wish
    from metarisk.jobs.perturb import perturb as run
    from metarisk.jobs.perturbed_files import HONEST
    from metarisk.report.perturbed import strongest_rows

    wish = Wish(
        tuple(knock_out),
        tuple(knock_down),
        tuple(activate),
        tuple(circuit),
        tuple(therapy),
        screen,
        effect.replace("-", "_"),
        pairs,
        tuple(sample),
    )
    with progress() as on_progress:
        result = run(
            model,
            samples,
            out,
            wish,
            data_root=data_root,
            tracking_uri=tracking_uri,
            overwrite=overwrite,
            progress=on_progress,
        )
    show_table(*strongest_rows(result.screen, SHOWN))
    show_notes([*result.notes, HONEST[0]])
    show_facts({"tables": result.folder})
