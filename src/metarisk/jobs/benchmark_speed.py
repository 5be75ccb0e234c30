"""`metarisk benchmark speed`: our layer beside the ways that it is written elsewhere, on the same graphs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from metarisk.files import placed
from metarisk.jobs.benchmark_process import Done, OnProgress, Tell, in_own_process, peak_mib
from metarisk.jobs.benchmark_table import as_table

if TYPE_CHECKING:
    import torch

TABLE, SCALING = "speed.tsv", "speed_scaling.tsv"
SIZES = ((500, 3_000), (5_000, 50_000), (15_000, 100_000), (5_000, 500_000))
EPOCH_SAMPLES = 256
LONGEST_S = 20.0
MEMORY_SHARE = 0.6


class SpeedPlan(NamedTuple):
    """What to run.

    Attributes
    ----------
    sizes
        Genes and edges of each graph.
    batches
        Samples of a batch.
    width
        Channels D.
    runs
        Of each measurement; fewer where one would take over `LONGEST_S` seconds in all.
    seed
        Of graphs, weights and inputs.
    scaling_genes
        Genes of the graphs on which growth is measured.
    formulations
        Which to measure, dense edges among them; all if empty.
    """

    sizes: Sequence[tuple[int, int]] = SIZES
    batches: Sequence[int] = (32,)
    width: int = 32
    runs: int = 7
    seed: int = 0
    scaling_genes: int = 5_000
    formulations: Sequence[str] = ()

    @property
    def command(self) -> str:
        """The command that runs it."""
        sizes = " ".join(f"--size {genes}/{edges}" for genes, edges in self.sizes)
        batches = " ".join(f"--batch {batch}" for batch in self.batches)
        rest = f"--width {self.width} --runs {self.runs} --seed {self.seed}"
        return f"metarisk benchmark speed {sizes} {batches} {rest}"


class Speed(NamedTuple):
    """One formulation on one graph, medians of its runs; times are of one thread.

    Attributes
    ----------
    formulation, genes, edges, samples, width
        What ran, G, E, N and D.
    forward_cpu_s, forward_wall_s, step_cpu_s, step_wall_s
        A batch without gradients, as in scoring, and a training step: forward and backward.
    epoch_cpu_s
        `EPOCH_SAMPLES` samples, with Adam.
    scored_per_cpu_s, trained_per_cpu_s
        Samples a CPU second.
    forward_mib, step_mib
        Most memory above what the process held with its layer and input.
    forward_ratio, step_ratio
        Samples a CPU second over those of dense edges on the same graph.
    note
        Why there is no figure.
    """

    formulation: str
    genes: int
    edges: int
    samples: int
    width: int
    forward_cpu_s: float = float("nan")
    forward_wall_s: float = float("nan")
    step_cpu_s: float = float("nan")
    step_wall_s: float = float("nan")
    epoch_cpu_s: float = float("nan")
    scored_per_cpu_s: float = float("nan")
    trained_per_cpu_s: float = float("nan")
    forward_mib: float = float("nan")
    step_mib: float = float("nan")
    forward_ratio: float = float("nan")
    step_ratio: float = float("nan")
    note: str = ""


def benchmark_speed(
    out: Path,
    plan: SpeedPlan,
    *,
    overwrite: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> tuple[tuple[Speed, ...], tuple[tuple[str, float, str], ...]]:
    """Measure every formulation on every graph, each in a process of its own, and how our cost grows.

    Parameters
    ----------
    out
        Folder to make for the two tables.
    plan
        What to run.
    overwrite
        Replace earlier tables.
    on_progress
        Told what is done, how far, and of how much.

    Returns
    -------
    tuple
        Rows of the formulations; and what our cost grows with: name, value, what it says.

    Raises
    ------
    OutputError
        If ``out`` is taken or cannot be written.
    """
    from metarisk.jobs.benchmark_formulations import FORMULATIONS
    from metarisk.jobs.benchmark_scaling import measure_scaling

    names = plan.formulations or FORMULATIONS
    cases = [(*size, batch, name) for size in plan.sizes for batch in plan.batches for name in names]
    with placed(out, overwrite=overwrite, marker=TABLE) as draft:
        rows: list[Speed] = []
        for number, (genes, edges, batch, name) in enumerate(cases):
            on_progress(f"{name}, {genes} / {edges}, {batch}", number, len(cases) + 1)
            rows.append(_measured(Speed(name, genes, edges, batch, plan.width), plan.runs, plan.seed))
        on_progress("how our cost grows", len(cases), len(cases) + 1)
        told = with_ratios(rows)
        scaling = in_own_process(
            measure_scaling, plan.seed, plan.scaling_genes, on_progress=_silent, stage="scaling"
        ).result
        tables = {TABLE: (Speed._fields, told), SCALING: (("what", "value", "means"), scaling)}
        for name, (columns, content) in tables.items():
            (draft / name).write_text(as_table(columns, content, plan.command), encoding="utf-8")
        on_progress("how our cost grows", len(cases) + 1, len(cases) + 1)
    return told, scaling


def with_ratios(rows: Sequence[Speed]) -> tuple[Speed, ...]:
    """Rows with their samples a second over those of dense edges on the same graph and batch."""
    from metarisk.jobs.benchmark_formulations import DENSE_EDGE

    reference = {row[1:5]: row for row in rows if row.formulation == DENSE_EDGE}
    return tuple(
        row._replace(
            forward_ratio=row.scored_per_cpu_s / reference[row[1:5]].scored_per_cpu_s,
            step_ratio=row.trained_per_cpu_s / reference[row[1:5]].trained_per_cpu_s,
        )
        for row in rows
    )


def _measured(empty: Speed, runs: int, seed: int) -> Speed:
    from metarisk.jobs.benchmark_formulations import expected_mib

    needed = expected_mib(empty.formulation, empty.edges, empty.samples, empty.width)
    if needed > MEMORY_SHARE * available_mib():
        return empty._replace(note=f"not run: needs about {needed / 1024:.0f} GiB")
    done: Done[Speed] = in_own_process(
        measure, empty, runs, seed, on_progress=_silent, stage=empty.formulation
    )
    return done.result


def measure(empty: Speed, runs: int, seed: int, *, tell: Tell) -> Speed:
    """Fill a row in; runs in a process of its own."""
    import torch

    from metarisk.jobs.benchmark_formulations import FORMULATIONS, draw_state, draw_topology

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    topology = draw_topology(empty.genes, empty.edges, seed)
    layer = FORMULATIONS[empty.formulation](topology, empty.width, empty.samples)
    state = draw_state(empty.formulation, topology, empty.samples, empty.width)
    _warm_up(empty)
    start = peak_mib()
    forward = _medians(lambda: _score(layer, state), runs)
    after_forward = peak_mib()
    step = _medians(lambda: _step(layer, state), runs)
    after_step = peak_mib()
    optimiser = torch.optim.Adam(layer.parameters())
    steps = max(1, EPOCH_SAMPLES // empty.samples)
    epoch = _medians(lambda: _epoch(layer, state, optimiser, steps), 1, warm=False)
    tell(1, 1)
    return empty._replace(
        forward_cpu_s=forward[0],
        forward_wall_s=forward[1],
        step_cpu_s=step[0],
        step_wall_s=step[1],
        epoch_cpu_s=epoch[0],
        scored_per_cpu_s=empty.samples / forward[0],
        trained_per_cpu_s=empty.samples / step[0],
        forward_mib=after_forward - start,
        step_mib=after_step - start,
    )


def _warm_up(empty: Speed) -> None:
    """Compile and import on a graph of ten genes, so that memory and time are those of the work."""
    import torch

    from metarisk.jobs.benchmark_formulations import FORMULATIONS, draw_state, draw_topology

    small = draw_topology(10, 20, 0)
    layer = FORMULATIONS[empty.formulation](small, empty.width, 2)
    _step(layer, draw_state(empty.formulation, small, 2, empty.width))
    torch.manual_seed(0)


def _score(layer: torch.nn.Module, state: torch.Tensor) -> None:
    import torch

    with torch.no_grad():
        layer(state)


def _step(layer: torch.nn.Module, state: torch.Tensor) -> None:
    layer.zero_grad(set_to_none=True)
    layer(state.detach().requires_grad_()).sum().backward()


def _epoch(layer: torch.nn.Module, state: torch.Tensor, optimiser: torch.optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        _step(layer, state)
        optimiser.step()


def _medians(work: Callable[[], None], runs: int, *, warm: bool = True) -> tuple[float, float]:
    """Median CPU and wall seconds of a piece of work."""
    if warm:
        work()
    times = list(_timed(work, runs))
    return statistics.median(cpu for cpu, _ in times), statistics.median(wall for _, wall in times)


def _timed(work: Callable[[], None], runs: int) -> Iterator[tuple[float, float]]:
    began = time.perf_counter()
    for number in range(runs):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        yield time.process_time() - cpu, time.perf_counter() - wall
        if number >= 2 and time.perf_counter() - began > LONGEST_S:
            return


def available_mib() -> float:
    """Memory that a new process may take, MiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable:"))


def _silent(what: str, done: int, of: int) -> None:
    """Each process is one step of the benchmark's own progress."""
