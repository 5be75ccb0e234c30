from __future__ import annotations

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator

from metarisk.errors import InputError
from metarisk.metrics.survival import aalen_johansen, kaplan_meier


def test_kaplan_meier_is_scikit_survivals(draw):
    cohort = draw.followed_up(ties=True)
    times, survival = kaplan_meier_estimator(cohort.code == 1, cohort.time)
    curve = kaplan_meier(cohort.time, cohort.code)
    np.testing.assert_array_equal(curve.times, times)
    np.testing.assert_allclose(curve.values, survival, atol=1e-14)


def test_kaplan_meier_is_lifelines_between_its_steps_too(draw):
    cohort = draw.followed_up(ties=True)
    fitted = KaplanMeierFitter().fit(cohort.time, cohort.code)
    asked = np.linspace(0, 100, 57)
    ours = kaplan_meier(cohort.time, cohort.code).at(asked)
    np.testing.assert_allclose(ours, fitted.survival_function_at_times(asked), atol=1e-12)


def test_aalen_johansen_is_scikit_survivals(draw):
    cohort = draw.followed_up(causes=3, ties=True)
    times, incidence = cumulative_incidence_competing_risks(cohort.code, cohort.time)
    curves = aalen_johansen(cohort.time, cohort.code, 3)
    for cause, curve in enumerate(curves, start=1):
        np.testing.assert_allclose(curve.at(times), incidence[cause], atol=1e-12)


def test_incidences_and_survival_sum_to_one(draw):
    cohort = draw.followed_up(causes=2, ties=True)
    metastasis, death = aalen_johansen(cohort.time, cohort.code, 2)
    total = metastasis.values + death.values + kaplan_meier(cohort.time, cohort.code).values
    np.testing.assert_allclose(total, 1.0, atol=1e-12)


def test_one_cause_alone_is_one_minus_kaplan_meier(draw):
    cohort = draw.followed_up()
    (incidence,) = aalen_johansen(cohort.time, cohort.code, 1)
    np.testing.assert_allclose(incidence.values, 1 - kaplan_meier(cohort.time, cohort.code).values)


def test_a_curve_steps_at_its_times():
    curve = kaplan_meier(np.array([1.0, 2.0, 2.0, 3.0]), np.array([1, 1, 0, 0]))
    np.testing.assert_allclose(curve.at(np.array([0.5, 1.0, 2.0, 9.0])), [1.0, 0.75, 0.5, 0.5])
    np.testing.assert_allclose(curve.before(np.array([0.5, 1.0, 2.0, 9.0])), [1.0, 1.0, 0.75, 0.5])
    assert float(curve.at(1.5)) == 0.75


def test_a_cause_without_events_stays_at_zero():
    curves = aalen_johansen(np.array([1.0, 2.0]), np.array([1, 0]), 2)
    np.testing.assert_array_equal(curves[1].values, [0.0, 0.0])


def test_no_rows_are_refused():
    with pytest.raises(InputError, match="follow-up has 0 rows"):
        kaplan_meier(np.empty(0), np.empty(0))


def test_a_cause_beyond_the_number_named_is_refused():
    with pytest.raises(
        InputError, match=r"event codes up to 3; expected at least one row, and codes 0 \.\. 2"
    ):
        aalen_johansen(np.array([1.0, 2.0]), np.array([1, 3]), 2)
