from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from metarisk.features.standardise import CLIP, apply_scale, columns_of, fit_scale, rank_normalised
from metarisk.schema.assays import Assay


def test_rank_normal_scores_equal_a_loop_with_scipy_ranks(make_table: Any) -> None:
    values = make_table(Assay.EXPRESSION, "log2_tpm").values[..., 0]
    found = rank_normalised(values, Assay.EXPRESSION)
    for row, scores in zip(values, found, strict=True):
        known = ~np.isnan(row)
        expected = norm.ppf((rankdata(row[known]) - 0.5) / known.sum())
        np.testing.assert_allclose(scores[known], expected, atol=1e-5)
        assert np.isnan(scores[~known]).all()


@pytest.mark.parametrize("unit", ["tpm", "counts", "log2_nanostring"])
def test_any_rising_change_of_a_samples_expression_changes_nothing(make_table: Any, unit: str) -> None:
    table = make_table(Assay.EXPRESSION, "log2_tpm")
    scale = fit_scale(table, table.genes)
    changed = replace(table, values=np.exp(table.values / 3) * 7 + 2, units=np.full(len(table.units), unit))
    np.testing.assert_allclose(apply_scale(changed, scale), apply_scale(table, scale), atol=1e-4)


def test_a_z_score_is_taken_as_it_stands_and_clipped(make_table: Any) -> None:
    table = make_table(Assay.EXPRESSION, "z_score")
    table.values[0, 0] = 1e4
    scale = fit_scale(table, table.genes)
    found = apply_scale(table, scale)
    assert (scale.centre == 0).all()
    assert (scale.spread == 1).all()
    np.testing.assert_array_equal(found, np.clip(table.values, -CLIP, CLIP))


def test_samples_in_z_scores_and_in_absolute_units_are_each_read_in_their_own(make_table: Any) -> None:
    table = make_table(Assay.PROTEIN, "log2_intensity")
    units = np.where(np.arange(40) < 25, "log2_intensity", "z_score")
    mixed = replace(table, units=units)
    scale = fit_scale(mixed, table.genes)
    absolute = table.values[:25, :, 0]
    np.testing.assert_allclose(scale.centre, np.nanmean(absolute, axis=0), rtol=1e-5)
    np.testing.assert_allclose(scale.spread, np.nanstd(absolute, axis=0), rtol=1e-4)
    found = apply_scale(mixed, scale)[..., 0]
    expected = np.clip((absolute - scale.centre) / scale.spread, -CLIP, CLIP)
    np.testing.assert_allclose(found[:25], expected, atol=1e-5)
    np.testing.assert_array_equal(found[25:], np.clip(table.values[25:, :, 0], -CLIP, CLIP))


@pytest.mark.parametrize(("assay", "unit"), [(Assay.MUTATION, "calls"), (Assay.COPY_NUMBER, "discrete")])
def test_calls_and_discrete_levels_keep_their_values(make_table: Any, assay: Assay, unit: str) -> None:
    table = make_table(assay, unit)
    np.testing.assert_array_equal(apply_scale(table, fit_scale(table, table.genes)), table.values)


def test_a_gene_that_never_varies_is_not_blown_up(make_table: Any) -> None:
    table = make_table(Assay.METHYLATION, "beta")
    table.values[:, 2] = 0.4
    found = apply_scale(table, fit_scale(table, table.genes))
    np.testing.assert_allclose(found[:, 2], 0.0, atol=1e-6)


def test_columns_are_copied_in_the_order_asked_for_and_missing_ones_are_unknown(make_table: Any) -> None:
    table = make_table(Assay.COPY_NUMBER, "discrete")
    found = columns_of(table, ("G03", "NONE", "G01"))
    np.testing.assert_array_equal(found[:, 0], table.values[:, 3])
    np.testing.assert_array_equal(found[:, 2], table.values[:, 1])
    assert np.isnan(found[:, 1]).all()
    found[:] = 9.0
    assert not (table.values == 9.0).any()
