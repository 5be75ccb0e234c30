from __future__ import annotations

import numpy as np
import pytest
from sksurv.metrics import brier_score, integrated_brier_score
from sksurv.nonparametric import CensoringDistributionEstimator
from sksurv.util import Surv

from metarisk.errors import InputError
from metarisk.metrics.censoring import (
    brier_at_horizon,
    censoring_curve,
    integrated_brier,
    status_at_horizon,
)


def test_the_censoring_curve_is_scikit_survivals(draw):
    cohort = draw.followed_up(ties=True)
    theirs = CensoringDistributionEstimator().fit(_surv(cohort))
    asked = np.unique(cohort.time)
    curve = censoring_curve(cohort.time, cohort.code)
    np.testing.assert_allclose(curve.at(asked), theirs.predict_proba(asked), atol=1e-12)


def test_brier_at_a_horizon_is_scikit_survivals(draw):
    test, train = draw.followed_up(), draw.followed_up(300)
    probability = draw.generator.random(len(test.time))
    _, theirs = brier_score(_surv(train), _surv(test), 1 - probability, 20.0)
    status = status_at_horizon(test.time, test.code, 20.0, censoring_curve(train.time, train.code))
    assert brier_at_horizon(probability, status) == pytest.approx(theirs[0], abs=1e-12)


def test_integrated_brier_is_scikit_survivals(draw):
    test, train = draw.followed_up(), draw.followed_up(300)
    horizons = np.array([10.0, 16.0, 30.0])
    probability = np.sort(draw.generator.random((len(test.time), 3)), axis=1)
    theirs = integrated_brier_score(_surv(train), _surv(test), 1 - probability, horizons)
    ours = integrated_brier(
        probability, test.time, test.code, horizons, censoring_curve(train.time, train.code)
    )
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_the_weights_of_those_known_sum_to_about_everybody():
    generator = np.random.default_rng(0)
    event, leaving = generator.exponential(10, 20_000), generator.exponential(20, 20_000)
    time, code = np.minimum(event, leaving), np.where(event <= leaving, generator.integers(1, 3, 20_000), 0)
    status = status_at_horizon(time, code, 8.0, censoring_curve(time, code))
    assert status.weight.mean() == pytest.approx(1.0, abs=0.01)
    # Two equal causes: half of 1 - exp(-8 / 10).
    assert (status.weight * status.label).mean() == pytest.approx((1 - np.exp(-0.8)) / 2, abs=0.01)


def test_a_competing_event_is_a_known_no_and_an_early_leaver_unknown():
    time, code = np.array([1.0, 2.0, 3.0, 9.0, 5.0]), np.array([1, 2, 0, 1, 0])
    status = status_at_horizon(time, code, 5.0, censoring_curve(time, code))
    np.testing.assert_array_equal(status.label, [1, 0, 0, 0, 0])
    np.testing.assert_allclose(status.weight, [1, 1, 0, 1.5, 1.5])
    competing = status_at_horizon(time, code, 5.0, censoring_curve(time, code), cause=2)
    np.testing.assert_array_equal(competing.label, [0, 1, 0, 0, 0])


def test_everybody_censored_at_the_horizon_was_followed_to_it():
    time, code = np.array([1.0, 5.0, 5.0]), np.array([1, 0, 0])
    status = status_at_horizon(time, code, 5.0, censoring_curve(time, code))
    np.testing.assert_array_equal(status.weight, [1, 1, 1])


def test_a_horizon_beyond_the_training_follow_up_is_refused():
    time, code = np.array([1.0, 5.0, 50.0]), np.array([1, 0, 1])
    with pytest.raises(InputError, match="expected a horizon inside the training follow-up"):
        status_at_horizon(time, code, 30.0, censoring_curve(time[:2], code[:2]))


def test_one_horizon_cannot_be_integrated():
    time, code = np.array([1.0, 5.0]), np.array([1, 0])
    with pytest.raises(InputError, match="1 horizons and probabilities of shape"):
        integrated_brier(np.zeros((2, 1)), time, code, np.array([2.0]), censoring_curve(time, code))


def _surv(cohort):
    return Surv.from_arrays(cohort.code == 1, cohort.time)
