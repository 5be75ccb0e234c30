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

GENES, EDGES, SAMPLES, WIDTH = 5_000, 50_000, 32, 32
RUNS = 5
# Passes over a (G, N, D) tensor besides the gathers: write of the sum; read and write of the mix; of tanh;
# two reads and a write of the residual sum.
PASSES = 8


def measure_scaling(seed: int, *, tell: Tell) -> tuple[tuple[str, float, str], ...]:
    """Slopes on log-log axes (1 is linear), and our layer's time over that of its memory traffic.

    Returns
    -------
    tuple
        Name, value, and what it says.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    series = {
        "N": [(n, _seconds(EDGES, n, WIDTH, seed)) for n in (16, 32, 64, 128, 256)],
        "E": [(e, _seconds(e, SAMPLES, WIDTH, seed)) for e in (50_000, 100_000, 200_000, 400_000, 800_000)],
        "D": [(d, _seconds(EDGES, SAMPLES, d, seed)) for d in (16, 32, 64, 128)],
    }
    rows = [
        (f"slope of the forward time in {letter}", slope(points), _told(points))
        for letter, points in series.items()
    ]
    tell(1, 1)
    return (*rows, *_traffic(seed))


def slope(points: Sequence[tuple[int, float]]) -> float:
    """Slope of a straight line through the logarithms, least squares."""
    sizes, seconds = np.log(np.array(points, dtype=np.float64)).T
    return float(np.polyfit(sizes, seconds, 1)[0])


def _told(points: Sequence[tuple[int, float]]) -> str:
    return "1 is linear; ms at " + ", ".join(f"{size}: {1000 * seconds:.1f}" for size, seconds in points)


def _seconds(edges: int, samples: int, width: int, seed: int) -> float:
    layer = RelationalPropagation(draw_topology(GENES, edges, seed), width)
    state = torch.randn(GENES, samples, width)
    return _median(lambda: _forward(layer, state))


def _forward(layer: RelationalPropagation, state: torch.Tensor) -> None:
    with torch.no_grad():
        layer(state)


def _traffic(seed: int) -> list[tuple[str, float, str]]:
    """Bandwidths of copies, and our layer's time over what moving its bytes would take."""
    rows = []
    state_bytes = GENES * SAMPLES * WIDTH * 4
    near, far = copy_bandwidth(state_bytes // 4), copy_bandwidth(256 << 20)
    rows.append(("copy bandwidth, a state's size", near / 1e9, "GB/s read and written, 20 MB"))
    rows.append(("copy bandwidth, 256 MiB", far / 1e9, "GB/s read and written"))
    for edges in (50_000, 500_000):
        layer = RelationalPropagation(draw_topology(GENES, edges, seed), WIDTH)
        state = torch.randn(GENES, SAMPLES, WIDTH)
        moved = 2 * edges * SAMPLES * WIDTH * 4 + PASSES * state_bytes
        took = _median(lambda layer=layer, state=state: _forward(layer, state))  # type: ignore[misc]
        rows.append(
            (
                f"layer over its traffic, {GENES} / {edges}",
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
