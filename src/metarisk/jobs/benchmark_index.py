"""`metarisk benchmark index`: what edges tell where nothing is learned, beside a thousand permuted ones."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from metarisk.errors import ConfigError
from metarisk.files import written
from metarisk.jobs.compared_parts import Bench, ComparedPart
from metarisk.jobs.comparison_heading import what_it_rests_on
from metarisk.jobs.part_workers import OnProgress
from metarisk.jobs.train import write_figures

if TYPE_CHECKING:
    from metarisk.train.figures import Answers
    from metarisk.train.index_worth import IndexTrial

TABLE, NULL, FIGURE = "figures.tsv", "null.tsv", "null.png"
MEANINGS = {
    "metarisk": "the index over the real topology, nothing fitted; effectors: their expression, no edge",
    "auroc": "of pairs of tumours of one part, by what they are relative to the others of it",
}


@dataclass(frozen=True)
class IndexResult:
    """What the command left.

    Attributes
    ----------
    null
        See `metarisk.train.index_worth.null_figures`.
    figures
        The index beside what reads no edge, see `metarisk.train.fold_figures.fold_figures`.
    null_table, table, figure
        Files.
    parts
        None: nothing is fitted.
    wall_s
        Seconds that this run took.
    """

    null: pd.DataFrame
    figures: pd.DataFrame
    null_table: Path
    table: Path
    figure: Path
    parts: tuple[ComparedPart, ...]
    wall_s: float


def benchmark_index(
    config: Path,
    *,
    out: Path,
    data_root: Path | None = None,
    on_progress: OnProgress = lambda what, done, of: None,
) -> IndexResult:
    """Read an index of circuits' states over the curated edges, rewired ones and ones of shuffled signs.

    Parameters
    ----------
    config
        A complete experiment, YAML; its ``benchmark`` says which parts are ranked inside, and
        ``benchmark.index`` which index.
    out
        Folder of the tables and the figure; what stands there under their names is replaced.
    data_root
        Folder that the study file's paths are relative to, in place of the configuration's.
    on_progress
        Told what is done, how many topologies, and of how many.

    Raises
    ------
    MetariskError
        If the configuration, the study or the folder cannot be used.
    """
    from metarisk.report.plots.index_null import draw_index_null
    from metarisk.train.fold_figures import fold_figures
    from metarisk.train.fold_questions import HeldOut
    from metarisk.train.index_worth import IndexTrial, null_figures
    from metarisk.train.published import RANKS_ONLY

    started = time.perf_counter()
    on_progress("reading", 0, 1)
    bench = Bench.open(config, data_root)
    on_progress("reading", 1, 1)
    experiment, section = bench.experiment, bench.section.index
    if section is None:
        raise ConfigError(
            f"{config} names no index", expected="benchmark.index: {name: response}", do="Add the section."
        )
    trial = IndexTrial.of(section.name, bench.cohort, bench.split, experiment.tasks)
    held = HeldOut(bench.cohort, bench.split, experiment.evaluation)
    null, draws = null_figures(
        trial, held, draws=section.draws, seed=experiment.seed, on_progress=on_progress
    )
    models = _beside(trial, bench)
    figures = fold_figures(
        models,
        bench.cohort,
        bench.split,
        experiment.evaluation,
        on_progress,
        ranks_only=frozenset(models) | frozenset(RANKS_ONLY),
    )
    wall = time.perf_counter() - started
    command = f"metarisk benchmark index {config.name} --out {out.name}"
    split = bench.split
    inside = f"ranked inside each of {len(split.parts)} parts by {split.kind}, nothing learned"
    heading = what_it_rests_on(bench, command, (), wall) | {"split": inside} | MEANINGS
    write_figures(null, out / NULL, heading, numbers="%.4g")
    write_figures(figures, out / TABLE, heading, numbers="%.4g")
    with written(out / FIGURE) as draft:
        draw_index_null(null, draws, figures, draft)
    return IndexResult(null, figures, out / NULL, out / TABLE, out / FIGURE, (), wall)


def _beside(trial: IndexTrial, bench: Bench) -> Mapping[str, Answers]:
    """The index, its effectors alone, and the published scores that are asked for, by the name of the row."""
    from metarisk.nn.heads import TaskLayout
    from metarisk.pathways.indices import state_edges
    from metarisk.train.figures import OURS
    from metarisk.train.index_worth import EFFECTORS
    from metarisk.train.published import score_answers

    tasks = bench.experiment.tasks
    layout = TaskLayout(tuple(tasks.binary), dict.fromkeys(tasks.timed, ()), {})
    index = {OURS: trial.answers(trial.over(state_edges())), EFFECTORS: trial.answers(trial.effectors())}
    scores = bench.section.models or ()
    return index | {name: score_answers(name, layout, tasks.horizons_days, bench.cohort) for name in scores}
