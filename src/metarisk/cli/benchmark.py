"""`metarisk benchmark store | reading | learning`: how fast, in how much memory, and whether it learns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Overwrite, Study

Out = Annotated[Path, typer.Option(help="Folder to make; it holds the table in the end.")]
benchmark = typer.Typer(
    help="Measure speed and memory on this machine.", no_args_is_help=True, rich_markup_mode=None
)


@benchmark.command()
def store(
    samples: Annotated[
        list[int] | None, typer.Option(min=1, help="Samples of a made cohort; repeat it for several sizes.")
    ] = None,
    genes: Annotated[int, typer.Option(min=1, help="Genes of each of its three assays.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds write equal values.")] = 0,
    out: Out = Path("metarisk-benchmark-store"),
    overwrite: Overwrite = False,
) -> None:
    """Write made cohorts and read them back.

    Mutation calls, copy number and expression are drawn, written part by part, read back in parts and in
    slices, and compared with a second drawing, value by value. Writing, reading and slicing each have a
    process of their own. The cohorts are deleted; room for one is needed beside OUT.
    """
    from metarisk.cli.progress import progress
    from metarisk.jobs.benchmark_store import TABLE, Leg, benchmark_store

    with progress() as on_progress:
        legs = benchmark_store(
            samples or [2000], genes, seed, out, overwrite=overwrite, on_progress=on_progress
        )
    _tell(Leg._fields, legs, out / TABLE)


@benchmark.command()
def reading(
    study: Study,
    data_root: DataRoot = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each reader, in turn.")] = 5,
    out: Out = Path("metarisk-benchmark-reading"),
    overwrite: Overwrite = False,
) -> None:
    """Read a study with metarisk, and the same files with plain pandas.

    Each run has a fresh process. pandas only parses the tables; metarisk also checks, resolves genes, masks
    what was not measured and joins.
    """
    from metarisk.cli.progress import progress
    from metarisk.jobs.benchmark_reading import TABLE, Run, benchmark_reading

    with progress() as on_progress:
        rows = benchmark_reading(
            study, out, data_root=data_root, runs=runs, overwrite=overwrite, on_progress=on_progress
        )
    _tell(Run._fields, rows, out / TABLE)


@benchmark.command()
def learning(
    seeds: Annotated[int, typer.Option(min=1, help="Simulated cohorts.")] = 8,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first; equal seeds, equal table.")] = 20,
    patients: Annotated[int, typer.Option(min=200, help="Training patients of a cohort.")] = 600,
    held_out: Annotated[int, typer.Option(min=60, help="Further patients to be judged on.")] = 1000,
    out: Out = Path("metarisk-benchmark-learning"),
    overwrite: Overwrite = False,
) -> None:
    """Check on simulated tumours that the network learns, and only what is there.

    It must learn 64 patients by heart; name the circuits and genes that were planted, better than over
    permuted topologies and without a graph; find nothing where there is nothing; and gain with more patients.
    """
    from metarisk.cli.progress import progress
    from metarisk.jobs.benchmark_learning import TABLE, benchmark_learning
    from metarisk.jobs.benchmark_learning_statistics import Row
    from metarisk.jobs.benchmark_learning_trial import Size

    size = Size(seeds, patients, held_out)
    with progress() as on_progress:
        found = benchmark_learning(
            out, size, first_seed=first_seed, overwrite=overwrite, on_progress=on_progress
        )
    _tell(Row._fields, found.summary, out / TABLE)


def _tell(columns: Sequence[str], rows: Iterable[Iterable[object]], table: Path) -> None:
    from metarisk.cli.show import show_facts, show_rows
    from metarisk.jobs.benchmark_table import shown

    show_rows(columns, [[shown(cell) for cell in row] for row in rows])
    show_facts({"table": table})
