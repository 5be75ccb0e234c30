"""How fast one layer is on a GPU: correct first, then against copying memory and the other formulations.

    PYTHONPATH=src python training/gpu_speed.py FOLDER

Needs torch with CUDA, triton, numpy, scipy and, for two of the rows, torch-geometric; nothing else of the
package's dependencies. Writes FOLDER/gpu_speed.tsv as it goes and prints the same lines.
"""

from __future__ import annotations

import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from metarisk.jobs.benchmark_formulations import (
    FORMULATIONS,
    ONE_WIRE,
    OURS,
    draw_state,
    draw_topology,
    expected_mib,
)
from metarisk.nn.propagation import RelationalPropagation
from metarisk.pathways.topology import Topology

SIZES = ((500, 3_000), (5_000, 50_000), (15_000, 100_000), (5_000, 500_000))
WIDTH, RUNS = 32, 10
COLUMNS = ("what", "formulation", "precision", "genes", "edges", "samples", "value", "unit", "means")
GPU = torch.device("cuda")


class Case(NamedTuple):
    """A formulation on a graph."""

    name: str
    precision: str
    topology: Topology
    samples: int


class Table:
    """Rows on the screen and in a file, each written as soon as it is known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_text(
            "# command: PYTHONPATH=src python training/gpu_speed.py FOLDER\n"
            f"# on: {torch.cuda.get_device_name()}, torch {torch.__version__}\n"
        )
        self.add(*COLUMNS)

    def add(self, *cells: object) -> None:
        """One row."""
        line = "\t".join(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
        print(line, flush=True)
        with self.path.open("a") as file:
            file.write(line + "\n")


def milliseconds(work: Callable[[], object]) -> float:
    """Median of several runs by the GPU's own clock, after two that do not count."""
    times = []
    for run in range(RUNS + 2):
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        work()
        stop.record()
        torch.cuda.synchronize()
        if run >= 2:
            times.append(start.elapsed_time(stop))
    return statistics.median(times)


def check(table: Table) -> None:
    """The GPU's sum and gradients beside those of the CPU."""
    for genes, edges in SIZES[:2]:
        for precision, dtype, allowed in (("float32", torch.float32, 1e-4), ("bf16", torch.bfloat16, 3e-2)):
            torch.manual_seed(0)
            layer = RelationalPropagation(draw_topology(genes, edges, 0), WIDTH)
            state = torch.randn(genes, 5, WIDTH).to(dtype)
            there = results(layer.to(GPU), state.to(GPU))
            again = results(layer, state.to(GPU))
            here = results(layer.cpu(), state.float())
            worst = max(
                float((mine.float().cpu() - slow).abs().max() / slow.abs().max().clamp_min(1e-6))
                for mine, slow in zip(there, here, strict=True)
            )
            same = all(torch.equal(one, other) for one, other in zip(there, again, strict=True))
            says = (
                f"largest difference from the CPU over the largest value; two runs equal to the bit: {same}"
            )
            table.add("check", OURS, precision, genes, edges, 5, worst, "relative", says)
            if worst > allowed:
                raise AssertionError(f"{precision}, {genes} / {edges}: {worst} > {allowed}")


def results(layer: RelationalPropagation, state: Tensor) -> list[Tensor]:
    """The neighbours' sum, and its gradients by the state and by the weights."""
    state = state.clone().requires_grad_()
    summed = layer.neighbours(state, layer.relation_weight)
    gradients = torch.autograd.grad(summed.float().square().mean() * 100, [state, layer.relation_weight])
    return [summed.detach(), *gradients]


def bandwidth(table: Table) -> float:
    """Bytes a second that a copy reads and writes, on a gigabyte."""
    source = torch.empty(1 << 29, dtype=torch.bfloat16, device=GPU)
    target = torch.empty_like(source)
    rate = 2 * source.nbytes / milliseconds(lambda: target.copy_(source)) * 1000
    table.add("copy", "", "", "", "", "", rate / 1e9, "GB/s", "read and written, 1 GiB")
    return rate


def layers(table: Table, copy_rate: float) -> None:
    """Forward and training step of every formulation."""
    for genes, edges in SIZES:
        topology = draw_topology(genes, edges, 0)
        for samples in (32, 256):
            for name, build in FORMULATIONS.items():
                for precision, dtype in (("float32", torch.float32), ("bf16", torch.bfloat16)):
                    try:
                        layer_rows(table, Case(name, precision, topology, samples), build, dtype, copy_rate)
                    except Exception as error:
                        said = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
                        table.add("failed", name, precision, genes, edges, samples, "", "", said)
                        torch.cuda.empty_cache()


def layer_rows(
    table: Table, case: Case, build: Callable[..., nn.Module], dtype: torch.dtype, copy_rate: float
) -> None:
    """Forward, training step and, for ours, the sum alone."""
    name, precision, topology, samples = case
    genes, edges = topology.n_genes, topology.n_edges
    about = (name, precision, genes, edges, samples)
    free = torch.cuda.mem_get_info()[0] / 2**20
    needed = expected_mib(name, edges, samples, WIDTH)
    if needed > 0.7 * free or ("copies" in name and samples * edges > 5_000_000):
        table.add(
            "skipped", *about, "", "", f"{needed / 1024:.0f} GiB of messages or millions of copied edges"
        )
        return
    torch.manual_seed(0)
    layer = build(topology, WIDTH, samples).to(GPU)
    layer = layer.to(dtype) if name not in (OURS, ONE_WIRE) else layer
    state = draw_state(name, topology, samples, WIDTH).to(GPU, dtype)
    with torch.autocast("cuda", torch.bfloat16, enabled=dtype == torch.bfloat16):
        base = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        with torch.no_grad():
            forward = milliseconds(lambda: layer(state))
        table.add("forward", *about, 1000 * samples / forward, "samples/s", f"{forward:.3f} ms")
        needing = state.clone().requires_grad_()
        step = milliseconds(lambda: layer(needing).float().sum().backward())
        peak = (torch.cuda.max_memory_allocated() - base) / 2**20
        table.add(
            "step", *about, 1000 * samples / step, "samples/s", f"{step:.3f} ms; peak {peak:.0f} MiB more"
        )
        if name in (OURS, ONE_WIRE):
            sum_row(table, case, layer, state, copy_rate)


def sum_row(table: Table, case: Case, layer: nn.Module, state: Tensor, copy_rate: float) -> None:
    """Bytes a second that the sum alone gathers and writes, beside a copy's."""
    name, precision, topology, samples = case
    weight = layer.relation_weight if name == OURS else layer.weight
    rows = (2 if name == OURS else 1) * topology.n_edges + topology.n_genes
    with torch.no_grad():
        took = milliseconds(lambda: layer.neighbours(state, weight))
    rate = rows * samples * WIDTH * state.element_size() / took * 1000
    about = (name, precision, topology.n_genes, topology.n_edges, samples)
    says = f"share of copying; {rate / 1e9:.0f} GB/s, a row an edge and a row a gene, {took:.3f} ms"
    table.add("sum alone", *about, rate / copy_rate, "of copying", says)


class Small(nn.Module):
    """Two layers and a linear readout, for an epoch."""

    def __init__(self, genes: int, edges: int) -> None:
        super().__init__()
        topology = draw_topology(genes, edges, 0)
        self.effect = nn.Parameter(torch.randn(genes, 1, WIDTH) / WIDTH**0.5)
        self.steps = nn.Sequential(*(RelationalPropagation(topology, WIDTH) for _ in range(2)))
        self.readout = nn.Linear(WIDTH, 12)

    def forward(self, values: Tensor) -> Tensor:
        """Values (G, N) to answers (N, 12)."""
        state = values[:, :, None] * self.effect.to(values.dtype)
        return self.readout(self.steps(state).mean(dim=0))


def epoch(table: Table) -> None:
    """25,000 patients, 5,000 genes, 50,000 edges: data on the GPU, Adam, bf16."""
    genes, edges, patients, batch = 5_000, 50_000, 25_000, 512
    torch.manual_seed(0)
    network = Small(genes, edges).to(GPU)
    values = torch.randn(genes, patients, device=GPU).bfloat16()
    labels = (torch.rand(patients, 12, device=GPU) < 0.3).float()
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    for number in range(3):
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        order = torch.randperm(patients, device=GPU)
        for start in range(0, patients, batch):
            rows = order[start : start + batch]
            with torch.autocast("cuda", torch.bfloat16):
                answers = network(values[:, rows])
            loss = nn.functional.binary_cross_entropy_with_logits(answers.float(), labels[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        torch.cuda.synchronize()
        took, peak = time.perf_counter() - began, torch.cuda.max_memory_allocated() / 2**30
        rate = f"{patients / took:.0f} patients/s; peak {peak:.1f} GiB"
        says = f"two layers, width {WIDTH}, batch {batch}, Adam; {rate}"
        table.add(f"epoch {number}", OURS, "bf16", genes, edges, patients, took, "s", says)


def main() -> None:
    """Run every part; one that fails is told and the next one runs."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    table = Table(folder / "gpu_speed.tsv")
    check(table)
    copy_rate = bandwidth(table)
    for part in (epoch, lambda table: layers(table, copy_rate)):
        try:
            part(table)
        except Exception:
            traceback.print_exc()


if __name__ == "__main__":
    np.random.seed(0)
    main()
