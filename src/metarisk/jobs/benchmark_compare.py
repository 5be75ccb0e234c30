"""`metarisk benchmark compare`: our network beside baselines and controls on patients that none has seen."""

from __future__ import annotations

import multiprocessing
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from metarisk.errors import ConfigError, MetariskError, OutputError
from metarisk.files import written
from metarisk.jobs.compared_parts import PARTS, Bench, ComparedPart, Pair, fit_part, read_part
from metarisk.jobs.train import write_figures

if TYPE_CHECKING:
    from metarisk.train.figures import Answers

OnProgress = Callable[[str, int, int], None]
TABLE, FIGURE = "figures.tsv", "differences.png"
STAGE = "fitting models"


@dataclass(frozen=True)
class CompareResult:
    """What the command left.

    Attributes
    ----------
    figures
        One row a model, question, stratum and metric, see `metarisk.train.fold_figures.fold_figures`; empty
        where parts were only fitted.
    verdicts
        Wins, ties and losses against each control.
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
    started = time.perf_counter()
    on_progress("reading", 0, 1)
    bench = Bench.open(config, data_root)
    on_progress("reading", 1, 1)
    models = _models(bench, only)
    folder = _parts_folder(out)
    pairs = [Pair(fit, model) for fit in range(bench.split.fits) for model in models]
    source = (config, data_root)
    done = _fit_here(bench, pairs, folder) if workers == 1 else _fit_apart(source, pairs, folder, workers)
    parts = []
    on_progress(STAGE, 0, len(pairs))
    for part in done:
        parts.append(part)
        on_progress(STAGE, len(parts), len(pairs))
    parts.sort(key=lambda part: pairs.index(part.pair))  # workers end in any order
    notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    if only:
        nothing = pd.DataFrame()
        return CompareResult(nothing, nothing, None, None, tuple(parts), notes, time.perf_counter() - started)
    figures, verdicts = _compare(bench, parts, on_progress)
    wall = time.perf_counter() - started
    command = f"metarisk benchmark compare {config.name} --out {out.name} --workers {workers}"
    write_figures(figures, out / TABLE, _heading(bench, command, parts, wall), numbers="%.4g")
    figure = _draw(figures, bench.section.versus, out / FIGURE)
    return CompareResult(figures, verdicts, out / TABLE, figure, tuple(parts), notes, wall)


def _models(bench: Bench, only: Sequence[str]) -> tuple[str, ...]:
    from metarisk.train.figures import OURS

    chosen = bench.section.models
    models = (OURS, *(bench.experiment.evaluation.controls if chosen is None else chosen))
    unknown = sorted(set(only) - set(models))
    if unknown:
        raise ConfigError(
            f"{', '.join(unknown)} not among the models of this experiment ({', '.join(models)})",
            do="Name one of them, or add it to benchmark.models.",
        )
    return tuple(model for model in models if not only or model in only)


def _parts_folder(out: Path) -> Path:
    """Folder of the parts, made where it is not; what stands in it is ignored by git."""
    folder = out / PARTS
    if out.exists() and not folder.is_dir() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(
            f"{out} exists and has no {PARTS} folder",
            expected="a result of this command, or nothing",
            do="Choose another folder; this one is left as it is.",
        )
    with written(folder / ".gitignore") as draft:
        draft.write_text("*\n", encoding="utf-8")
    return folder


def _fit_here(bench: Bench, pairs: Sequence[Pair], folder: Path) -> Iterator[ComparedPart]:
    for pair in pairs:
        yield fit_part(bench, pair, folder)


def _fit_apart(
    source: tuple[Path, Path | None], pairs: Sequence[Pair], folder: Path, workers: int
) -> Iterator[ComparedPart]:
    """The same in processes of their own; each reads the samples once."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=source)
    try:
        for future in as_completed([pool.submit(_fit, pair, folder) for pair in pairs]):
            answer = future.result()
            if isinstance(answer, _Refusal):
                raise answer.kind(answer.found, expected=answer.expected, do=answer.do)
            yield answer
    except BrokenProcessPool as caught:
        raise MetariskError(
            "a worker ended without an answer",
            do="Often too little memory: use fewer workers. Run the command again; what was fitted is kept.",
        ) from caught
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Refusal:
    """An error of ours as a value: its arguments travel between processes, the exception does not."""

    kind: type[MetariskError]
    found: str
    expected: str
    do: str


_OPEN: list[Bench] = []  # of a worker process: the samples that it read when it started


def _start(config: Path, data_root: Path | None) -> None:
    import sklearn.ensemble  # noqa: F401  # loads its threads, so that they can be limited
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    torch.set_num_threads(1)
    threadpool_limits(1)
    _OPEN.append(Bench.open(config, data_root))


def _fit(pair: Pair, folder: Path) -> ComparedPart | _Refusal:
    try:
        return fit_part(_OPEN[0], pair, folder)
    except MetariskError as refused:
        plain = type(refused).__init__ is MetariskError.__init__
        return _Refusal(
            type(refused) if plain else MetariskError, refused.found, refused.expected, refused.do
        )


def _compare(
    bench: Bench, parts: Sequence[ComparedPart], on_progress: OnProgress
) -> tuple[pd.DataFrame, pd.DataFrame]:
    from metarisk.train.crossvalidate import gathered
    from metarisk.train.fold_figures import fold_figures, verdicts

    models: dict[str, Answers] = {
        model: gathered(
            [read_part(part) for part in parts if part.pair.model == model], bench.cohort.sample_ids
        )
        for model in dict.fromkeys(part.pair.model for part in parts)
    }
    figures = fold_figures(models, bench.cohort, bench.split, bench.experiment.evaluation, on_progress)
    return figures, verdicts(figures)


def _heading(bench: Bench, command: str, parts: Sequence[ComparedPart], wall_s: float) -> dict[str, str]:
    """What the table rests on, and what it took."""
    experiment = bench.experiment
    spent: dict[str, float] = {}
    for part in parts:
        spent[part.pair.model] = spent.get(part.pair.model, 0.0) + part.seconds
    libraries = ("numpy", "scikit-learn", "torch")
    return {
        "command": command,
        "split": f"{bench.split.name}, each sample predicted once by each model",
        "seed": str(experiment.seed),
        "cohort_sha256": bench.cohort.content_sha256(),
        "topology_sha256": bench.topology.sha256,
        "config_sha256": experiment.sha256,
        "samples": str(len(bench.cohort)),
        "wall_seconds": f"{wall_s:.0f} in this run",
        "parts": f"{len(parts)}, {sum(part.kept for part in parts)} of them kept from earlier runs",
        "fit_seconds": ", ".join(f"{model} {seconds:.0f}" for model, seconds in spent.items()),
        "versions": ", ".join(
            [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in libraries)]
        ),
        "auroc": "of pairs of patients held out in one fold, folds averaged by their cases",
        "difference": "model - versus on the same patients; p_holm over all questions, pooled and within",
    }


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
