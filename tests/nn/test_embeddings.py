from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metarisk.nn.direct import FlatDesign, FlatEmbedding
from metarisk.nn.embeddings import CategoryEmbedding, NumberEmbedding, level_states

KINDS = ["piecewise", "periodic", "linear"]
EDGES = torch.tensor([[0.0, 1.0, 3.0], [10.0, 20.0, 40.0]])


def place(value: float, edges: list[float]) -> float:
    """Share of the bins that a number has filled, -1 .. 1."""
    filled = [min(max((value - low) / (high - low), 0.0), 1.0) for low, high in pairwise(edges)]
    return 2.0 * sum(filled) / len(filled) - 1.0


def test_periodic_numbers_are_waves_of_their_place_among_the_quantiles() -> None:
    torch.manual_seed(0)
    layer = NumberEmbedding(2, 2, "periodic", 0)
    found = layer(torch.tensor([[0.5, 30.0], [2.0, 12.0]]), EDGES).reshape(2, 2, 5)
    for row, values in enumerate([(0.5, 30.0), (2.0, 12.0)]):
        for number, value in enumerate(values):
            at = place(value, EDGES[number].tolist())
            angles = [math.pi * f * at for f in layer.frequency[number].tolist()]
            expected = [*map(math.sin, angles), *map(math.cos, angles), 0.0]
            np.testing.assert_allclose(found[row, number].tolist(), expected, atol=1e-5)


def test_linear_numbers_are_themselves_between_the_inner_edges() -> None:
    edges = torch.tensor([[0.0, 1.0, 2.0, 6.0, 90.0]])  # inner 1, 2, 6: mean 3, spread root of 14 / 3
    found = NumberEmbedding(1, 4, "linear", 0)(torch.tensor([[0.5], [1.0], [3.0], [6.0], [4e9]]), edges)
    steps = np.array([-2.0, -2.0, 0.0, 3.0, 3.0]) / np.sqrt(14.0 / 3.0)
    np.testing.assert_allclose(found[:, 0].tolist(), steps, rtol=1e-6)
    assert not found[:, 1].any()


def test_linear_numbers_of_a_single_bin_lie_within_its_range() -> None:
    found = NumberEmbedding(1, 1, "linear", 0)(
        torch.tensor([[-9.0], [3.0], [9.0]]), torch.tensor([[2.0, 4.0]])
    )
    assert found[:, 0].tolist() == [-1.0, 0.0, 1.0]


@given(st.floats(3.0, 2.0**90, width=32), st.floats(-(2.0**90), 0.0, width=32))
@settings(max_examples=40, deadline=None)
def test_numbers_beyond_the_training_range_have_the_place_of_its_ends(high: float, low: float) -> None:
    torch.manual_seed(0)
    layer = NumberEmbedding(1, 2, "periodic", 3)
    found = layer(torch.tensor([[high], [low]]), EDGES[:1])
    torch.testing.assert_close(found, layer(torch.tensor([[3.0], [0.0]]), EDGES[:1]))


@pytest.mark.parametrize("kind", KINDS)
def test_each_number_has_a_layer_of_its_own(kind: str) -> None:
    torch.manual_seed(1)
    layer, bare = NumberEmbedding(2, 2, kind, 3), NumberEmbedding(2, 2, kind, 0)
    torch.nn.init.normal_(layer.own_bias)
    bare.load_state_dict(layer.state_dict(), strict=False)
    values = torch.tensor([[0.5, 30.0], [torch.nan, 12.0]])
    raw = bare(values, EDGES).reshape(2, 2, -1)
    found = layer(values, EDGES).reshape(2, 2, 3)
    for number in range(2):
        expected = torch.relu(raw[:, number] @ layer.own_weight[number] + layer.own_bias[number])
        torch.testing.assert_close(found[:, number], expected)
    assert layer.width == 6


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_number_says_so_and_nothing_else(kind: str) -> None:
    layer = NumberEmbedding(2, 2, kind, 0)
    unknown = layer(torch.tensor([[torch.nan, 12.0]]), EDGES).reshape(2, -1)[0]
    assert unknown.tolist() == [0.0] * (len(unknown) - 1) + [1.0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_number_gives_finite_gradients(kind: str) -> None:
    layer = NumberEmbedding(2, 2, kind, 3)
    layer(torch.tensor([[torch.nan, 12.0], [0.5, torch.nan]]), EDGES).sum().backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


def test_a_level_has_a_vector_and_unknown_is_a_level_of_its_own() -> None:
    layer = CategoryEmbedding([(0, 1), (2, 3, 4)], 2)
    assert not any(table.any() for table in layer.levels)  # a level never met stays at nothing
    for table in layer.levels:
        torch.nn.init.normal_(table)
    nan = torch.nan
    flat = torch.tensor([[0.0, 1.0, 1.0, 0.0, 0.0, 9.0], [nan, nan, 0.0, 0.0, 1.0, 9.0]])
    sex, kind = layer.levels
    expected = torch.stack([torch.cat([sex[1], kind[0]]), torch.cat([sex[2], kind[2]])])
    torch.testing.assert_close(layer(flat), expected)
    assert level_states(flat, (0, 1)).tolist() == [[0, 1, 0], [0, 0, 1]]


def test_learned_vectors_stand_beside_the_levels_columns() -> None:
    centre, scale = np.zeros(4, np.float32), np.ones(4, np.float32)
    edges = np.array([[0, 1, 3]], np.float32)
    plain = FlatEmbedding(centre, scale, [3], edges)
    learned = FlatEmbedding(centre, scale, [3], edges, FlatDesign(categories=((0, 1, 2),), category_width=5))
    flat = torch.tensor([[0.0, 1.0, 0.0, 2.0], [torch.nan] * 4])
    assert learned.width == plain.width + 5
    torch.testing.assert_close(learned(flat)[:, : plain.width], plain(flat))
    assert plain.categories is None


def test_crossed_numbers_stand_in_their_own_level_and_nowhere_else() -> None:
    centre, scale = np.zeros(4, np.float32), np.ones(4, np.float32)
    edges = np.array([[0, 1, 3]], np.float32)
    plain = FlatEmbedding(centre, scale, [3], edges)
    crossed = FlatEmbedding(centre, scale, [3], edges, FlatDesign(crossed=(0, 1, 2)))
    nan = torch.nan
    flat = torch.tensor([[0, 1, 0, 2.0], [1, 0, 0, nan], [nan, nan, nan, 2.0]])
    found, numbers = crossed(flat), plain.numbers(flat[:, 3:], plain.edges)  # (3, 3 + 4 x 3), (3, 3)
    torch.testing.assert_close(found[:, : plain.width], plain(flat))
    own = found[:, plain.width :].reshape(3, 3, 3)  # number's columns by level
    torch.testing.assert_close(own[0, :, 1], numbers[0])
    torch.testing.assert_close(own[1, :, 0], numbers[1])
    assert own[0, :, [0, 2]].abs().sum() == own[1, :, 1:].abs().sum() == own[2].abs().sum() == 0.0
    assert crossed.width == found.shape[1] == plain.width + 9
