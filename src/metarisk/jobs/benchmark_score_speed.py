"""`metarisk benchmark score-speed`: scoring with our layer and with dense edges, and a first score."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from metarisk.files import placed
from metarisk.jobs.benchmark_process import OnProgress, Tell, in_own_process
from metarisk.jobs.benchmark_table import as_table

if TYPE_CHECKING:
    pass

TABLE = "score_speed.tsv"
LAYER, NETWORKS, WHOLE, FIRST = "layer", "networks", "score_cohort", "start to finished folder"
FIRST_SAMPLES = 20


class ScoreSpeedPlan(NamedTuple):
    """What to run.

    Attributes
    ----------
    genes, edges
        Of the model's topology.
    samples
        Scored at once.
    width
        Channels D.
    runs
        Of each measurement, ours and theirs in turn.
    seed
        Of graph, weights and samples.
    """

    genes: int = 5_000
    edges: int = 50_000
    samples: int = 64
    width: int = 32
    runs: int = 7
    seed: int = 0

    @property
    def command(self) -> str:
        """The command that runs it."""
        size = f"--size {self.genes}/{self.edges} --samples {self.samples} --width {self.width}"
        return f"metarisk benchmark score-speed {size} --runs {self.runs} --seed {self.seed}"


class ScoreSpeed(NamedTuple):
    """One piece of work with one formulation of the layer; seconds are medians, of one thread.

    Attributes
    ----------
    what
        ``layer``: one layer; ``networks``: all members of the ensemble; ``score_cohort``: from a cohort to a
        table; ``start to finished folder``: ``metarisk score`` of a small table, the process and all imports.
    formulation
        Of the layer.
    genes, edges, samples, width
        G, E, N and D.
    cpu_s, wall_s
        For all samples.
    samples_per_cpu_s
        Of one second of a processor.
    ratio
        Of these to the dense edges' in the same run.
    """

    what: str
    formulation: str
    genes: int
    edges: int
    samples: int
    width: int
    cpu_s: float
    wall_s: float
    samples_per_cpu_s: float
    ratio: float = float("nan")


def benchmark_score_speed(
    out: Path,
    plan: ScoreSpeedPlan,
    *,
    overwrite: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> tuple[ScoreSpeed, ...]:
    """Measure a layer, the networks and the whole scoring of a made model, and the time to a first score.

    Parameters
    ----------
    out
        Folder to make for the table.
    plan
        What to run.
    overwrite
        Replace an earlier table.
    on_progress
        Told what is done, how far, and of how much.

    Raises
    ------
    OutputError
        If ``out`` is taken or cannot be written.
    """
    with placed(out, overwrite=overwrite, marker=TABLE) as draft:
        with tempfile.TemporaryDirectory() as scratch:
            bundle = Path(scratch) / "bundle"
            rows = in_own_process(
                measure, plan, bundle, on_progress=on_progress, stage="ours and dense edges in turn"
            ).result
            rows = (*rows, _first_score(plan, bundle, Path(scratch)))
        (draft / TABLE).write_text(as_table(ScoreSpeed._fields, rows, plan.command), encoding="utf-8")
    return rows


def measure(plan: ScoreSpeedPlan, folder: Path, *, tell: Tell) -> tuple[ScoreSpeed, ...]:
    """Make a model, save it to a folder, and measure it; runs in a process of its own."""
    import torch

    from metarisk.jobs.benchmark_made_model import made_model, with_dense_edges
    from metarisk.models.bundle import save_bundle
    from metarisk.models.scoring import score_cohort

    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    model, cohort = made_model(plan.genes, plan.edges, plan.width, plan.samples, plan.seed)
    ours = save_bundle(model, folder)
    theirs = with_dense_edges(ours)
    batch = ours.transform.apply(cohort)
    works: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        LAYER: _layers(plan),
        NETWORKS: (lambda: ours.ensemble.answers(batch), lambda: theirs.ensemble.answers(batch)),
        WHOLE: (lambda: score_cohort(ours, cohort), lambda: score_cohort(theirs, cohort)),
    }
    rows: list[ScoreSpeed] = []
    for number, (what, pair) in enumerate(works.items()):
        tell(number, len(works))
        rows += _compared(what, plan, in_turn(pair, plan.runs))
    tell(len(works), len(works))
    return tuple(rows)


def _layers(plan: ScoreSpeedPlan) -> tuple[Callable[[], object], Callable[[], object]]:
    """One layer of ours and one of dense edges over states of their own layout."""
    import torch

    from metarisk.jobs.benchmark_formulations import DENSE_EDGE, FORMULATIONS, OURS, draw_state, draw_topology

    topology = draw_topology(plan.genes, plan.edges, plan.seed)

    def work(name: str) -> Callable[[], object]:
        layer = FORMULATIONS[name](topology, plan.width, plan.samples)
        state = draw_state(name, topology, plan.samples, plan.width)
        return torch.no_grad()(lambda: layer(state))

    return work(OURS), work(DENSE_EDGE)


def in_turn(works: tuple[Callable[[], object], Callable[[], object]], runs: int) -> list[tuple[float, float]]:
    """Median CPU and wall seconds of each, run one after the other, over and over."""
    times: list[list[tuple[float, float]]] = [[] for _ in works]
    for run in range(runs + 1):
        for work, seconds in zip(works, times, strict=True):
            cpu, wall = time.process_time(), time.perf_counter()
            work()
            if run:  # the first compiles and warms up
                seconds.append((time.process_time() - cpu, time.perf_counter() - wall))
    return [_median(seconds) for seconds in times]


def _median(seconds: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(cpu for cpu, _ in seconds), statistics.median(wall for _, wall in seconds)


def _compared(what: str, plan: ScoreSpeedPlan, seconds: list[tuple[float, float]]) -> list[ScoreSpeed]:
    from metarisk.jobs.benchmark_formulations import DENSE_EDGE, OURS

    reference = seconds[-1][0]
    size = (plan.genes, plan.edges, plan.samples, plan.width)
    return [
        ScoreSpeed(what, name, *size, cpu, wall, plan.samples / cpu, reference / cpu)
        for name, (cpu, wall) in zip((OURS, DENSE_EDGE), seconds, strict=True)
    ]


def _first_score(plan: ScoreSpeedPlan, bundle: Path, scratch: Path) -> ScoreSpeed:
    """A fresh process each time: interpreter, imports, bundle, samples, scores on disk."""
    from metarisk.jobs.benchmark_formulations import OURS

    table, out = scratch / "samples.tsv", scratch / "scores"
    rows = [f"S{number}\t{50 + number}\tBRCA" for number in range(FIRST_SAMPLES)]
    table.write_text("\n".join(["sample_id\tage_years\tcancer_type", *rows, ""]), encoding="utf-8")
    words = ["-m", "metarisk", "score", str(bundle), str(table), "--out", str(out), "--overwrite"]
    times = []
    for _ in range(plan.runs):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall))
    cpu, wall = _median(times)
    size = (plan.genes, plan.edges, FIRST_SAMPLES, plan.width)
    return ScoreSpeed(FIRST, OURS, *size, cpu, wall, FIRST_SAMPLES / cpu)
