"""`metarisk benchmark graph`: the real topology beside permuted ones and none, from few patients to all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from metarisk.files import written
from metarisk.jobs.compared_parts import Bench, ComparedPart, Pair, read_part
from metarisk.jobs.comparison_heading import what_it_rests_on
from metarisk.jobs.part_workers import OnProgress, fit_benchmark
from metarisk.jobs.train import write_figures

if TYPE_CHECKING:
    from metarisk.train.figures import Answers
    from metarisk.train.graph_worth import Fitted

TABLE, FIGURE = "graph.tsv", "graph.png"
MEANINGS = {
    "auroc": "mean over seeds; of pairs of patients held out in one part, parts averaged by their cases",
    "difference": "the real topology - this one, seed by seed, patients resampled for all seeds together; "
    "p_holm over questions and strata of one topology and share",
}


@dataclass(frozen=True)
class GraphResult:
    """What the command left.

    Attributes
    ----------
    figures
        See `metarisk.train.graph_worth.graph_figures`.
    verdicts
        Wins, ties and losses of the real topology.
    table, figure
        Files.
    parts
        Answers of each fit.
    wall_s
        Seconds that this run took.
    """

    figures: pd.DataFrame
    verdicts: pd.DataFrame
    table: Path
    figure: Path
    parts: tuple[ComparedPart, ...]
    wall_s: float


def benchmark_graph(
    config: Path,
    *,
    out: Path,
    data_root: Path | None = None,
    workers: int = 1,
    on_progress: OnProgress = lambda what, done, of: None,
) -> GraphResult:
    """Fit one network over several topologies, with several seeds, on shares of the training patients.

    A run that was stopped goes on where it was, as `metarisk benchmark compare` does.

    Parameters
    ----------
    config
        A complete experiment, YAML; its ``benchmark`` says what is held out, and ``benchmark.graph`` which
        topologies, shares and seeds.
    out
        Folder of the parts, the table and the figure; it may stand already.
    data_root
        Folder that the study file's paths are relative to, in place of the configuration's.
    workers
        Processes, one thread each.
    on_progress
        Told what is done, how many fits, and of how many.

    Raises
    ------
    MetariskError
        If the configuration, the study or the folder cannot be used.
    """
    from metarisk.train.graph_worth import graph_figures, graph_verdicts

    started = time.perf_counter()
    bench, parts, _ = fit_benchmark((config, data_root), out, workers, _pairs, on_progress)
    on_progress("resampling patients", 0, 1)
    figures = graph_figures(_answers(bench, parts), bench.cohort, bench.split, bench.experiment.evaluation)
    on_progress("resampling patients", 1, 1)
    wall = time.perf_counter() - started
    command = f"metarisk benchmark graph {config.name} --out {out.name} --workers {workers}"
    heading = what_it_rests_on(bench, command, parts, wall) | MEANINGS
    write_figures(figures, out / TABLE, heading, numbers="%.4g")
    _draw(figures, out / FIGURE)
    return GraphResult(figures, graph_verdicts(figures), out / TABLE, out / FIGURE, parts, wall)


def _pairs(bench: Bench) -> Iterator[Pair]:
    """Fits that share patients and features stand together, so that they are prepared once."""
    from metarisk.train.figures import OURS

    graph, first = bench.section.graph, bench.experiment.seed
    for fit in range(bench.split.fits):
        for share in graph.shares:
            for seed in range(first, first + graph.seeds):
                for model in (OURS, *graph.models):
                    yield Pair(fit, model, share, seed)
                for name in graph.beside:
                    yield Pair(fit, OURS, share, seed, name)


def _answers(bench: Bench, parts: Sequence[ComparedPart]) -> dict[Fitted, Answers]:
    from metarisk.train.crossvalidate import gathered
    from metarisk.train.graph_worth import Fitted

    tables: dict[Fitted, list[pd.DataFrame]] = {}
    for part in parts:
        pair = part.pair
        seed = bench.experiment.seed if pair.seed is None else pair.seed
        fitted = Fitted(pair.share, pair.topology or pair.model, seed)
        tables.setdefault(fitted, []).append(read_part(part))
    return {fitted: gathered(found, bench.cohort.sample_ids) for fitted, found in tables.items()}


def _draw(figures: pd.DataFrame, path: Path) -> None:
    from metarisk.report.plots.graph_worth import draw_graph_worth

    with written(path) as draft:
        draw_graph_worth(figures, draft)
