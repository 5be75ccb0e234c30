"""`metarisk benchmark compare`: our network beside baselines and controls on patients that none has seen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from metarisk.errors import ConfigError
from metarisk.files import written
from metarisk.jobs.compared_parts import Bench, ComparedPart, Pair, read_part
from metarisk.jobs.comparison_heading import what_it_rests_on
from metarisk.jobs.part_workers import OnProgress, fit_benchmark
from metarisk.jobs.train import write_figures

if TYPE_CHECKING:
    from metarisk.train.figures import Answers

TABLE, FIGURE = "figures.tsv", "differences.png"
SUBGROUPS, DECISIONS, ORGANS = "subgroups.tsv", "decisions.tsv", "organs.tsv"
MEANINGS = {
    "auroc": "of pairs of patients held out in one part; pooled: parts averaged by their cases",
    "difference": "model - versus on the same patients; p_holm over all questions and averages, parts apart",
}


@dataclass(frozen=True)
class CompareResult:
    """What the command left; ``subgroups.tsv``, ``decisions.tsv`` and ``organs.tsv`` stand beside the table.

    Attributes
    ----------
    figures
        One row a model, question, stratum and metric, see `metarisk.train.fold_figures.fold_figures`; empty
        where parts were only fitted.
    verdicts
        Wins, ties and losses against each control.
    organs
        The organs as one whole, see `metarisk.train.fold_organs.organ_figures`; empty, and without a file,
        where fewer than two are asked.
    table, figure
        Files, where they were made.
    parts
        Answers of each pair of a model and a fit.
    notes
        Sentences that a reader must know.
    wall_s
        Seconds that this run took.
    """

    figures: pd.DataFrame
    verdicts: pd.DataFrame
    organs: pd.DataFrame
    table: Path | None
    figure: Path | None
    parts: tuple[ComparedPart, ...]
    notes: tuple[str, ...]
    wall_s: float


def benchmark_compare(
    config: Path,
    *,
    out: Path,
    data_root: Path | None = None,
    only: Sequence[str] = (),
    workers: int = 1,
    on_progress: OnProgress = lambda what, done, of: None,
) -> CompareResult:
    """Fit and compare what a configuration describes, beside its baselines and controls.

    A run that was stopped goes on where it was: what stands in ``out/parts`` under the hash of all it rests
    on is not fitted again. The files there hold hashed sample ids; they are kept out of git.

    Parameters
    ----------
    config
        A complete experiment, YAML; its ``benchmark`` says what is held out and what is compared.
    out
        Folder of the parts, the table and the figure; it may stand already.
    data_root
        Folder that the study file's paths are relative to, in place of the configuration's.
    only
        Models to fit; the comparison waits for a run without it.
    workers
        Processes, one thread each.
    on_progress
        Told what is done, how many pairs of a model and a fit, and of how many.

    Raises
    ------
    MetariskError
        If the configuration, the study or the folder cannot be used.
    """
    from metarisk.train.fold_figures import verdicts

    started = time.perf_counter()

    def pairs(bench: Bench) -> Iterator[Pair]:
        models = _models(bench, only)
        return (Pair(fit, model) for fit in range(bench.split.fits) for model in models)

    bench, parts, choices = fit_benchmark((config, data_root), out, workers, pairs, on_progress)
    notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    notes = (*notes, *_choices(bench, choices))
    if only:
        nothing = pd.DataFrame()
        return CompareResult(
            nothing, nothing, nothing, None, None, parts, notes, time.perf_counter() - started
        )
    answers = _answers(bench, parts)
    figures = _compare(bench, answers, on_progress)
    organs = _organs(bench, answers)
    tables = _describe(bench, answers) | ({ORGANS: organs} if len(organs) else {})
    wall = time.perf_counter() - started
    command = f"metarisk benchmark compare {config.name} --out {out.name} --workers {workers}"
    heading = what_it_rests_on(bench, command, parts, wall)
    write_figures(figures, out / TABLE, heading | MEANINGS, numbers="%.4g")
    for name, table in tables.items():
        write_figures(table, out / name, heading, numbers="%.4g")
    figure = _draw(figures, bench.section.versus, out / FIGURE)
    return CompareResult(figures, verdicts(figures), organs, out / TABLE, figure, parts, notes, wall)


def _models(bench: Bench, only: Sequence[str]) -> tuple[str, ...]:
    from metarisk.train.figures import OURS

    models = (OURS, *bench.section.models_beside(bench.experiment.evaluation.controls))
    unknown = sorted(set(only) - set(models))
    if unknown:
        raise ConfigError(
            f"{', '.join(unknown)} not among the models of this experiment ({', '.join(models)})",
            do="Name one of them, or add it to benchmark.models.",
        )
    return tuple(model for model in models if not only or model in only)


def _choices(bench: Bench, parts: Sequence[ComparedPart]) -> Iterator[str]:
    """What each fit chose, in words."""
    for part in parts:
        settings = bench.chosen_settings(part)
        told = ", ".join(f"{key} {value}" for key, value in settings.items())
        yield f"without {bench.split.fit_name(part.pair.fit)}: {told or 'the settings as they stand'}"


def _answers(bench: Bench, parts: Sequence[ComparedPart]) -> dict[str, Answers]:
    from metarisk.train.crossvalidate import gathered

    return {
        model: gathered(
            [read_part(part) for part in parts if part.pair.model == model], bench.cohort.sample_ids
        )
        for model in dict.fromkeys(part.pair.model for part in parts)
    }


def _compare(bench: Bench, models: Mapping[str, Answers], on_progress: OnProgress) -> pd.DataFrame:
    from metarisk.train.fold_figures import fold_figures
    from metarisk.train.published import RANKS_ONLY

    return fold_figures(
        models,
        bench.cohort,
        bench.split,
        bench.experiment.evaluation,
        on_progress,
        ranks_only=frozenset(RANKS_ONLY),
    )


def _organs(bench: Bench, models: Mapping[str, Answers]) -> pd.DataFrame:
    from metarisk.train.fold_organs import organ_figures
    from metarisk.train.published import RANKS_ONLY

    section = bench.experiment.evaluation
    return organ_figures(models, bench.cohort, bench.split, section, ranks_only=frozenset(RANKS_ONLY))


def _describe(bench: Bench, models: Mapping[str, Answers]) -> dict[str, pd.DataFrame]:
    """Our answers in groups of patients, and what acting on them gains, by the name of the file."""
    from metarisk.train.decisions import decision_figures
    from metarisk.train.figures import OURS
    from metarisk.train.outer_held_out import samples_judged
    from metarisk.train.subgroups import subgroup_figures

    ours = {OURS: models[OURS]}
    answers, held_out = samples_judged(ours, bench.cohort, bench.split, bench.experiment.evaluation)
    return {SUBGROUPS: subgroup_figures(answers, held_out), DECISIONS: decision_figures(answers, held_out)}


def _draw(figures: pd.DataFrame, asked: str | None, path: Path) -> Path | None:
    """Forest plot against one model; none where there is nothing to compare."""
    from metarisk.report.differences import draw_differences

    versus = [name for name in dict.fromkeys(figures["versus"]) if name]
    if not versus:
        return None
    hardest = "boosting" if "boosting" in versus else versus[0]
    with written(path) as draft:
        draw_differences(figures, asked or hardest, draft)
    return path
