"""Every figure of censored follow-up is another library's, on random cohorts with ties."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score
from sksurv.metrics import (
    brier_score,
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.nonparametric import cumulative_incidence_competing_risks
from sksurv.util import Surv

from metarisk.metrics.calibration import d_calibration
from metarisk.metrics.censoring import (
    brier_at_horizon,
    censoring_curve,
    integrated_brier,
    status_at_horizon,
)
from metarisk.metrics.concordance import harrell_c, uno_c
from metarisk.metrics.discrimination import time_dependent_auroc, weighted_auroc
from metarisk.metrics.survival import aalen_johansen

HORIZONS = np.array([6.0, 12.0, 18.0])
random_cohorts = given(st.integers(0, 2**32 - 1), st.integers(30, 120), st.integers(1, 30))
rarely = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


class Cohort(NamedTuple):
    """Days are whole, so that events tie."""

    risk: np.ndarray
    time: np.ndarray
    code: np.ndarray

    @property
    def surv(self):
        return Surv.from_arrays(self.code == 1, self.time)


def cohort(seed, n, levels, *, causes=1, end=np.inf):
    """Risks in a few levels, so that they tie.

    Where the follow-up has an end, nobody is censored on the day of an event: of the two, scikit-survival
    takes G(t) in some figures and G(t-) in others.
    """
    generator = np.random.default_rng(seed)
    risk = np.round(generator.normal(size=n) * levels) / levels
    event = np.ceil(generator.exponential(15.0 * np.exp(-risk)))
    leaving = np.ceil(generator.exponential(25.0, n)) + (0.5 if np.isfinite(end) else 0.0)
    leaving = np.minimum(leaving, end)
    code = np.where(event <= leaving, generator.integers(1, causes + 1, n), 0)
    return Cohort(risk, np.minimum(event, leaving), code)


def two_cohorts(seed, n, levels):
    """Two cohorts, the training one followed longer, both past the horizons; events come before the first."""
    test, train = cohort(seed, n, levels, end=30.5), cohort(seed + 1, 3 * n, levels, end=40.5)
    assume((train.time > 31).any())
    assume((test.time > 19).any() and (test.code[test.time <= 6] == 1).any())
    return test, train


@rarely
@random_cohorts
def test_harrells_c(seed, n, levels):
    test = cohort(seed, n, levels)
    assume((test.code == 1).any())
    theirs = concordance_index_censored(test.code == 1, test.time, test.risk)[0]
    assert harrell_c(*test) == pytest.approx(theirs, abs=1e-12)


@rarely
@random_cohorts
def test_unos_c_with_training_patients_of_its_own(seed, n, levels):
    test, train = two_cohorts(seed, n, levels)
    theirs = concordance_index_ipcw(train.surv, test.surv, test.risk, 18.0)[0]
    assert uno_c(*test, censoring_curve(train.time, train.code), 18.0) == pytest.approx(theirs, abs=1e-12)


@rarely
@random_cohorts
def test_the_cumulative_dynamic_auroc_at_each_horizon(seed, n, levels):
    test, train = two_cohorts(seed, n, levels)
    theirs, _ = cumulative_dynamic_auc(train.surv, test.surv, test.risk, HORIZONS)
    censoring = censoring_curve(train.time, train.code)
    ours = [time_dependent_auroc(*test, days, censoring) for days in HORIZONS]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


@rarely
@random_cohorts
def test_the_weighted_brier_score_and_its_integral(seed, n, levels):
    test, train = two_cohorts(seed, n, levels)
    told = np.sort(np.random.default_rng(seed).random((n, 3)), axis=1)
    censoring = censoring_curve(train.time, train.code)
    _, theirs = brier_score(train.surv, test.surv, 1 - told, HORIZONS)
    statuses = [status_at_horizon(test.time, test.code, days, censoring) for days in HORIZONS]
    ours = [brier_at_horizon(column, status) for column, status in zip(told.T, statuses, strict=True)]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    whole = integrated_brier_score(train.surv, test.surv, 1 - told, HORIZONS)
    ours_whole = integrated_brier(told, test.time, test.code, HORIZONS, censoring)
    assert ours_whole == pytest.approx(whole, abs=1e-12)


@rarely
@random_cohorts
def test_the_incidence_of_competing_events(seed, n, levels):
    test = cohort(seed, n, levels, causes=3)
    assume(set(test.code) >= {1, 2, 3})
    times, theirs = cumulative_incidence_competing_risks(test.code, test.time)
    for curve, incidence in zip(aalen_johansen(test.time, test.code, 3), theirs[1:], strict=True):
        np.testing.assert_allclose(curve.at(times), incidence, atol=1e-12)


@rarely
@random_cohorts
def test_without_censoring_a_horizon_is_a_yes_no_question(seed, n, levels):
    test = cohort(seed, n, levels)
    code = np.ones(n, dtype=int)
    label = test.time <= 6.0
    assume(0 < label.sum() < n)
    censoring = censoring_curve(test.time, code)
    told = np.random.default_rng(seed).random(n)
    status = status_at_horizon(test.time, code, 6.0, censoring)
    assert brier_at_horizon(told, status) == pytest.approx(brier_score_loss(label, told))
    theirs = roc_auc_score(label, test.risk)
    assert time_dependent_auroc(test.risk, test.time, code, 6.0, censoring) == pytest.approx(theirs)
    assert weighted_auroc(test.risk, label, np.ones((1, n)))[0] == pytest.approx(theirs)


@rarely
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 12))
def test_d_calibration_by_rows_and_bins(seed, n, bins):
    """No library among those installed has it: written out by the rule of Haider et al. (2020)."""
    from scipy.stats import chi2

    generator = np.random.default_rng(seed)
    survival, seen = np.ceil(generator.random(n) * 40) / 40, generator.random(n) < 0.6
    counts = np.zeros(bins)
    for s, event in zip(survival, seen, strict=True):
        own = min(int(s * bins), bins - 1)
        if event:
            counts[own] += 1
            continue
        counts[own] += 1 - own / bins / s
        counts[:own] += 1 / bins / s
    expected = n / bins
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert d_calibration(survival, seen, bins=bins) == pytest.approx(chi2.sf(statistic, bins - 1), abs=1e-12)
