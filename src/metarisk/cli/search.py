"""`metarisk search CONFIG`: settings tried on folds of the training patients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Overwrite

SEARCHES = Path("searches")
SHOWN_TRIALS = 10


def search(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="A complete experiment with a search section, YAML.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the trials; searches/<name of CONFIG> if left out."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Trials in all, in place of the configuration's; earlier ones count."),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train the best experiment at the end and judge it.")
    ] = False,
    data_root: DataRoot = None,
    overwrite: Overwrite = False,
) -> None:
    """Search settings on folds of the training patients; a search that was interrupted goes on.

    The held-out patients are never read. The best experiment is a configuration for `metarisk train`.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import duration, show_facts, show_figures, show_notes, show_table
    from metarisk.jobs.search import SearchOptions
    from metarisk.jobs.search import search as run

    folder = out or SEARCHES / config.stem
    options = SearchOptions(data_root, trials, train, overwrite)
    with progress() as on_progress:
        result = run(config, out=folder, options=options, on_progress=on_progress)
    shown = result.trials.sort_values("value", ascending=result.metric == "valid_loss", kind="stable")
    table = shown.head(SHOWN_TRIALS).drop(columns=["by_fold"])
    show_table(
        list(table.columns), [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    )
    if result.trained is not None:
        show_figures(result.trained.figures)
    show_notes(result.notes)
    changed = [
        f"{key} {_cell(was)} -> {_cell(now)}" for key, (was, now) in result.changed.items() if was != now
    ]
    counts = result.trials["state"].value_counts()
    facts: dict[str, object] = {
        "trials": ", ".join(f"{number} {state}" for state, number in counts.items()),
        "best": f"trial {result.best}, {result.metric} {result.after:.4f} on the inner folds",
        "as it stands": None if result.before is None else f"{result.metric} {result.before:.4f}",
        "changed": ", ".join(changed) or "nothing: the configuration as it stands is the best",
        "experiment": result.experiment,
        "all trials": folder / "trials.tsv",
        "run": result.run_id,
        "tracking": result.tracking_uri,
        "took": duration(result.wall_s),
    }
    if result.trained is not None:
        facts |= {"bundle": result.trained.bundle, "figures": result.trained.drawn}
    show_facts(facts)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
