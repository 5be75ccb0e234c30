from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from metarisk.errors import InputError
from metarisk.metrics.delong import delong, stratified_delong
from metarisk.metrics.discrimination import auroc, weighted_auroc
from metarisk.metrics.intervals import paired_difference
from metarisk.metrics.within import choose_strata, stratified_auroc, within_strata


def test_delong_is_the_covariance_of_placements_by_hand(draw):
    first, label = draw.binary(90)
    second = np.round(first + draw.generator.normal(size=90), 1)
    result = delong(first, second, label)
    assert result.difference == pytest.approx(auroc(first, label) - auroc(second, label))
    assert result.error**2 == pytest.approx(_slow_variance(first, second, label))
    assert result.p == pytest.approx(2 * norm.sf(abs(result.difference) / result.error))


def test_delong_and_the_paired_bootstrap_agree(draw):
    first, label = draw.binary(400)
    second = first + draw.generator.normal(size=400) / 2
    analytic = delong(first, second, label)
    drawn = paired_difference(
        partial(weighted_auroc, first, label), partial(weighted_auroc, second, label), np.arange(400)
    )
    assert (drawn.upper - drawn.lower) / (2 * 1.96) == pytest.approx(analytic.error, rel=0.15)


def test_a_monotone_change_of_the_score_is_no_difference(draw):
    score, label = draw.binary()
    assert delong(score, np.exp(score), label) == (0.0, 0.0, 1.0)


def test_one_case_alone_has_no_error():
    assert np.isnan(delong(np.arange(3.0), np.arange(3.0), np.array([1, 0, 0]))).all()


def test_a_nan_is_refused():
    with pytest.raises(InputError, match="second is NaN in 1 of 2 rows"):
        delong(np.zeros(2), np.array([0.0, np.nan]), np.array([0, 1]))


def _slow_variance(first, second, label):
    case, control = np.flatnonzero(label == 1), np.flatnonzero(label == 0)
    won = np.array(
        [[[(s[i] > s[j]) + 0.5 * (s[i] == s[j]) for j in control] for i in case] for s in (first, second)]
    )
    by_case, by_control = np.cov(won.mean(axis=2)), np.cov(won.mean(axis=1))
    covariance = by_case / len(case) + by_control / len(control)
    return covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]


def test_delong_within_strata_weighs_each_by_its_cases(draw):
    first, label = draw.binary(150)
    second = np.round(first + draw.generator.normal(size=150), 1)
    stratum = draw.generator.integers(0, 3, 150)
    strata = choose_strata(label, stratum, 3)
    found = stratified_delong(first, second, label, strata)
    share = np.array([label[rows].sum() for rows in strata.rows]) / label.sum()
    variances = [_slow_variance(first[rows], second[rows], label[rows]) for rows in strata.rows]
    assert found.error**2 == pytest.approx(np.sum(share**2 * variances))
    gap = stratified_auroc(first, label, stratum, 3) - stratified_auroc(second, label, stratum, 3)
    assert found.difference == pytest.approx(gap)
    assert found.p == pytest.approx(2 * norm.sf(abs(found.difference) / found.error))


def test_delong_within_strata_and_the_paired_bootstrap_agree(draw):
    first, label = draw.binary(600)
    second = first + draw.generator.normal(size=600) / 2
    strata = choose_strata(label, draw.generator.integers(0, 3, 600), 3)
    analytic = stratified_delong(first, second, label, strata)
    drawn = paired_difference(
        within_strata(first, label, strata), within_strata(second, label, strata), np.arange(600)
    )
    assert (drawn.upper - drawn.lower) / (2 * 1.96) == pytest.approx(analytic.error, rel=0.15)


def test_no_stratum_large_enough_is_no_test():
    strata = choose_strata(np.array([0, 1]), np.array(["a", "b"]), 2)
    assert np.isnan(stratified_delong(np.zeros(2), np.ones(2), np.array([0, 1]), strata)).all()


def test_strata_may_count_alike_whatever_their_cases(draw):
    first, label = draw.binary(300)
    second = first + draw.generator.normal(size=300) / 2
    stratum = draw.generator.integers(0, 3, 300) ** 2
    strata = choose_strata(label, stratum, 2)
    inside = [delong(first[rows], second[rows], label[rows]) for rows in strata.rows]
    found = stratified_delong(first, second, label, strata, np.ones(3))
    assert found.difference == pytest.approx(np.mean([each.difference for each in inside]))
    assert found.error == pytest.approx(np.sqrt(np.sum([each.error**2 for each in inside])) / 3)
