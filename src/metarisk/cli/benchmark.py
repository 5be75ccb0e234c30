"""`metarisk benchmark`: its comparisons, how fast and how well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Model, Overwrite, Study, TrackingUri

Out = Annotated[Path, typer.Option(help="Folder to make; it holds the table in the end.")]
Experiment = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="A complete experiment, YAML; see configs/benchmarks.")
]
Results = Annotated[Path, typer.Option(help="Folder of the results; a stopped run goes on in it.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Processes, one thread each.")]
benchmark = typer.Typer(
    help="Compare models on patients that none has seen; measure speed and memory on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
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
def score(  # noqa: PLR0913, PLR0917  (an option each)
    model: Model,
    samples: Annotated[
        list[int] | None, typer.Option(min=1, help="Samples of a made table; repeat it for several sizes.")
    ] = None,
    genes: Annotated[int, typer.Option(min=1, help="Genes of each assay in a row.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds write equal values.")] = 0,
    workers: Annotated[
        list[int] | None, typer.Option(min=0, help="Of Ray, 0 for none; repeat it for several numbers.")
    ] = None,
    tracking_uri: TrackingUri = None,
    out: Out = Path("metarisk-benchmark-score"),
    overwrite: Overwrite = False,
) -> None:
    """Score made tables of growing length, as `metarisk score` does.

    Rows are drawn with genes and cancer types of the model, written as parquet, and scored in a process of
    their own, on one thread. The tables and their scores are deleted; room for one is needed beside OUT.
    """
    from metarisk.cli.progress import progress
    from metarisk.jobs.benchmark_score import TABLE, Leg, benchmark_score

    with progress() as on_progress:
        legs = benchmark_score(
            model,
            samples or [2000, 8000],
            genes,
            seed,
            out,
            workers=workers or [0],
            tracking_uri=tracking_uri,
            overwrite=overwrite,
            on_progress=on_progress,
        )
    _tell(Leg._fields, legs, out / TABLE)


@benchmark.command()
def speed(  # noqa: PLR0913, PLR0917  (an option each)
    size: Annotated[
        list[str] | None, typer.Option(help="GENES/EDGES of a graph, such as 5000/50000; repeat it.")
    ] = None,
    batch: Annotated[list[int] | None, typer.Option(min=1, help="Samples of a batch; repeat it.")] = None,
    width: Annotated[int, typer.Option(min=1, help="Channels of a gene's state.")] = 32,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each measurement; medians are told.")] = 7,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds draw equal graphs.")] = 0,
    out: Out = Path("metarisk-benchmark-speed"),
    overwrite: Overwrite = False,
) -> None:
    """Run our layer beside the ways that it is written elsewhere.

    torch-geometric on a batch of copies of the graph, scatter, torch's sparse product, and every edge's
    message held for every sample; one thread, the same graphs, a process each. Then how our cost grows, and
    how it compares with the time that its memory traffic alone would need.
    """
    from metarisk.cli.progress import progress
    from metarisk.jobs.benchmark_speed import SCALING, SIZES, TABLE, SpeedPlan, benchmark_speed

    sizes = [_size(text) for text in size] if size else SIZES
    plan = SpeedPlan(sizes, batch or (32,), width, runs, seed)
    with progress() as on_progress:
        rows, scaling = benchmark_speed(out, plan, overwrite=overwrite, on_progress=on_progress)
    shown = ("formulation", "genes", "edges", "samples", "scored_per_cpu_s", "trained_per_cpu_s",
             "step_mib", "forward_ratio", "step_ratio", "note")  # fmt: skip
    _tell(shown, [[getattr(row, name) for name in shown] for row in rows], out / TABLE)
    _tell(("what", "value", "means"), scaling, out / SCALING)


@benchmark.command("score-speed")
def score_speed(  # noqa: PLR0913, PLR0917  (an option each)
    size: Annotated[str, typer.Option(help="GENES/EDGES of the model's topology.")] = "5000/50000",
    samples: Annotated[int, typer.Option(min=1, help="Samples scored at once.")] = 64,
    width: Annotated[int, typer.Option(min=1, help="Channels of a gene's state.")] = 32,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each measurement, in turn.")] = 7,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds make equal models.")] = 0,
    out: Out = Path("metarisk-benchmark-score-speed"),
    overwrite: Overwrite = False,
) -> None:
    """Score with our layer, and with every edge's message held for every sample in its place.

    A made model over a random topology, one thread: one layer, the networks of the ensemble, and from a
    cohort to a table of scores, ours and theirs in turn. Then `metarisk score` of a small table, from the
    start of the process to the finished folder.
    """
    from metarisk.cli.progress import progress
    from metarisk.jobs.benchmark_score_speed import (
        TABLE,
        ScoreSpeed,
        ScoreSpeedPlan,
        benchmark_score_speed,
    )

    plan = ScoreSpeedPlan(*_size(size), samples, width, runs, seed)
    with progress() as on_progress:
        rows = benchmark_score_speed(out, plan, overwrite=overwrite, on_progress=on_progress)
    _tell(ScoreSpeed._fields, rows, out / TABLE)


def _size(text: str) -> tuple[int, int]:
    genes, _, edges = text.partition("/")
    if not (genes.isdecimal() and edges.isdecimal() and int(genes) > 1 and int(edges) > 0):
        raise typer.BadParameter(f"{text!r} is no GENES/EDGES such as 5000/50000", param_hint="--size")
    return int(genes), int(edges)


@benchmark.command()
def compare(
    config: Experiment,
    out: Results,
    data_root: DataRoot = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Fit this model and compare nothing yet; repeat it for several."),
    ] = None,
    workers: Workers = 1,
) -> None:
    """Compare an experiment with its baselines and controls.

    Its `benchmark` section says what is held out: folds of patients, whole cohorts, whole cancer types. Each
    patient is predicted once by each model, fitted without them. The table has figures with patient bootstrap
    intervals and paired differences, pooled and within cancer type.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import duration, show_facts, show_notes, show_rows
    from metarisk.jobs.benchmark_compare import benchmark_compare
    from metarisk.report.tables import organ_rows

    with progress() as on_progress:
        result = benchmark_compare(
            config, out=out, data_root=data_root, only=only or (), workers=workers, on_progress=on_progress
        )
    show_notes(result.notes)
    if len(result.verdicts):
        show_rows(result.verdicts.columns, result.verdicts.to_numpy(dtype=str).tolist())
    if len(result.organs):
        shown = organ_rows(result.organs)
        show_rows(shown.columns, shown.to_numpy(dtype=str).tolist())
    facts = {"table": result.table, "figure": result.figure, "parts": f"{len(result.parts)} in {out}"}
    show_facts({**facts, "took": duration(result.wall_s)})


@benchmark.command()
def graph(
    config: Experiment,
    out: Results,
    data_root: DataRoot = None,
    workers: Workers = 1,
) -> None:
    """Ask whether the graph earns its place.

    The network of an experiment is fitted over its topology, permuted ones and none, with several seeds, on
    shares of the training patients (`benchmark.graph`). Differences are paired, seed by seed and patient by
    patient.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import duration, show_facts, show_rows
    from metarisk.jobs.benchmark_graph import benchmark_graph

    with progress() as on_progress:
        result = benchmark_graph(
            config, out=out, data_root=data_root, workers=workers, on_progress=on_progress
        )
    show_rows(result.verdicts.columns, result.verdicts.to_numpy(dtype=str).tolist())
    facts = {"table": result.table, "figure": result.figure, "parts": f"{len(result.parts)} in {out}"}
    show_facts({**facts, "took": duration(result.wall_s)})


@benchmark.command()
def unseen(
    config: Experiment,
    out: Results,
    data_root: DataRoot = None,
    workers: Workers = 1,
) -> None:
    """Ask what the graph tells of genes and panels that nothing was learned from.

    Models learn without a random share of the genes, or on one panel (`benchmark.unseen`). Held-out patients
    are asked with the hidden genes alone, with all others, and with both, over the real topology, permuted
    ones and none, and by models that have no graph. Differences are paired, seed by seed and patient by
    patient.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import duration, show_facts, show_rows
    from metarisk.jobs.benchmark_unseen import benchmark_unseen

    with progress() as on_progress:
        result = benchmark_unseen(
            config, out=out, data_root=data_root, workers=workers, on_progress=on_progress
        )
    show_rows(result.verdicts.columns, result.verdicts.to_numpy(dtype=str).tolist())
    facts = {"table": result.table, "parts": f"{len(result.parts)} in {out}"}
    show_facts({**facts, "took": duration(result.wall_s)})


@benchmark.command()
def index(config: Experiment, out: Results, data_root: DataRoot = None) -> None:
    """Ask what the edges tell where nothing is learned.

    An index adds up states of curated circuits (interferon gamma, antigen presentation, exclusion ..) in
    directions that stand fixed (`benchmark.index`). Its AUROC inside each cohort or cancer type stands beside
    a thousand rewired topologies, a thousand of shuffled signs, the states' effectors alone, and published
    scores.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import duration, show_facts, show_rows
    from metarisk.jobs.benchmark_index import benchmark_index

    with progress() as on_progress:
        result = benchmark_index(config, out=out, data_root=data_root, on_progress=on_progress)
    shown = result.null.drop(columns=["draws"]).map(
        lambda cell: f"{cell:.4g}" if isinstance(cell, float) else cell
    )
    show_rows(shown.columns, shown.to_numpy(dtype=str).tolist())
    files = {"table": result.null_table, "beside": result.table, "figure": result.figure}
    show_facts({**files, "took": duration(result.wall_s)})


@benchmark.command()
def repeat(
    tables: Annotated[
        list[Path],
        typer.Argument(metavar="TABLE...", help="Tables of compare, graph, unseen or index, as committed."),
    ],
    out: Results,
    configs: Annotated[Path, typer.Option(help="Folder that holds the configurations.")] = Path("configs"),
    data_root: DataRoot = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0, help="Largest difference of a figure, p values apart, that counts as the same."),
    ] = 0.001,
    workers: Workers = 1,
) -> None:
    """Make committed tables again, each from its configuration, and say what differs.

    A table's first lines hold the hash of its configuration, which is looked up below `--configs` and run.
    What comes out is compared cell by cell: figures, intervals, numbers of patients, words. Another processor
    rounds elsewhere, in the fourth digit or so. Exits 1 where a figure differs by more than the tolerance.
    """
    from metarisk.cli.progress import progress
    from metarisk.jobs.benchmark_repeat import TABLE, Repeated, benchmark_repeat

    with progress() as on_progress:
        rows = benchmark_repeat(
            tables, out=out, configs=configs, data_root=data_root, workers=workers, on_progress=on_progress
        )
    _tell(Repeated._fields, rows, out / TABLE)
    if any(row.largest > tolerance for row in rows):
        raise typer.Exit(1)


@benchmark.command()
def overview(
    tables: Annotated[
        list[Path], typer.Argument(metavar="TABLE...", help="Tables that `benchmark compare` wrote.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the table and the figure.")],
) -> None:
    """Tell from tables of comparisons where ours is ahead, where it is level, and where it is behind.

    One row a table and kind of question: the mean difference from the hardest fitted baseline on the same
    inputs, from the clinic alone, and of the real topology from none, rewired edges and shuffled signs. The
    table holds every control and average, the figure a dot a question. Nothing is fitted, no data is read.
    """
    from metarisk.cli.show import show_facts, show_table
    from metarisk.jobs.benchmark_overview import benchmark_overview

    result = benchmark_overview(tables, out=out)
    rows = [line.row for line in result.lines]
    show_table(list(rows[0]), [list(row.values()) for row in rows])
    passed_by = ", ".join(result.passed_by)
    facts = {"(3+ 1-)": "95 % intervals of that many questions lie above and below zero"}
    show_facts({**facts, "table": result.table, "figure": result.figure, "compare nothing": passed_by})


@benchmark.command()
def consumers(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle folder that `train` wrote.")],
    samples: Annotated[
        list[int] | None, typer.Option(min=1, help="Samples to ask for; repeat it for several numbers.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each measurement; medians are told.")] = 3,
    out: Out = Path("metarisk-benchmark-consumers"),
    overwrite: Overwrite = False,
) -> None:
    """Measure what MLflow's ways to a model cost.

    The same samples are scored in memory, through the registered model's pyfunc, and over HTTP by MLflow's
    own server, which listens on the loopback as long as it lasts.
    """
    from metarisk.cli.progress import progress
    from metarisk.jobs.benchmark_consumers import TABLE, Row, benchmark_consumers

    with progress() as on_progress:
        rows = benchmark_consumers(
            bundle,
            out,
            samples=tuple(samples or (1, 100, 5000)),
            runs=runs,
            overwrite=overwrite,
            on_progress=on_progress,
        )
    _tell(Row._fields, rows, out / TABLE)


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
