from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler

from metarisk.nn.direct import DirectPath, FlatEmbedding, centre_and_scale, quantile_edges

BINS = 4


def embedding() -> FlatEmbedding:
    """Column 1 is an age with edges 20, 40, 60, 80, 90; columns 0 and 2 are mutations."""
    centre = np.array([0.25, 50.0, 0.5], np.float32)
    scale = np.array([2.0, 1.0, 4.0], np.float32)
    return FlatEmbedding(centre, scale, [1], np.array([[20, 40, 60, 80, 90]], np.float32))


def test_a_number_fills_its_bins_one_after_the_other() -> None:
    table = torch.tensor([[0.0, age, 0.0] for age in (10.0, 30.0, 40.0, 85.0, 200.0)])
    found = embedding()(table)[:, 2:6] + 0.5
    filled = [[0, 0, 0, 0], [0.5, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0.5], [1, 1, 1, 1]]
    torch.testing.assert_close(found, torch.tensor(filled))


def test_other_columns_are_centred_and_scaled() -> None:
    found = embedding()(torch.tensor([[1.0, 50.0, 0.0]]))
    torch.testing.assert_close(found[0, :2], torch.tensor([(1 - 0.25) * 2, (0 - 0.5) * 4]))


def test_what_is_unknown_is_zero_and_an_unknown_number_says_so() -> None:
    unknown, known = torch.full((1, 3), torch.nan), torch.tensor([[0.0, 50.0, 0.0]])
    found = embedding()(unknown)[0].tolist()
    assert found == [0.0] * 6 + [1.0]
    assert embedding()(known)[0, -1] == 0.0


@given(st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6, width=32))
@settings(max_examples=60, deadline=None)
def test_a_larger_number_is_nowhere_smaller_in_the_embedding(one: float, other: float) -> None:
    low, high = sorted((one, other))
    table = torch.tensor([[0.0, low, 0.0], [0.0, high, 0.0]])
    found = embedding()(table)
    assert (found[1] >= found[0]).all()


@given(arrays(np.float32, st.integers(0, 30), elements=st.floats(-1e4, 1e4, width=32)))
@settings(max_examples=80, deadline=None)
def test_quantile_edges_ascend_whatever_the_column_holds(column: np.ndarray) -> None:
    column[::3] = np.nan
    edges = quantile_edges(column, BINS)
    assert edges.shape == (BINS + 1,)
    assert (np.diff(edges) > 0).all()


def test_quantile_edges_are_the_quantiles_of_the_known_values() -> None:
    column = np.array([3, np.nan, 1, 5, 2, 4, np.nan], np.float32)
    np.testing.assert_allclose(quantile_edges(column, BINS), [1, 2, 3, 4, 5], rtol=1e-6)


def test_one_column_a_group_is_standardised_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(3, 2, (50, 4)).astype(np.float32)
    flat[rng.random(flat.shape) < 0.2] = np.nan
    centre, scale = centre_and_scale(flat, ["a", "b", "c", "d"])
    expected = StandardScaler().fit_transform(flat)
    np.testing.assert_allclose((flat - centre) * scale, expected, rtol=1e-4, atol=1e-5)


def test_a_group_of_any_size_has_a_total_variance_of_one() -> None:
    rng = np.random.default_rng(1)
    flat = rng.normal(0, rng.uniform(1, 5, 30), (400, 30)).astype(np.float32)
    centre, scale = centre_and_scale(flat, ["sex"] + ["expression"] * 29)
    variance = ((flat - centre) * scale).var(axis=0)
    assert variance[0] == pytest.approx(1.0, rel=1e-4)
    assert variance[1:].sum() == pytest.approx(1.0, rel=1e-4)


def test_a_constant_or_unknown_column_stays_finite() -> None:
    flat = np.full((5, 2), np.nan, np.float32)
    flat[:, 0] = 7.0
    centre, scale = centre_and_scale(flat, ["a", "b"])
    assert centre.tolist() == [7.0, 0.0]
    assert np.isfinite(scale).all()


@pytest.mark.parametrize("hidden", [0, 5])
def test_the_direct_path_starts_without_an_opinion(hidden: int) -> None:
    path = DirectPath(embedding(), hidden, outputs=3, dropout=0.0).eval()
    assert (path(torch.randn(6, 3)) == 0).all()


def test_a_direct_path_without_hidden_units_is_linear_in_its_embedding() -> None:
    path = DirectPath(embedding(), 0, outputs=2, dropout=0.0)
    torch.nn.init.normal_(path.linear.weight)
    table = torch.randn(5, 3)
    torch.testing.assert_close(path(table), path.embedding(table) @ path.linear.weight.T)
