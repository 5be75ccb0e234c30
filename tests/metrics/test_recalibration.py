from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from metarisk.metrics.recalibration import recalibrate, recalibrated


@pytest.fixture
def outcome():
    generator = np.random.default_rng(0)
    logit = generator.normal(-1, 1.5, 5000)
    return logit, (generator.random(5000) < 1 / (1 + np.exp(-logit))).astype(float)


def test_the_truth_has_slope_one_and_intercept_zero(outcome):
    logit, label = outcome
    assert recalibrate(_expit(logit), label) == pytest.approx((1, 0, 0), abs=0.1)


def test_predictions_twice_too_extreme_have_slope_one_half(outcome):
    logit, label = outcome
    assert recalibrate(_expit(2 * logit), label).slope == pytest.approx(0.5, abs=0.04)


def test_the_line_is_an_unpenalised_logistic_regression(outcome):
    logit, label = outcome
    predicted = 0.7 * logit + 0.4
    weight = np.random.default_rng(1).exponential(size=len(label))
    fitted = LogisticRegression(C=1e10, tol=1e-10).fit(predicted[:, None], label, sample_weight=weight)
    ours = recalibrate(_expit(predicted), label, weight)
    assert ours.slope == pytest.approx(fitted.coef_[0, 0], abs=1e-5)
    assert ours.intercept == pytest.approx(fitted.intercept_[0], abs=1e-5)


def test_calibration_in_the_large_says_how_far_the_whole_is_off(outcome):
    logit, label = outcome
    ours = recalibrate(_expit(logit - 1), label)
    assert ours.in_the_large == pytest.approx(1, abs=0.1)
    mean_after = _expit(logit - 1 + ours.in_the_large).mean()
    assert mean_after == pytest.approx(label.mean(), abs=1e-9)


@pytest.mark.parametrize(
    ("probability", "label"),
    [
        ([0.2, 0.4, 0.6], [1, 1, 1]),
        ([0.3, 0.3, 0.3], [0, 1, 1]),
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]),
    ],
    ids=["one class", "constant", "separated"],
)
def test_a_slope_that_does_not_exist_is_nan(probability, label):
    assert np.isnan(recalibrate(np.array(probability), np.array(label)).slope)


def test_zero_and_one_are_finite():
    probability = np.array([0.0, 1.0, 0.0, 1.0, 0.5, 0.5])
    assert np.isfinite(recalibrate(probability, np.array([0, 1, 1, 0, 0, 1]))).all()


def _expit(logit):
    return 1 / (1 + np.exp(-logit))


def test_the_line_of_a_resample_is_that_of_a_whole_fit(outcome):
    logit, label = outcome
    probability, own = _expit(1.4 * logit), np.random.default_rng(1).exponential(size=len(label))
    weights = np.random.default_rng(2).poisson(1.0, (20, len(label))).astype(float)
    found = recalibrated(probability, label, own)(weights)
    whole = np.array([recalibrate(probability, label, own * counts) for counts in weights]).T
    for ours, fitted in zip(found, whole, strict=True):
        spread = np.std(fitted)
        np.testing.assert_allclose(ours, fitted, atol=0.3 * spread)
        assert np.std(ours) == pytest.approx(spread, rel=0.1)
    values = recalibrated(probability, label, own)(np.ones((1, len(label))))[:, 0]
    assert tuple(values) == pytest.approx(recalibrate(probability, label, own))


def test_a_constant_prediction_has_no_slope_but_a_level():
    found = recalibrated(np.full(6, 0.3), np.array([0, 1, 0, 1, 0, 0.0]), np.ones(6))(np.ones((2, 6)))
    assert np.isnan(found[:2]).all()
    np.testing.assert_allclose(found[2], np.log((1 / 3) / (2 / 3)) - np.log(0.3 / 0.7), atol=1e-8)
