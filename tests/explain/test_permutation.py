from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metarisk.explain.permutation import LEAST_CASES, PermutationTest, outcomes_of, permuted
from metarisk.models.conformal import EVER, Asked


def p_of(labels: np.ndarray, strata: np.ndarray, shares: np.ndarray, seed: int, portions: int = 1) -> tuple:
    """p-values of shares (N, F) on one answer's labels (N,), in portions of three chunks each."""
    rng = np.random.default_rng(seed)
    test = PermutationTest(1, shares.shape[1], permutations=99)
    for rows in np.array_split(np.arange(len(labels)), portions):
        outcomes = permuted(labels[None, rows], strata[rows], 99, rng)
        test.portion(outcomes)
        for chunk in np.array_split(np.arange(len(rows)), 3):
            test.add(outcomes.centred[:, :, chunk], shares[None, rows[chunk]].astype(np.float32))
    return tuple(test.result())


def test_p_is_uniform_where_the_outcome_depends_on_the_cancer_type_alone() -> None:
    """Types differ in outcome and in share: within types nothing is planted, so nothing may be found."""
    rng = np.random.default_rng(0)
    strata = np.repeat(np.array(["LUAD", "BRCA", "PRAD"]), 60)
    base = np.repeat([0.2, 0.5, 0.8], 60)
    p, smallest = [], []
    for draw in range(250):
        labels = (rng.random(180) < base).astype(float)
        shares = np.stack([rng.normal(base), rng.random(180) < 0.05, rng.exponential(base)], axis=1)
        _, own, adjusted, *_ = p_of(labels, strata, shares, draw, portions=2)
        p.append(own[0])
        smallest.append(adjusted[0].min())
    smooth = np.array(p)[:, [0, 2]]
    for column in smooth.T:
        assert stats.kstest(column, "uniform").pvalue > 0.01
    sparse = np.array(p)[:, 1]  # few carriers: ties make it no smaller than uniform
    for level in (0.05, 0.2):
        assert (sparse <= level).mean() < level + 3 * (level / 250) ** 0.5
        assert abs((np.array(smallest) <= level).mean() - level) < 3 * (level / 250) ** 0.5


def test_what_is_planted_is_found_among_many_and_the_opposite_is_not() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random(300) < 0.4).astype(float)
    shares = rng.normal(size=(300, 500))
    shares[:, 7] += 1.5 * labels
    shares[:, 8] -= 1.5 * labels
    difference, p, adjusted, cases, controls = p_of(labels, np.full(300, "LUAD"), shares, 2)
    assert adjusted[0, 7] == 0.01  # 1 in 1 + 99
    assert p[0, 8] == 1.0  # a share that is larger without the event speaks against the model
    assert difference[0, 7] == pytest.approx(1.5, abs=0.3)
    assert (adjusted[0] < 0.05).sum() == 1
    assert (cases[0], controls[0]) == (labels.sum(), 300 - labels.sum())


def test_a_stratum_without_both_outcomes_and_unknown_outcomes_count_for_nothing() -> None:
    labels = np.array([1.0, 1.0, np.nan, 0.0, 1.0, 0.0])
    strata = np.array(["A", "A", "A", "B", "B", "C"])
    outcomes = permuted(labels[None], strata, 19, np.random.default_rng(0))
    assert (outcomes.cases[0], outcomes.controls[0]) == (1, 1)
    assert not outcomes.centred[0][:, [0, 1, 2, 5]].any()
    np.testing.assert_allclose(outcomes.centred.sum(axis=2), 0.0, atol=1e-6)


def test_too_few_cases_are_not_tested() -> None:
    labels = np.array([1.0] * (LEAST_CASES - 1) + [0.0] * 40)
    _, p, adjusted, cases, _ = p_of(labels, np.full(len(labels), "A"), np.ones((len(labels), 3)), 0)
    assert np.isnan(p).all()
    assert np.isnan(adjusted).all()
    assert cases[0] == LEAST_CASES - 1


def test_parts_beyond_the_budget_are_not_tested_and_the_largest_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metarisk.explain.permutation.BUDGET", 4 * 100 * 2)  # two parts of one answer
    rng = np.random.default_rng(3)
    shares = rng.normal(size=(60, 5)) * np.array([1.0, 9.0, 0.1, 8.0, 2.0])
    _, p, *_ = p_of((rng.random(60) < 0.5).astype(float), np.full(60, "A"), shares, 0)
    assert np.isnan(p[0]).tolist() == [True, False, True, False, True]


def test_outcomes_by_a_horizon() -> None:
    endpoints = pd.DataFrame(
        {
            "metastasis.time_days": [100.0, 500.0, 100.0, 100.0, np.nan, 400.0],
            "metastasis.event": [1.0, 1.0, 2.0, 0.0, 1.0, 0.0],
            "response": [1.0, 0.0, np.nan, 1.0, 0.0, 1.0],
        }
    )
    asked = [
        Asked("metastasis", "metastasis", 365.0),
        Asked("response", "", EVER),
        Asked("site.bone", "", EVER),
    ]
    found = outcomes_of(endpoints, asked)
    np.testing.assert_array_equal(found[0], [1.0, 0.0, 0.0, np.nan, np.nan, 0.0])
    np.testing.assert_array_equal(found[1], endpoints["response"])
    assert np.isnan(found[2]).all()
