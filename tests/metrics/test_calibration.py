from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from metarisk.errors import InputError
from metarisk.metrics.calibration import (
    brier,
    d_calibration,
    expected_calibration_error,
    reliability,
    weighted_calibration_error,
)


@pytest.fixture
def calibrated():
    generator = np.random.default_rng(1)
    probability = generator.beta(2, 5, 4000)
    return probability, (generator.random(4000) < probability).astype(float)


def test_brier_is_scikit_learns(calibrated):
    weight = np.random.default_rng(2).exponential(size=4000)
    assert brier(*calibrated) == pytest.approx(brier_score_loss(calibrated[1], calibrated[0]))
    theirs = brier_score_loss(calibrated[1], calibrated[0], sample_weight=weight)
    assert brier(*calibrated, weight) == pytest.approx(theirs)


def test_reliability_is_scikit_learns_quantile_curve(calibrated):
    probability, label = calibrated
    observed, predicted = calibration_curve(label, probability, n_bins=8, strategy="quantile")
    curve = reliability(probability, label, bins=8)
    np.testing.assert_allclose(curve.predicted, predicted, atol=1e-3)
    np.testing.assert_allclose(curve.observed, observed, atol=3e-3)
    assert set(curve.n) == {500}


def test_the_error_of_calibrated_probabilities_is_what_chance_leaves(calibrated):
    probability, label = calibrated
    chance = np.sqrt(2 * 0.2 * 10 / (np.pi * 4000))
    assert expected_calibration_error(probability, label) < 1.5 * chance
    assert expected_calibration_error(probability**2, label) > 0.1


def test_the_order_of_rows_does_not_matter_even_with_ties(calibrated):
    probability, label = np.round(calibrated[0], 1), calibrated[1]
    order = np.random.default_rng(3).permutation(4000)
    before = reliability(probability, label)
    after = reliability(probability[order], label[order])
    for left, right in zip(before, after, strict=True):
        np.testing.assert_allclose(left, right)


def test_a_constant_probability_has_one_bin():
    curve = reliability(np.full(10, 0.3), np.r_[np.ones(5), np.zeros(5)])
    assert [list(part) for part in curve] == [[pytest.approx(0.3)], [0.5], [10]]
    assert expected_calibration_error(np.full(10, 0.3), np.r_[np.ones(5), np.zeros(5)]) == pytest.approx(0.2)


def test_rows_without_weight_play_no_part(calibrated):
    probability, label = calibrated
    weight = np.r_[np.ones(2000), np.zeros(2000)]
    for figure in (brier, expected_calibration_error):
        assert figure(probability, label, weight) == pytest.approx(figure(probability[:2000], label[:2000]))


def test_no_rows_have_no_figure():
    empty = np.empty(0)
    assert np.isnan(
        [brier(empty, empty), expected_calibration_error(empty, empty), d_calibration(empty, empty)]
    ).all()


def test_d_calibration_of_the_truth_is_uniform_and_of_a_wrong_rate_is_not():
    generator = np.random.default_rng(4)
    p_values, wrong = [], []
    for _ in range(300):
        rate = generator.uniform(0.5, 2, 400)
        event, leaving = generator.exponential(1 / rate), generator.exponential(2.0, 400)
        time = np.minimum(event, leaving)
        p_values.append(d_calibration(np.exp(-rate * time), event <= leaving))
        wrong.append(d_calibration(np.exp(-1.6 * rate * time), event <= leaving))
    # Spreading the censored is known to make the test conservative: never too many small values.
    assert np.mean(np.array(p_values) < 0.05) < 0.07
    assert np.mean(p_values) > 0.45
    assert np.mean(np.array(wrong) < 0.05) > 0.9


def test_d_calibration_spreads_the_censored_by_hand():
    # Bins 0-.5, .5-1: an event at .2, an event at .9, a row censored at .8 (.5/.8 below, .3/.8 above).
    counts = np.array([1 + 0.5 / 0.8, 1 + 0.3 / 0.8])
    statistic = ((counts - 1.5) ** 2 / 1.5).sum()
    from scipy.stats import chi2

    ours = d_calibration(np.array([0.2, 0.9, 0.8]), np.array([1, 1, 0]), bins=2)
    assert ours == pytest.approx(chi2.sf(statistic, 1))


def test_a_risk_is_not_a_probability():
    with pytest.raises(InputError, match="probabilities run from -1 to 2; expected 0"):
        brier(np.array([-1.0, 2.0]), np.array([0, 1]))


def test_calibration_error_under_weights_keeps_the_bins_of_all_rows(calibrated):
    probability, label = calibrated
    own = np.random.default_rng(3).exponential(size=4000) * (np.arange(4000) % 5 > 0)
    weights = np.vstack([np.ones(4000), np.random.default_rng(4).poisson(1.0, 4000)])
    found = weighted_calibration_error(probability, label, own)(weights)
    assert found[0] == pytest.approx(expected_calibration_error(probability, label, own))
    edges = np.quantile(probability[own > 0], np.arange(1, 10) / 10)
    bin_of = np.searchsorted(edges, probability, side="left")
    gaps, sizes = [], []
    for number in range(10):
        rows = (bin_of == number) & (own > 0)
        mass = (weights[1] * own)[rows]
        gaps.append(abs(np.average(probability[rows], weights=mass) - np.average(label[rows], weights=mass)))
        sizes.append(weights[1][rows].sum())
    assert found[1] == pytest.approx(np.average(gaps, weights=sizes), rel=0.02)
