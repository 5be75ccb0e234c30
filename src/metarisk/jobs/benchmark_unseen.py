"""`metarisk benchmark unseen`: what the graph tells of genes and panels that nothing was learned from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from metarisk.config.benchmark import PanelStep, UnseenSection
from metarisk.jobs.compared_parts import Bench, ComparedPart, Pair, read_part
from metarisk.jobs.comparison_heading import what_it_rests_on
from metarisk.jobs.part_workers import OnProgress, fit_benchmark
from metarisk.jobs.train import write_figures

if TYPE_CHECKING:
    from metarisk.train.figures import Answers
    from metarisk.train.graph_worth import Fitted

TABLE = "unseen.tsv"
MEANINGS = {
    "scored_on": "unseen: hidden genes alone; learned: all others; both. Scales of hidden genes are told, "
    "labels beside them never",
    "auroc": "mean over seeds; of pairs of patients held out in one part, parts averaged by their cases",
    "difference": "the real topology - this model, seed by seed, patients resampled for all seeds together; "
    "p_holm over questions and strata of one model, share and way of asking",
    "gain": "this model asked with both - asked with what it learned from, paired in the same way",
}


@dataclass(frozen=True)
class UnseenResult:
    """What the command left.

    Attributes
    ----------
    figures
        See `metarisk.train.unseen_worth.unseen_figures`.
    verdicts
        Wins, ties and losses of the real topology.
    table
        File.
    parts
        Answers of each fit.
    wall_s
        Seconds that this run took.
    """

    figures: pd.DataFrame
    verdicts: pd.DataFrame
    table: Path
    parts: tuple[ComparedPart, ...]
    wall_s: float


def benchmark_unseen(
    config: Path,
    *,
    out: Path,
    data_root: Path | None = None,
    workers: int = 1,
    on_progress: OnProgress = lambda what, done, of: None,
) -> UnseenResult:
    """Hide genes while models learn, then ask the held-out patients with these alone, without, and with all.

    A run that was stopped goes on where it was, as `metarisk benchmark compare` does.

    Parameters
    ----------
    config
        A complete experiment, YAML; its ``benchmark`` says what is held out, and ``benchmark.unseen`` which
        genes are hidden, how often, and which models stand beside ours.
    out
        Folder of the parts and the table; it may stand already.
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
    from metarisk.train.unseen_worth import unseen_figures, unseen_verdicts

    started = time.perf_counter()
    bench, parts, _ = fit_benchmark((config, data_root), out, workers, _pairs, on_progress)
    on_progress("resampling patients", 0, 1)
    answers = {name: _answers(bench, group) for name, group in _by_hiding(parts).items()}
    figures = unseen_figures(answers, bench.cohort, bench.split, bench.experiment.evaluation)
    on_progress("resampling patients", 1, 1)
    wall = time.perf_counter() - started
    command = f"metarisk benchmark unseen {config.name} --out {out.name} --workers {workers}"
    heading = what_it_rests_on(bench, command, parts, wall) | MEANINGS
    write_figures(figures, out / TABLE, heading, numbers="%.4g")
    return UnseenResult(figures, unseen_verdicts(figures), out / TABLE, parts, wall)


def _pairs(bench: Bench) -> Iterator[Pair]:
    """Fits that share patients, genes and features stand together, so that they are prepared once."""
    from metarisk.train.figures import OURS

    unseen, first = bench.section.unseen or UnseenSection(), bench.experiment.seed
    every: tuple[float | PanelStep, ...] = (*unseen.hidden, *unseen.panels)
    for fit in range(bench.split.fits):
        for hides in every:
            for seed in range(first, first + unseen.seeds):
                for model in (OURS, *unseen.models):
                    yield Pair(fit, model, 1.0, seed, hides=hides)
                for name in bench.section.graph.beside:
                    yield Pair(fit, OURS, 1.0, seed, name, hides)


def _by_hiding(parts: Sequence[ComparedPart]) -> dict[str, list[ComparedPart]]:
    groups: dict[str, list[ComparedPart]] = {}
    for part in parts:
        hides = part.pair.hides
        name = f"{hides.learned} -> {hides.asked}" if isinstance(hides, PanelStep) else f"{hides:g}"
        groups.setdefault(name, []).append(part)
    return groups


def _answers(bench: Bench, parts: Sequence[ComparedPart]) -> dict[str, Mapping[Fitted, Answers]]:
    """What samples are asked with -> fit -> answers of all folds."""
    from metarisk.train.crossvalidate import gathered
    from metarisk.train.graph_worth import Fitted

    tables: dict[str, dict[Fitted, list[pd.DataFrame]]] = {}
    for part in parts:
        pair = part.pair
        seed = bench.experiment.seed if pair.seed is None else pair.seed
        fitted = Fitted(pair.share, pair.topology or pair.model, seed)
        for asked, rows in read_part(part).groupby("scored_on", sort=False):
            tables.setdefault(str(asked), {}).setdefault(fitted, []).append(rows)
    return {
        asked: {fitted: gathered(found, bench.cohort.sample_ids) for fitted, found in of.items()}
        for asked, of in tables.items()
    }
