"""How the cost of our layer grows with samples, edges and width, and what memory traffic alone would cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from metarisk.jobs.benchmark_formulations import draw_topology
from metarisk.jobs.benchmark_process import Tell
from metarisk.nn.propagation import RelationalPropagation

GENES, EDGES_A_GENE, SAMPLES, WIDTH = 5_000, 10, 32, 32
RUNS = 5
# Passes over a (G, N, D) tensor besides the gathers: write of the sum; read and write of the mix; two reads
# and a write of the state plus tanh.
PASSES = 6


def measure_scaling(seed: int, genes: int = GENES, *, tell: Tell) -> tuple[tuple[str, float, str], ...]:
    """Slopes on log-log axes (1 is linear), and our layer's time over that of its memory traffic.

    Parameters
    ----------
    seed
        Of graphs, weights and inputs.
    genes
        Genes G; there are `EDGES_A_GENE` edges a gene where edges do not grow.

    Returns
    -------
    tuple
        Name, value, and what it says.
    """
    edges = EDGES_A_GENE * genes
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    series = {
        "N": [(n, _seconds((genes, edges), n, WIDTH, seed)) for n in (16, 32, 64, 128, 256)],
        "E": [
            (times * edges, _seconds((genes, times * edges), SAMPLES, WIDTH, seed))
            for times in (1, 2, 4, 8, 16)
        ],
        "D": [(d, _seconds((genes, edges), SAMPLES, d, seed)) for d in (16, 32, 64, 128)],
    }
    rows = [
        (f"slope of the forward time in {letter}", slope(points), _told(points))
        for letter, points in series.items()
    ]
    tell(1, 1)
    return (*rows, *_traffic(genes, seed))


def slope(points: Sequence[tuple[int, float]]) -> float:
    """Slope of a straight line through the logarithms, least squares."""
    sizes, seconds = np.log(np.array(points, dtype=np.float64)).T
    return float(np.polyfit(sizes, seconds, 1)[0])


def _told(points: Sequence[tuple[int, float]]) -> str:
    return "1 is linear; ms at " + ", ".join(f"{size}: {1000 * seconds:.1f}" for size, seconds in points)


def _seconds(size: tuple[int, int], samples: int, width: int, seed: int) -> float:
    layer = RelationalPropagation(draw_topology(*size, seed), width)
    state = torch.randn(size[0], samples, width)
    return _median(lambda: _forward(layer, state))


def _forward(layer: RelationalPropagation, state: torch.Tensor) -> None:
    with torch.no_grad():
        layer(state)


def _traffic(genes: int, seed: int) -> list[tuple[str, float, str]]:
    """Bandwidths of copies, and our layer's time over what moving its bytes would take."""
    rows = []
    state_bytes = genes * SAMPLES * WIDTH * 4
    near, far = copy_bandwidth(state_bytes // 4), copy_bandwidth(256 << 20)
    rows.append(
        ("copy bandwidth, a state's size", near / 1e9, f"GB/s read and written, {state_bytes / 1e6:.1f} MB")
    )
    rows.append(("copy bandwidth, 256 MiB", far / 1e9, "GB/s read and written"))
    for edges in (EDGES_A_GENE * genes, 10 * EDGES_A_GENE * genes):
        layer = RelationalPropagation(draw_topology(genes, edges, seed), WIDTH)
        state = torch.randn(genes, SAMPLES, WIDTH)
        moved = 2 * edges * SAMPLES * WIDTH * 4 + PASSES * state_bytes
        took = _median(lambda layer=layer, state=state: _forward(layer, state))  # type: ignore[misc]
        rows.append(
            (
                f"layer over its traffic, {genes} / {edges}",
                took / (moved / near),
                f"{1000 * took:.1f} ms for {moved / 1e6:.0f} MB (one row an edge and direction, "
                f"{PASSES} passes over the state) at the copy bandwidth of a state's size",
            )
        )
    return rows


def copy_bandwidth(numbers: int) -> float:
    """Bytes a second that a copy reads and writes together."""
    source, target = np.ones(numbers, dtype=np.float32), np.zeros(numbers, dtype=np.float32)
    return 2 * source.nbytes / _median(lambda: np.copyto(target, source))


def _median(work: Callable[[], None]) -> float:
    work()
    times = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times)
