from __future__ import annotations

import numpy as np
import pytest

from metarisk.data.cohort import AssayTable
from metarisk.features.indices import index_values, levels_of
from metarisk.schema.assays import Assay

UP, DOWN = tuple(f"U{n}" for n in range(4)), tuple(f"D{n}" for n in range(4))
STATE = dict.fromkeys(UP, 1) | dict.fromkeys(DOWN, -1)


def table_of(values: np.ndarray, genes: tuple[str, ...], unit: str = "z_score") -> AssayTable:
    n = len(values)
    ids = np.array([f"S{row}" for row in range(n)])
    units = np.full(n, unit)
    return AssayTable(
        Assay.EXPRESSION, ids, genes, values[..., None].astype(np.float32), units, np.full(n, "")
    )


@pytest.fixture
def latent() -> np.ndarray:
    return np.random.default_rng(0).normal(size=60)


@pytest.fixture
def table(latent: np.ndarray) -> AssayTable:
    noise = np.random.default_rng(1).normal(size=(60, 9))
    arms = np.concatenate([np.ones(4), -np.ones(4), np.zeros(1)])
    return table_of(latent[:, None] * arms + noise, (*UP, *DOWN, "OTHER"))


def test_an_index_follows_what_raises_a_state_less_what_lowers_it(
    table: AssayTable, latent: np.ndarray
) -> None:
    levels = levels_of(table, np.arange(60))
    values = index_values(levels, [STATE], [1])
    assert np.corrcoef(values, latent)[0, 1] > 0.85
    np.testing.assert_allclose(index_values(levels, [STATE], [-1]), -values)
    assert values.std() == pytest.approx(1.0)
    expected = levels.values[:, :4].mean(axis=1) - levels.values[:, 4:8].mean(axis=1)
    np.testing.assert_allclose(values, expected / expected.std())


def test_tumours_are_told_relative_to_those_they_stand_with(table: AssayTable) -> None:
    rows = np.arange(20, 60)
    levels = levels_of(table, rows)
    np.testing.assert_allclose(levels.values.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(levels.values.std(axis=0), 1)
    shifted = table_of(table.values[..., 0] * 3 + 5, table.genes)
    np.testing.assert_allclose(levels_of(shifted, rows).values, levels.values, atol=1e-3)


def test_a_state_that_is_hardly_measured_is_not_told(table: AssayTable) -> None:
    levels = levels_of(table, np.arange(60))
    scarce = {"U0": 1, "U1": 1, "ABSENT": 1, "GONE": 1}
    assert not index_values(levels, [scarce], [1]).any()
    np.testing.assert_allclose(
        index_values(levels, [STATE, scarce], [1, 1]), index_values(levels, [STATE], [1])
    )
    assert index_values(levels, [scarce], [1], least_genes=1).any()


def test_genes_without_values_or_of_one_value_are_left_out(table: AssayTable) -> None:
    values = table.values[..., 0].copy()
    values[:40, 0], values[:10, 1], values[:, 2] = np.nan, np.nan, 7.0
    levels = levels_of(table_of(values, table.genes), np.arange(60))
    assert set(levels.place) == set(table.genes) - {"U0", "U2"}
    assert not levels.values[:10, levels.place["U1"]].any()
