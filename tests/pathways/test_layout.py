"""The layout puts sources above targets, boxes apart, and routes from end to end."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metarisk.pathways.layout import layered

LINKS = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda ends: ends[0] != ends[1]),
    max_size=30,
    unique=True,
)


@settings(max_examples=60, deadline=None)
@given(LINKS)
def test_no_two_boxes_overlap_and_every_route_joins_its_ends(links: list[tuple[int, int]]) -> None:
    room = [1.0 + 0.5 * (node % 3) for node in range(12)]
    layout = layered(room, links, widest=5)
    for row in np.unique(layout.row):
        nodes = np.flatnonzero(layout.row == row)
        nodes = nodes[np.argsort(layout.x[nodes])]
        for one, two in pairwise(nodes.tolist()):
            assert layout.x[two] - layout.x[one] >= (room[one] + room[two]) / 2 - 1e-9
    for (source, target), route in zip(links, layout.routes, strict=True):
        assert route[0] == (layout.x[source], layout.row[source])
        assert route[-1] == (layout.x[target], layout.row[target])
        assert all(abs(here[1] - there[1]) == 1 for here, there in pairwise(route))


def test_without_cycles_every_source_is_above_its_target() -> None:
    rng = np.random.default_rng(0)
    links = [(int(a), int(b)) for a, b in np.sort(rng.integers(0, 30, (60, 2)), axis=1) if a != b]
    layout = layered([1.0] * 30, links, widest=8)
    assert all(layout.row[source] < layout.row[target] for source, target in links)


def test_a_cycle_is_laid_out_too() -> None:
    layout = layered([1.0] * 3, [(0, 1), (1, 2), (2, 0)], widest=5)
    assert len(set(layout.row.tolist())) == 3


def test_no_row_of_a_part_is_wider_than_asked() -> None:
    layout = layered([1.0] * 21, [(0, node) for node in range(1, 21)], widest=6)
    assert max(np.bincount(layout.row)) <= 6


def test_crossings_that_need_not_be_are_undone() -> None:
    links = [(0, 7), (1, 6), (2, 5), (3, 4), (0, 1 + 7)]  # drawn in this order, every pair would cross
    layout = layered([1.0] * 9, links, widest=9)
    ends = [(layout.x[source], layout.x[target]) for source, target in links]
    crossings = sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a in ends for b in ends)
    assert crossings == 0


def test_the_layout_is_the_same_each_time() -> None:
    links = [(0, 1), (0, 2), (1, 3), (2, 3), (4, 5)]
    one, two = layered([1.0] * 7, links, 4), layered([1.0] * 7, links, 4)
    assert np.array_equal(one.x, two.x)
    assert one.routes == two.routes
