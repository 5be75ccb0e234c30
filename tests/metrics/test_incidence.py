from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from lifelines import AalenJohansenFitter
from sksurv.nonparametric import cumulative_incidence_competing_risks

from metarisk.metrics.incidence import observed_over_expected, weighted_incidence
from metarisk.metrics.intervals import weighted_mean
from metarisk.metrics.survival import aalen_johansen


def test_a_row_drawn_twice_is_two_rows(draw):
    cohort = draw.followed_up(80, causes=2, ties=True)
    counts = draw.generator.integers(0, 3, (4, 80))
    found = weighted_incidence(cohort.time, cohort.code, 30.0)(counts.astype(float))
    for incidence, count in zip(found, counts, strict=True):
        rows = np.repeat(np.arange(80), count)
        curve = aalen_johansen(cohort.time[rows], cohort.code[rows], 2)[0]
        assert incidence == pytest.approx(float(curve.at(30.0)), abs=1e-12)


@pytest.mark.parametrize("horizon", [1.0, 20.0, 44.0, 1000.0])
def test_it_is_scikit_survivals_at_any_horizon(draw, horizon):
    cohort = draw.followed_up(causes=3, ties=True)
    times, incidence = cumulative_incidence_competing_risks(cohort.code, cohort.time)
    step = np.searchsorted(times, horizon, side="right") - 1
    expected = incidence[1][step] if step >= 0 else 0.0
    found = weighted_incidence(cohort.time, cohort.code, horizon)(np.ones((1, len(cohort.time))))
    assert found[0] == pytest.approx(expected, abs=1e-12)


def test_it_is_lifelines_where_no_times_are_tied(draw):
    cohort = draw.followed_up(causes=2)
    time = cohort.time + draw.generator.random(len(cohort.time))
    fitted = AalenJohansenFitter(calculate_variance=False).fit(time, cohort.code, event_of_interest=1)
    theirs = fitted.cumulative_density_.iloc[:, 0]
    found = weighted_incidence(time, cohort.code, 25.0)(np.ones((1, len(time))))
    assert found[0] == pytest.approx(theirs[theirs.index <= 25.0].iloc[-1], abs=1e-12)


def test_no_event_is_an_incidence_of_zero_and_no_weight_is_none():
    statistic = weighted_incidence(np.array([1.0, 2.0]), np.array([0, 2]), 1.5)
    np.testing.assert_array_equal(statistic(np.array([[1.0, 1.0], [0.0, 0.0]])), [0.0, np.nan])
    some = weighted_incidence(np.array([1.0, 2.0]), np.array([1, 2]), 1.5)
    np.testing.assert_array_equal(some(np.array([[1.0, 1.0], [0.0, 0.0]])), [0.5, np.nan])


def test_observed_over_expected_is_above_one_where_the_risk_is_told_too_low():
    label, told = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.5, 0.1, 0.3, 0.1])
    weights = np.array([[1.0, 1, 1, 1], [2, 1, 0, 1], [0, 0, 0, 0]])
    found = observed_over_expected(partial(weighted_mean, label), [told, np.full(4, 0.5)])(weights)
    np.testing.assert_allclose(found, [[2 / 1.0, 2 / 1.2, np.nan], [1.0, 1.0, np.nan]])
