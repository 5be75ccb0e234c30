from __future__ import annotations

import numpy as np
import pytest
from sksurv.metrics import integrated_brier_score
from sksurv.util import Surv

from metarisk.errors import InputError
from metarisk.metrics.calibration import d_calibration
from metarisk.metrics.censoring import censoring_curve, integrated_brier, status_at_horizon
from metarisk.metrics.courses import course_d_calibration, integrated_brier_terms, survival_at
from metarisk.metrics.intervals import weighted_mean

HORIZONS = np.array([10.0, 16.0, 22.0, 30.0])


def terms_of(probability, cohort, censoring):
    statuses = [status_at_horizon(cohort.time, cohort.code, days, censoring) for days in HORIZONS]
    return integrated_brier_terms(probability, statuses, HORIZONS)


def test_the_mean_of_the_terms_is_scikit_survivals_integrated_brier(draw):
    test, train = draw.followed_up(), draw.followed_up(300)
    probability = np.sort(draw.generator.random((len(test.time), 4)), axis=1)
    theirs = integrated_brier_score(
        Surv.from_arrays(train.code == 1, train.time),
        Surv.from_arrays(test.code == 1, test.time),
        1 - probability,
        HORIZONS,
    )
    censoring = censoring_curve(train.time, train.code)
    assert terms_of(probability, test, censoring).mean() == pytest.approx(theirs, abs=1e-12)


def test_under_weights_it_is_that_of_the_drawn_rows(draw):
    test, train = draw.followed_up(60, causes=2, ties=True), draw.followed_up(300, ties=True)
    probability = np.sort(draw.generator.random((60, 4)), axis=1)
    censoring = censoring_curve(train.time, train.code)
    counts = draw.generator.integers(0, 3, 60)
    rows = np.repeat(np.arange(60), counts)
    slow = integrated_brier(probability[rows], test.time[rows], test.code[rows], HORIZONS, censoring)
    found = weighted_mean(terms_of(probability, test, censoring), counts[None, :].astype(float))
    assert found[0] == pytest.approx(slow)


def test_a_constant_hazard_is_interpolated_exactly():
    rate, time = np.array([0.02, 0.1, 0.05]), np.array([3.0, 16.0, 30.0])
    course = 1 - np.exp(-rate[:, None] * HORIZONS)
    np.testing.assert_allclose(survival_at(course, HORIZONS, time), np.exp(-rate * time))
    np.testing.assert_allclose(survival_at(course, HORIZONS, np.zeros(3)), 1.0)


def test_a_certain_event_has_a_survival_near_zero_and_no_warning():
    found = survival_at(np.ones((1, 4)), HORIZONS, np.array([30.0]))
    assert found[0] == pytest.approx(0.0, abs=1e-9)


def test_the_true_course_is_d_calibrated_and_a_wrong_one_is_not():
    generator, horizons = np.random.default_rng(4), np.linspace(0.2, 3.0, 8)
    right, wrong = [], []
    for _ in range(200):
        rate = generator.uniform(0.5, 2, 400)
        event, leaving = generator.exponential(1 / rate), generator.exponential(2.0, 400)
        time, seen = np.minimum(event, leaving), event <= leaving
        course = 1 - np.exp(-rate[:, None] * horizons)
        right.append(course_d_calibration(course, time, seen, horizons))
        wrong.append(course_d_calibration(1 - (1 - course) ** 1.6, time, seen, horizons))
    # Spreading the censored is known to make the test conservative: never too many small values.
    assert np.mean(np.array(right) < 0.05) < 0.07
    assert np.mean(np.array(wrong) < 0.05) > 0.9


def test_a_row_followed_past_the_last_horizon_is_censored_there():
    horizons = np.arange(1.0, 6.0)
    course = 1 - np.exp(-0.1 * np.outer(np.ones(30), horizons))
    time = np.linspace(0.5, 9.0, 30)
    inside = np.exp(-0.1 * np.minimum(time, 5.0))
    found = course_d_calibration(course, time, np.ones(30), horizons)
    assert found == pytest.approx(d_calibration(inside, time <= 5.0))


def test_too_few_horizons_are_no_curve():
    course = np.tile(np.linspace(0.1, 0.5, 4), (20, 1))
    assert np.isnan(course_d_calibration(course, np.arange(20.0), np.ones(20), HORIZONS))


def test_competing_events_are_refused():
    with pytest.raises(InputError, match=r"event codes up to 2; expected 0 \(censored\) and 1"):
        course_d_calibration(np.zeros((1, 4)), np.ones(1), np.array([2]), HORIZONS)
