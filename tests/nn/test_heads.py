from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metarisk.nn.heads import (
    HazardBaseline,
    HazardBaselines,
    OrganHead,
    TaskLayout,
    TherapyReading,
    cumulative_incidence,
    organ_outputs,
)

LAYOUT = TaskLayout(
    binary=("site.bone", "response"),
    timed={"metastasis": ("metastasis", "death"), "os": ("death",)},
    bin_edges_days={"metastasis": (100.0, 365.0, 730.0), "os": (365.0, 730.0)},
)


def slow_incidence(logits: np.ndarray) -> np.ndarray:
    """One interval at a time: who is still free moves to a cause or stays free."""
    free, so_far, rows = 1.0, np.zeros(logits.shape[1]), []
    for interval in logits:
        odds = [math.exp(logit) for logit in interval]
        so_far = so_far + free * np.array([odd / (1.0 + sum(odds)) for odd in odds])
        free /= 1.0 + sum(odds)
        rows.append(so_far)
    return np.stack(rows)


@given(seed=st.integers(0, 2**20), intervals=st.integers(1, 8), causes=st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_cumulative_incidence_equals_the_recursion(seed: int, intervals: int, causes: int) -> None:
    logits = np.random.default_rng(seed).normal(-1, 2, (4, intervals, causes))
    found = cumulative_incidence(torch.from_numpy(logits)).numpy()
    for sample in range(4):
        np.testing.assert_allclose(found[sample], slow_incidence(logits[sample]), atol=1e-12)


@given(seed=st.integers(0, 2**20), spread=st.sampled_from([0.1, 3.0, 30.0]))
@settings(max_examples=50, deadline=None)
def test_incidences_rise_and_sum_with_survival_to_one(seed: int, spread: float) -> None:
    logits = torch.from_numpy(np.random.default_rng(seed).normal(0, spread, (6, 7, 2)))
    incidence = cumulative_incidence(logits)
    hazard = torch.softmax(torch.cat([torch.zeros(6, 7, 1), logits], dim=-1), dim=-1)
    survival = torch.cumprod(hazard[..., 0], dim=1)
    torch.testing.assert_close(incidence.sum(dim=-1) + survival, torch.ones(6, 7, dtype=torch.float64))
    assert (incidence.diff(dim=1) >= 0).all()


def test_every_output_belongs_to_one_question() -> None:
    taken = [0, 1]
    for endpoint in LAYOUT.timed:
        taken += range(LAYOUT.outputs)[LAYOUT.columns(endpoint)]
    assert taken == list(range(LAYOUT.outputs))
    assert LAYOUT.outputs == 2 + 2 * 3
    with pytest.raises(KeyError, match="pfs"):
        LAYOUT.columns("pfs")


def test_a_hazard_is_its_baseline_plus_level_plus_slope_times_the_clock() -> None:
    head = HazardBaseline(intervals=3, causes=2)
    torch.nn.init.normal_(head.level)
    outputs = torch.randn(5, 4)
    found = head(outputs)
    assert found.shape == (5, 3, 2)
    for interval, clock in enumerate((-1.0, 0.0, 1.0)):
        for cause in range(2):
            expected = head.level[interval, cause] + outputs[:, cause] + outputs[:, 2 + cause] * clock
            torch.testing.assert_close(found[:, interval, cause], expected)


def test_a_higher_level_is_a_higher_risk_at_every_time() -> None:
    head = HazardBaseline(intervals=6, causes=1)
    low, high = cumulative_incidence(head(torch.tensor([[0.0, 0.3], [0.5, 0.3]])))
    assert (high > low).all()


ORGANS = TaskLayout(
    binary=("site.bone", "site.brain", "response"),
    timed={"metastasis": ("metastasis", "death"), "site.bone": ("site.bone", "death")},
    bin_edges_days={"metastasis": (365.0, 730.0), "site.bone": (365.0, 730.0)},
)


def test_outputs_about_an_organ_are_its_yes_no_and_its_dated_levels_and_slopes() -> None:
    assert organ_outputs(ORGANS) == (
        (0, "bone", "yes_no"),
        (1, "brain", "yes_no"),
        (7, "bone", "level_0"),
        (8, "bone", "level_1"),
        (9, "bone", "slope_0"),
        (10, "bone", "slope_1"),
    )


def test_an_organs_weights_are_its_embedding_times_the_map_of_the_kind() -> None:
    torch.manual_seed(0)
    head, features = OrganHead(5, ORGANS, 2), torch.randn(4, 5)
    found, others = head(features), iter(head.other)
    about = {column: (organ, kind) for column, organ, kind in organ_outputs(ORGANS)}
    kinds = list(dict.fromkeys(kind for _, kind in about.values()))
    assert found.shape == (4, ORGANS.outputs)
    for column in range(ORGANS.outputs):
        if column in about:
            organ, kind = about[column]
            weight = head.organ[head.organs.index(organ)] @ head.map[kinds.index(kind)]
        else:
            weight = next(others)
        torch.testing.assert_close(found[:, column], features @ weight)
        torch.testing.assert_close(head.weight[column], weight)


def test_the_organs_weights_have_the_rank_asked_for() -> None:
    names = tuple(f"site.{number}" for number in range(8))
    layout = TaskLayout(names, {}, {})
    head = OrganHead(20, layout, 3)
    assert torch.linalg.matrix_rank(head.weight.detach()) == 3


def test_an_organ_without_cases_learns_from_the_others() -> None:
    layout = TaskLayout(("site.bone", "site.brain"), {}, {})
    head, features = OrganHead(5, layout, 2), torch.randn(4, 5)
    before = head(features)[:, 1].detach()
    head(features)[:, 0].sum().backward()  # only bone was seen
    torch.optim.SGD(head.parameters(), lr=0.5).step()
    assert not torch.allclose(head(features)[:, 1], before)


def test_a_class_of_therapy_has_weights_of_its_own_and_an_unknown_or_new_one_has_not() -> None:
    torch.manual_seed(0)
    reading = TherapyReading((1, 2), features=3, width=2)
    flat = torch.tensor([[9.0, 1.0, 0.0], [9.0, 0.0, 1.0], [9.0, torch.nan, torch.nan]])
    own, shift = reading(flat)
    assert not own.any()  # neutral at first
    assert not shift.any()
    with torch.no_grad():
        reading.therapy[0] = torch.tensor([0.5, -1.0])  # the second class was never met
    own, shift = reading(flat)
    torch.testing.assert_close(own[0], reading.therapy[0] @ reading.map)
    torch.testing.assert_close(shift[0], reading.therapy[0] @ reading.shift)
    assert not own[1:].any()
    assert not shift[1:].any()


def test_a_dated_organ_has_its_baseline_under_its_name() -> None:
    baselines = HazardBaselines(ORGANS)
    assert baselines["site.bone"].level.shape == (2, 2)
    assert baselines["site.bone"] is not baselines["metastasis"]
    assert all("." not in name for name, _ in baselines.named_children())
