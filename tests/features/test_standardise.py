from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from metarisk.features.standardise import (
    CLIP,
    apply_scale,
    columns_of,
    comparable,
    fit_scale,
    rank_normalised,
    variability,
)
from metarisk.schema.assays import Assay


def test_rank_normal_scores_equal_a_loop_with_scipy_ranks(make_table: Any) -> None:
    values = make_table(Assay.EXPRESSION, "log2_tpm").values[..., 0]
    found = rank_normalised(values)
    for row, scores in zip(values, found, strict=True):
        known = ~np.isnan(row)
        expected = norm.ppf((rankdata(row[known]) - 0.5) / known.sum())
        np.testing.assert_allclose(scores[known], expected, atol=1e-5)
        assert np.isnan(scores[~known]).all()


@pytest.mark.parametrize(
    ("assay", "unit"),
    [
        (Assay.EXPRESSION, "tpm"),
        (Assay.EXPRESSION, "counts"),
        (Assay.EXPRESSION, "log2_counts"),
        (Assay.EXPRESSION, "log2_nanostring"),
        (Assay.MICRORNA, "log2_intensity"),
    ],
)
def test_any_rising_change_of_a_samples_transcripts_changes_nothing(
    make_table: Any, assay: Assay, unit: str
) -> None:
    table = make_table(assay, "log2_tpm" if assay is Assay.EXPRESSION else "log2_rpm")
    scale = fit_scale(table, table.genes)
    changed = replace(table, values=np.exp(table.values / 3) * 7 + 2, units=np.full(len(table.units), unit))
    np.testing.assert_allclose(apply_scale(changed, scale), apply_scale(table, scale), atol=1e-4)


CENTRED = (Assay.EXPRESSION, Assay.MICRORNA, Assay.PROTEIN, Assay.METABOLITE, Assay.SIGNATURE)


@pytest.mark.parametrize("assay", CENTRED)
def test_a_z_score_is_taken_as_it_stands_and_clipped(make_table: Any, assay: Assay) -> None:
    table = make_table(assay, "z_score")
    table.values[0, 0] = 1e4
    found = apply_scale(table, fit_scale(table, table.genes))
    np.testing.assert_array_equal(found, np.clip(table.values, -CLIP, CLIP))


@pytest.mark.parametrize(("assay", "unit"), [(Assay.EXPRESSION, "log2_tpm"), (Assay.SIGNATURE, "score")])
def test_a_unit_that_training_could_put_on_no_scale_is_unknown(
    make_table: Any, assay: Assay, unit: str
) -> None:
    centred = make_table(assay, "z_score")
    absolute = make_table(assay, unit)
    assert np.isnan(apply_scale(absolute, fit_scale(centred, centred.genes))).all()


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


def test_beta_values_become_m_values_and_both_share_a_scale(make_table: Any) -> None:
    betas = make_table(Assay.METHYLATION, "beta")
    logits = np.log2(np.clip(betas.values, 0.01, 0.99) / (1 - np.clip(betas.values, 0.01, 0.99)))
    as_m = replace(betas, values=logits, units=np.full(40, "m_value"))
    scale = fit_scale(betas, betas.genes)
    np.testing.assert_allclose(scale.centre, np.nanmean(logits[..., 0], axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(apply_scale(as_m, scale), apply_scale(betas, scale), atol=1e-4)


def test_a_methylated_fraction_of_none_or_all_is_finite(make_table: Any) -> None:
    table = make_table(Assay.METHYLATION, "beta")
    table.values[:2] = [[[0.0]], [[1.0]]]
    found = comparable(table, table.genes)[:2]
    np.testing.assert_allclose(found, np.broadcast_to([[-6.629], [6.629]], found.shape), atol=1e-3)


def test_the_variance_of_a_counted_fraction_is_the_same_everywhere(make_table: Any) -> None:
    """Fractions of 400 counted cells: binomial spread differs fivefold, its arcsine root's hardly."""
    rng = np.random.default_rng(0)
    truth = np.array([0.02, 0.2, 0.5, 0.95])
    counted = rng.binomial(400, truth, size=(40, 50, 4)).reshape(-1, 4) / 400
    genes = tuple("ABCD")
    table = make_table(Assay.CELL_FRACTION, "fraction", genes=genes)
    spreads = []
    for start in range(0, len(counted), 40):
        part = replace(table, values=counted[start : start + 40, :, None].astype(np.float32))
        spreads.append(variability(part, genes))
    found = np.sqrt(np.mean(np.square(spreads), axis=0))
    np.testing.assert_allclose(found, 1 / np.sqrt(4 * 400), rtol=0.1)  # Anscombe 1948: 1 / (4 n)
    assert counted.std(axis=0).max() > 3 * counted.std(axis=0).min()


def test_copy_number_in_either_unit_shares_levels_with_two_copies_at_zero(make_table: Any) -> None:
    table = make_table(Assay.COPY_NUMBER, "log2_ratio")
    copies = np.array([0.05, 1.0, 2.0, 3.0, 8.0])
    table.values[0, :5, 0] = np.log2(copies / 2)
    found = apply_scale(table, fit_scale(table, table.genes))[0, :5, 0]
    np.testing.assert_allclose(found, [-2.0, -1.0 / np.log2(1.5), 0.0, 1.0, 2.0], atol=1e-5)


def test_variability_is_judged_in_the_unit_that_most_can_be_told_from(make_table: Any) -> None:
    table = make_table(Assay.PROTEIN, "log2_intensity")
    np.testing.assert_allclose(variability(table, table.genes), np.nanstd(table.values[..., 0], 0), rtol=1e-4)
    mixed = replace(table, units=np.where(np.arange(40) < 30, "z_score", "log2_intensity"))
    np.testing.assert_allclose(
        variability(mixed, table.genes), np.nanstd(table.values[30:, :, 0], axis=0), rtol=1e-4
    )
    centred = replace(table, units=np.full(40, "z_score"))
    np.testing.assert_allclose(
        variability(centred, table.genes), np.nanstd(table.values[..., 0], axis=0), rtol=1e-4
    )
