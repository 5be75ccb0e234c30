"""Fit the pairs of a comparison, here or in processes of their own; what was fitted before is kept."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from metarisk.errors import MetariskError, OutputError
from metarisk.files import written
from metarisk.jobs.compared_parts import CHOICE, PARTS, Bench, ComparedPart, Pair, fit_part

OnProgress = Callable[[str, int, int], None]
CHOOSING, FITTING = "choosing settings", "fitting models"


class Work(NamedTuple):
    """What pairs are fitted with.

    Attributes
    ----------
    bench
        The experiment, for a single process.
    source
        Configuration and data root: each of several processes reads the samples itself.
    folder
        Where the parts stand.
    workers
        Processes, one thread each.
    """

    bench: Bench
    source: tuple[Path, Path | None]
    folder: Path
    workers: int


class Fits(NamedTuple):
    """What a benchmark rests on.

    Attributes
    ----------
    bench
        The experiment.
    parts
        Answers of every pair, in order.
    choices
        Which settings their fits chose, if they choose.
    """

    bench: Bench
    parts: tuple[ComparedPart, ...]
    choices: tuple[ComparedPart, ...]


def fit_benchmark(
    source: tuple[Path, Path | None],
    out: Path,
    workers: int,
    pairs_of: Callable[[Bench], Iterable[Pair]],
    on_progress: OnProgress,
) -> Fits:
    """Read an experiment and fit its pairs; what stands in ``out`` is not fitted again.

    Parameters
    ----------
    source
        Configuration, and the data root in place of its own.
    out
        Folder of the result.
    workers
        Processes, one thread each.
    pairs_of
        Which pairs to fit.
    on_progress
        Told what is done, how many, and of how many.

    Raises
    ------
    MetariskError
        If the configuration, the study or the folder cannot be used, or a fit is refused.
    """
    on_progress("reading", 0, 1)
    bench = Bench.open(*source)
    on_progress("reading", 1, 1)
    every = fit_all(Work(bench, source, parts_folder(out), workers), list(pairs_of(bench)), on_progress)
    choices = tuple(part for part in every if part.pair.model == CHOICE)
    return Fits(bench, tuple(part for part in every if part.pair.model != CHOICE), choices)


def fit_all(work: Work, pairs: Sequence[Pair], on_progress: OnProgress) -> list[ComparedPart]:
    """Answers of every pair, in the order of the pairs; before them what their fits chose, if they choose.

    Raises
    ------
    MetariskError
        If a fit is refused, or a process ends without an answer.
    """
    first = dict.fromkeys(pair._replace(model=CHOICE) for pair in pairs if work.bench.section.choose)
    chosen = _fit_in_turn(work, list(first), CHOOSING, on_progress) if first else []
    return [*chosen, *_fit_in_turn(work, pairs, FITTING, on_progress)]


def _fit_in_turn(
    work: Work, pairs: Sequence[Pair], stage: str, on_progress: OnProgress
) -> list[ComparedPart]:
    alone = work.workers == 1
    done = _fit_here(work.bench, pairs, work.folder) if alone else _fit_apart(*work[1:], pairs)
    parts = []
    on_progress(stage, 0, len(pairs))
    for part in done:
        parts.append(part)
        on_progress(stage, len(parts), len(pairs))
    order = {pair: place for place, pair in enumerate(pairs)}
    return sorted(parts, key=lambda part: order[part.pair])  # workers end in any order


def parts_folder(out: Path) -> Path:
    """Folder of the parts, made where it is not; what stands in it is ignored by git.

    Raises
    ------
    OutputError
        If the folder holds something else.
    """
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
    source: tuple[Path, Path | None], folder: Path, workers: int, pairs: Sequence[Pair]
) -> Iterator[ComparedPart]:
    """The same in processes of their own; each reads the samples once."""
    context = _context()
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


def _context() -> multiprocessing.context.BaseContext:
    """Fresh processes; where the system can fork, from one that has imported torch for all of them."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["metarisk.jobs.compared_parts", "sklearn.ensemble", "torch"])
    return context


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
