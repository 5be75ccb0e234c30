from __future__ import annotations

import numpy as np
import pytest

from metarisk.models.factor_space import MOST_COLUMNS, FactorSpace, fit_space


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray]:
    """Values of 300 samples in 60 columns that three factors move, a fifth of them not measured."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 60)) + rng.normal(size=(300, 60))
    return values.astype(np.float32), rng.random((300, 60)) < 0.8


@pytest.fixture(scope="module")
def space(samples: tuple[np.ndarray, np.ndarray]) -> FactorSpace:
    return fit_space(*samples, np.full(60, 1e-3))


def test_the_distances_are_those_of_the_measured_columns_own_normal_distribution(
    space: FactorSpace, samples: tuple[np.ndarray, np.ndarray]
) -> None:
    found = space.distances(*samples)
    for row in range(20):
        has = samples[1][row]
        x = ((samples[0][row] - space.centre) / space.scale)[has]
        loadings, noise = space.loadings[has], space.noise[has]
        spread = loadings @ loadings.T + np.diag(noise)
        factors = loadings.T @ np.linalg.solve(spread, x)
        assert found.within[row] == pytest.approx(np.linalg.norm(factors), abs=0.02)
        residual = x @ np.linalg.solve(spread, x) - factors @ factors
        expected = (residual - has.sum()) / np.sqrt(has.sum() * 60)
        assert found.outside[row] == pytest.approx(expected, abs=0.02)


def test_the_factors_are_found(space: FactorSpace) -> None:
    assert space.loadings.shape == (60, 15)
    length = np.linalg.norm(space.loadings, axis=0)
    assert length[-3:].min() > 2 * length[:-3].max()


def test_what_was_not_measured_does_not_matter(
    space: FactorSpace, samples: tuple[np.ndarray, np.ndarray]
) -> None:
    values, measured = samples
    other = np.where(measured, values, np.float32(np.nan))
    for one, two in zip(space.distances(values, measured), space.distances(other, measured), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("columns", [1, 60, MOST_COLUMNS])
def test_a_samples_distances_are_the_same_to_the_last_bit_in_any_company(columns: int) -> None:
    rng = np.random.default_rng(1)
    values = (3 * rng.standard_t(2, size=(150, columns))).astype(np.float32)
    measured = rng.random((150, columns)) < 0.7
    space = fit_space(values, measured, np.full(columns, 0.2))
    whole = space.distances(values, measured)
    for size in (1, 2, 3, 7, 31, 64, 149):
        rows = rng.permutation(150)[:size]
        part = space.distances(values[rows], measured[rows])
        np.testing.assert_array_equal(part.within, whole.within[rows])
        np.testing.assert_array_equal(part.outside, whole.outside[rows])
    order = np.asfortranarray(values[::-1])
    np.testing.assert_array_equal(space.distances(order, measured[::-1]).outside, whole.outside[::-1])


def test_every_sum_stays_exact_at_the_furthest_values() -> None:
    values = np.full((2, MOST_COLUMNS), 1e9, np.float32)
    loadings = np.full((MOST_COLUMNS, 16), 1.0)
    columns = np.ones(MOST_COLUMNS)
    space = FactorSpace(0.0 * columns, columns, loadings, 0.1 * columns)
    assert (32.0**2 / 2**-16) * (10.0 / 2**-12) * MOST_COLUMNS < 2.0**53
    found = space.distances(values, np.ones_like(values, dtype=bool))
    assert np.isfinite(found.within).all()
    assert found.within[0] == found.within[1]


def test_no_column_is_no_distance() -> None:
    space = fit_space(np.empty((5, 0), np.float32), np.empty((5, 0), bool), np.empty(0))
    np.testing.assert_array_equal(
        space.distances(np.empty((2, 0), np.float32), np.empty((2, 0), bool)).within, [0.0, 0.0]
    )
