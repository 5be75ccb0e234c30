"""Edges settle by one rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarisk.errors import TopologyError
from metarisk.pathways import RELATIONS, EdgeColumns, settle

EDGE = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, len(RELATIONS) - 1), st.integers(-1, 1))


def columns(edges: list[tuple[int, int, int, int]], n: int = 5) -> EdgeColumns:
    table = np.array(edges, dtype=np.int64).reshape(-1, 4)
    return EdgeColumns(
        tuple(f"G{index}" for index in range(n)),
        table[:, 0].astype(np.int32),
        table[:, 1].astype(np.int32),
        table[:, 2].astype(np.int8),
        table[:, 3].astype(np.int8),
    )


def settled_slowly(edges: list[tuple[int, int, int, int]]) -> tuple[dict[tuple[int, int, int], int], int]:
    """The rule in plain words: what is seen of an edge, and how many edges saw both signs."""
    seen: dict[tuple[int, int, int], set[int]] = {}
    for source, target, relation, sign in edges:
        if source != target:
            seen.setdefault((source, target, relation), set()).add(sign)
    settled = {}
    for key in sorted(seen):
        known = seen[key] - {0}
        settled[key] = known.pop() if len(known) == 1 else 0
    return settled, sum({-1, 1} <= signs for signs in seen.values())


@settings(max_examples=200, deadline=None)
@given(st.lists(EDGE, max_size=60))
def test_settling_equals_the_rule_written_slowly(edges: list[tuple[int, int, int, int]]) -> None:
    settled, tally = settle(columns(edges))
    slow, conflicts = settled_slowly(edges)
    found = zip(settled.source, settled.target, settled.relation, settled.sign, strict=True)
    assert [(int(a), int(b), int(r), int(s)) for a, b, r, s in found] == [(*key, slow[key]) for key in slow]
    assert tally.conflicts == conflicts
    assert tally.read == len(edges) == tally.kept + tally.self_loops + tally.duplicates


def test_a_conflict_is_named() -> None:
    _, tally = settle(columns([(0, 1, 3, 1), (0, 1, 3, -1), (1, 2, 3, 1)]))
    assert tally.conflicting == ("G0 -> G1 (tf_target)",)


def test_an_unknown_sign_gives_way_to_a_known_one() -> None:
    settled, tally = settle(columns([(0, 1, 0, 0), (0, 1, 0, -1)]))
    assert settled.sign.tolist() == [-1]
    assert tally.conflicts == 0


def test_no_edges_settle_to_no_edges() -> None:
    settled, tally = settle(EdgeColumns.empty())
    assert len(settled.source) == tally.kept == 0


@pytest.mark.parametrize(
    ("edge", "sentence"),
    [
        ((0, 9, 0, 1), r"edge target runs from 9 to 9; expected 0 \.\. 4"),
        ((-1, 0, 0, 1), r"edge source runs from -1"),
        ((0, 1, 7, 1), r"edge relation runs from 7 to 7; expected 0 \.\. 6"),
        ((0, 1, 0, 2), r"edge sign runs from 2 to 2; expected -1 \.\. 1"),
    ],
)
def test_an_edge_to_something_that_does_not_exist_is_refused(
    edge: tuple[int, int, int, int], sentence: str
) -> None:
    with pytest.raises(TopologyError, match=sentence):
        columns([edge])


def test_columns_of_unlike_length_are_refused() -> None:
    index, small = np.zeros(2, np.int32), np.zeros(1, np.int8)
    with pytest.raises(TopologyError, match="one length"):
        EdgeColumns(("A", "B"), index, index, small, small)
