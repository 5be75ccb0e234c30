"""The formulations that are timed do the same work, and the table says what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from metarisk.jobs.benchmark_formulations import (
    DENSE_EDGE,
    FORMULATIONS,
    ONE_WIRE,
    OURS,
    draw_state,
    draw_topology,
    edge_values,
    expected_mib,
)
from metarisk.jobs.benchmark_scaling import slope
from metarisk.jobs.benchmark_speed import (
    SCALING,
    TABLE,
    Speed,
    SpeedPlan,
    benchmark_speed,
    measure,
    with_ratios,
)


def test_a_drawn_graph_has_its_edges_once_no_loop_and_the_same_ones_again() -> None:
    graph, again = draw_topology(40, 300, 3), draw_topology(40, 300, 3)
    assert graph == again
    pairs = list(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    assert len(set(pairs)) == 300
    assert all(source != target for source, target in pairs)


@pytest.mark.parametrize("name", [ONE_WIRE, "torch CSR", "scatter_add", DENSE_EDGE])
def test_formulations_of_one_relation_give_the_same_states(name: str) -> None:
    topology = draw_topology(30, 120, 0)
    layer = FORMULATIONS[name](topology, 4, 5)
    state = torch.randn(30, 5, 4)
    dense = np.zeros((30, 30), np.float32)
    dense[topology.target, topology.source] = edge_values(topology)
    heard = torch.einsum("ij,jnd->ind", torch.from_numpy(dense), state)
    expected = state + torch.tanh(layer.tail.mix(heard))
    given = state.permute(1, 0, 2) if name == DENSE_EDGE else state
    found = layer(given)
    found = found.permute(1, 0, 2) if name == DENSE_EDGE else found
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", FORMULATIONS)
def test_every_formulation_takes_a_step_in_its_own_layout(name: str) -> None:
    topology = draw_topology(12, 40, 0)
    layer = FORMULATIONS[name](topology, 4, 3)
    state = draw_state(name, topology, 3, 4).requires_grad_()
    moved = layer(state)
    assert moved.shape == state.shape
    moved.sum().backward()
    assert state.grad is not None
    assert torch.isfinite(state.grad).all()


def test_only_what_holds_messages_needs_memory_for_edges_times_samples() -> None:
    assert expected_mib(ONE_WIRE, 500_000, 256, 32) == 0
    assert expected_mib(DENSE_EDGE, 500_000, 256, 32) == 4 * 500_000 * 256 * 32 * 4 / 2**20


def test_ratios_are_to_dense_edges_on_the_same_graph() -> None:
    rows = [
        Speed(name, 10, edges, 4, 8, scored_per_cpu_s=scored, trained_per_cpu_s=trained)
        for edges, factor in ((20, 1.0), (40, 2.0))
        for name, scored, trained in (("metarisk", 60 * factor, 30.0), (DENSE_EDGE, 3 * factor, 2.0))
    ]
    assert [(row.forward_ratio, row.step_ratio) for row in with_ratios(rows)] == [(20, 15), (1, 1)] * 2


def test_a_straight_line_has_slope_one_and_a_square_two() -> None:
    assert slope([(n, 3.0 * n) for n in (1, 2, 8)]) == pytest.approx(1.0)
    assert slope([(n, 0.1 * n * n) for n in (1, 2, 8)]) == pytest.approx(2.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMULATIONS)
def test_every_formulation_is_measured(name: str) -> None:
    told = measure(Speed(name, 60, 200, 4, 8), 1, 0, tell=lambda done, of: None)
    assert told[:5] == (name, 60, 200, 4, 8)
    assert min(told.scored_per_cpu_s, told.trained_per_cpu_s, told.epoch_cpu_s) > 0


@pytest.mark.slow
def test_the_tables_say_what_ran_in_processes_of_their_own(tmp_path: Path) -> None:
    asked = (OURS, DENSE_EDGE)  # each starts a process; the others are measured in this one above
    plan = SpeedPlan(((60, 200),), (4,), width=8, runs=1, scaling_genes=120, formulations=asked)
    rows, scaling = benchmark_speed(tmp_path / "speed", plan)
    assert tuple(row.formulation for row in rows) == asked
    assert all(row.scored_per_cpu_s > 0 and row.trained_per_cpu_s > 0 for row in rows)
    table = (tmp_path / "speed" / TABLE).read_text().splitlines()
    assert table[0] == f"# command: {plan.command}"
    assert len(table) == 3 + len(rows)
    assert len((tmp_path / "speed" / SCALING).read_text().splitlines()) == 3 + len(scaling)
