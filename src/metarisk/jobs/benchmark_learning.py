"""`metarisk benchmark learning`: does the network learn, and only what is there, where the truth is known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metarisk.files import placed
from metarisk.jobs.benchmark_learning_memory import PATIENTS, memorise, parts
from metarisk.jobs.benchmark_learning_null import NOTHING, judge_nothing
from metarisk.jobs.benchmark_learning_statistics import Row, compared, mean_over, share, summed_up
from metarisk.jobs.benchmark_learning_trial import (
    NO_GRAPH,
    OURS,
    PERMUTED,
    REWIRED,
    TRUTH,
    Recovery,
    Size,
    Trial,
    answers_to,
    draw_trial,
    held_out_aurocs,
    learn_as,
    recovery,
    true_answers,
)
from metarisk.jobs.benchmark_table import as_table

if TYPE_CHECKING:
    from metarisk.pathways.topology import Topology
    from metarisk.train.members import Learned

TABLE, FIGURE = "learning.tsv", "learning.png"
OnProgress = Callable[[str, int, int], None]
Tell = Callable[[], None]

BY_HEART, TOPOLOGY, NULL, CURVE = "64 patients by heart", "topology", "no signal", "learning curve"
TESTED = ("auroc", "pathway_auroc", "pathway_own", "gene_auroc", "gene_own", "gene_sign")
FRACTIONS = (0.1, 0.3)  # of the training patients; all of them are the topology part's
INTERVAL_RESAMPLES = 1000


@dataclass(frozen=True)
class Found:
    """What the benchmark found.

    Attributes
    ----------
    rows
        What sums up the cohorts first, then each cohort's figures.
    cohorts_sha256
        Hash over the hashes of all simulated cohorts, in order.
    """

    rows: tuple[Row, ...]
    cohorts_sha256: str

    @property
    def summary(self) -> tuple[Row, ...]:
        """Rows that sum up the cohorts."""
        return tuple(row for row in self.rows if row.seed == "all")


def benchmark_learning(
    out: Path,
    size: Size,
    *,
    first_seed: int = 20,
    topology: Topology | None = None,
    overwrite: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> Found:
    """Learn by heart, recover what was planted beside permuted topologies, and find nothing in nothing.

    Parameters
    ----------
    out
        Folder to make for the table and its figure.
    size
        Cohorts and patients.
    first_seed
        Seeds are this one and those after it; equal seeds give equal tables.
    topology
        The graph that the truth runs through; the curated circuits if None.
    overwrite
        Replace an earlier table.
    on_progress
        Told what is done, how far, and of how much.

    Raises
    ------
    TopologyError
        If the topology has too few circuits for the questions.
    OutputError
        If ``out`` is taken or cannot be written.
    """
    from metarisk.jobs.benchmark_learning_figure import learning_figure
    from metarisk.pathways.curated import curated_topology

    graph = topology or curated_topology()
    seeds = range(first_seed, first_seed + size.seeds)
    with placed(out, overwrite=overwrite, marker=TABLE) as draft:
        found = _measured(graph, size, seeds, on_progress)
        command = (
            f"metarisk benchmark learning --seeds {size.seeds} --first-seed {first_seed} "
            f"--patients {size.patients} --held-out {size.held_out} --out {out.name}"
        )
        table = as_table(Row._fields, found.rows, command)
        (draft / TABLE).write_text(_with_hashes(table, found, graph, size, first_seed), encoding="utf-8")
        learning_figure(found.rows, draft / FIGURE)
    return found


def _measured(topology: Topology, size: Size, seeds: range, on_progress: OnProgress) -> Found:
    digest = hashlib.sha256()
    memory = list(_by_heart(topology, size, seeds[0], _counter(BY_HEART, len(parts()), on_progress)))
    fits = _counter(
        f"{TOPOLOGY}, {CURVE}", len(seeds) * (2 + len(PERMUTED) + 3 * len(FRACTIONS)), on_progress
    )
    whole, small, nothing = [], [], []
    for seed in seeds:
        trial = draw_trial(topology, size, seed)
        digest.update(trial.simulation.cohort.content_sha256().encode())
        whole += list(_beside_controls(trial, fits))
        small += list(_curve(trial, fits))
    nulls = _counter(NULL, len(seeds), on_progress)
    for seed in seeds:
        trial = draw_trial(topology, size, seed, **NOTHING)
        digest.update(trial.simulation.cohort.content_sha256().encode())
        nothing += list(_without_signal(trial, nulls))
    curve = small + [
        row._replace(part=CURVE)
        for row in whole
        if row.metric == "auroc" and row.model in (OURS, REWIRED, NO_GRAPH)
    ]
    summary = [
        *summed_up(whole),
        *compared(whole, OURS, (*PERMUTED, NO_GRAPH), TESTED),
        *summed_up(curve),
        *compared(curve, OURS, (REWIRED, NO_GRAPH), ("auroc",)),
        *_nothing_summed_up(nothing),
    ]
    return Found((*memory, *summary, *whole, *small, *nothing), digest.hexdigest())


def _by_heart(topology: Topology, size: Size, seed: int, tell: Tell) -> Iterator[Row]:
    for part in parts():
        memory = memorise(part, topology, size.experiment(seed))
        for metric, question, value in (
            ("auroc", "lowest of the yes / no questions", memory.auroc),
            ("loss", "highest of the yes / no questions", memory.loss),
            ("concordance", "metastasis, death competing", memory.metastasis),
            ("concordance", "death, metastasis competing", memory.death),
        ):
            yield Row(BY_HEART, part, PATIENTS, str(seed), question, metric, value, n=PATIENTS)
        tell()


def _beside_controls(trial: Trial, tell: Tell) -> Iterator[Row]:
    """Held-out AUROC and recovery of each model, and the AUROC of the truth itself."""
    ceiling = held_out_aurocs(trial, true_answers(trial))
    asked: list[str] = []
    for model in (OURS, *PERMUTED, NO_GRAPH):
        learned = learn_as(model, trial)
        found = held_out_aurocs(trial, answers_to(trial, learned))
        yield _row(TOPOLOGY, model, trial, "auroc", float(np.mean(list(found.values()))))
        for metric, value in zip(Recovery._fields, recovery(trial, learned), strict=True):
            yield _row(TOPOLOGY, model, trial, metric, value)
        if not asked:
            asked = [question.endpoint for question in found]
            truth = float(np.mean([ceiling[question] for question in found]))
            yield _row(TOPOLOGY, TRUTH, trial, "auroc", truth)
        tell()


def _curve(trial: Trial, tell: Tell) -> Iterator[Row]:
    for fraction in FRACTIONS:
        fewer = replace(trial, patients=round(fraction * trial.patients))
        for model in (OURS, REWIRED, NO_GRAPH):
            found = held_out_aurocs(fewer, answers_to(fewer, learn_as(model, fewer)))
            yield _row(CURVE, model, fewer, "auroc", float(np.mean(list(found.values()))))
            tell()


def _without_signal(trial: Trial, tell: Tell) -> Iterator[Row]:
    learned: Learned = learn_as(OURS, trial)
    row = Row(NULL, OURS, trial.patients, str(trial.experiment.seed), "mean", "auroc", 0.0)
    judged = judge_nothing(trial, answers_to(trial, learned), INTERVAL_RESAMPLES)
    for one in judged:
        asked = row._replace(question=one.question)
        yield asked._replace(value=one.auroc, lower=one.lower, upper=one.upper)
        for metric in ("calibration_p", "rate_calibration_p", "error", "rate_error"):
            yield asked._replace(metric=metric, value=getattr(one, metric))
    yield row._replace(value=float(np.mean([one.auroc for one in judged])))
    for metric, value in zip(Recovery._fields, recovery(trial, learned), strict=True):
        yield row._replace(metric=metric, value=value)
    tell()


def _nothing_summed_up(rows: list[Row]) -> Iterator[Row]:
    """Means over cohorts, shares of intervals that hold .5 and of calibration tests below .05."""
    yield from summed_up([row for row in rows if row.question == "mean"])
    first = rows[0]._replace(seed="all", question="each", lower=float("nan"), upper=float("nan"))
    single = [row for row in rows if row.question != "mean"]
    for metric in ("error", "rate_error"):
        values = [row.value for row in single if row.metric == metric]
        yield first._replace(metric=metric, value=mean_over(values).value, n=len(values))
    inside = [row.lower <= 0.5 <= row.upper for row in single if row.metric == "auroc"]
    shares = {"share of intervals that hold .5": inside}
    for metric in ("calibration_p", "rate_calibration_p"):
        p = [row.value for row in single if row.metric == metric and not np.isnan(row.value)]
        shares[f"share of {metric} below .05"] = [value < 0.05 for value in p]
    for metric, hits in shares.items():
        value, lower, upper = share(hits)
        yield first._replace(metric=metric, value=value, lower=lower, upper=upper, n=len(hits))


def _row(part: str, model: str, trial: Trial, metric: str, value: float) -> Row:
    seed = str(trial.experiment.seed)
    return Row(part, model, trial.patients, seed, "mean", metric, value, n=len(trial.test))


def _counter(stage: str, of: int, on_progress: OnProgress) -> Tell:
    """A callback that counts one more of a stage; told at its start too."""
    done = 0
    on_progress(stage, done, of)

    def tell() -> None:
        nonlocal done
        done += 1
        on_progress(stage, done, of)

    return tell


def _with_hashes(table: str, found: Found, topology: Topology, size: Size, seed: int) -> str:
    """The table with hashes of what it rests on after its command."""
    hashes = {
        "topology": topology.sha256,
        "experiment of the first seed": size.experiment(seed).sha256,
        "cohorts": found.cohorts_sha256,
    }
    command, rest = table.split("\n", 1)
    return "\n".join([command, *(f"# {name} sha256: {value}" for name, value in hashes.items()), rest])
