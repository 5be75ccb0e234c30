from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.utils import concordance_index
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw
from sksurv.util import Surv

from metarisk.metrics.censoring import censoring_curve
from metarisk.metrics.concordance import (
    FollowUp,
    censoring_weighted,
    unweighted,
    weighted_concordance,
)
from metarisk.metrics.concordance_strata import concordance_in_strata
from metarisk.metrics.within import Strata, choose_strata

HORIZON = 40.0


def uno(cohort):
    return censoring_weighted(cohort.time, cohort.code, censoring_curve(cohort.time, cohort.code), HORIZON)


def harrell(cohort, horizon=HORIZON):
    return replace(unweighted(cohort.time, cohort.code), horizon=horizon)


def everybody(n):
    return Strata((np.arange(n),), n)


def c_of(risk, follow_up, weights=None):
    weights = np.ones((1, len(risk))) if weights is None else weights
    return concordance_in_strata(risk, follow_up, everybody(len(risk)))(weights).figure[:, 0]


@pytest.mark.parametrize("weigh", [uno, harrell])
@pytest.mark.parametrize("causes", [1, 3])
@pytest.mark.parametrize("resamples", [1, 32, 45])
def test_sweeps_count_the_pairs_that_the_slow_way_counts(draw, weigh, causes, resamples):
    cohort = draw.followed_up(120, causes=causes, ties=True)
    weights = draw.generator.poisson(1.0, (resamples, 120)).astype(float)
    slow = weighted_concordance(cohort.risk, weigh(cohort), weights)
    np.testing.assert_allclose(c_of(cohort.risk, weigh(cohort), weights), slow, atol=1e-12)


@settings(deadline=None)  # the first example compiles
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(0, 2), st.integers(0, 2)),
        min_size=1,
        max_size=25,
    )
)
def test_every_kind_of_tie_is_counted_as_the_slow_way_counts_it(rows):
    risk, time, code, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    follow_up = FollowUp(time, code.astype(int), 1.0 + time / 7, 4.0)
    weights = np.stack([weight, np.ones(len(rows))])
    if not len(follow_up.cases):
        return
    slow = weighted_concordance(risk, follow_up, weights)
    np.testing.assert_allclose(c_of(risk, follow_up, weights), slow, atol=1e-12)


def test_without_competing_events_it_is_scikit_survivals(draw):
    test, train = draw.followed_up(), draw.followed_up(400)
    theirs = concordance_index_ipcw(_surv(train), _surv(test), test.risk, tau=HORIZON)[0]
    ours = censoring_weighted(test.time, test.code, censoring_curve(train.time, train.code), HORIZON)
    assert c_of(test.risk, ours)[0] == pytest.approx(theirs, abs=1e-12)


def test_harrells_c_until_a_horizon_is_that_of_follow_up_cut_there(draw):
    cohort = draw.followed_up(ties=True)
    seen = (cohort.code == 1) & (cohort.time < HORIZON)
    theirs = concordance_index_censored(seen, np.minimum(cohort.time, HORIZON), cohort.risk)[0]
    assert c_of(cohort.risk, harrell(cohort))[0] == pytest.approx(theirs, abs=1e-12)
    apart = cohort.time + draw.generator.random(len(cohort.time)) / 2  # lifelines counts tied events
    whole = FollowUp(apart, cohort.code, np.ones(len(apart)))
    assert c_of(cohort.risk, whole)[0] == pytest.approx(concordance_index(apart, -cohort.risk, cohort.code))


def test_strata_are_counted_apart_each_with_its_own_censoring(draw):
    parts = [draw.followed_up(n, causes=2, ties=True) for n in (50, 70, 40)]
    risk, time, code = (np.concatenate(column) for column in zip(*parts, strict=True))
    inverse = np.concatenate([uno(part).inverse for part in parts])
    part_of = np.repeat([0, 1, 2], [50, 70, 40])
    order = draw.generator.permutation(160)  # rows of a stratum need not stand together
    follow_up = FollowUp(time[order], code[order], inverse[order], HORIZON)
    strata = choose_strata(((follow_up.event_code == 1) & (follow_up.time < HORIZON)), part_of[order], 1)
    weights = draw.generator.poisson(1.0, (5, 160)).astype(float)
    found = concordance_in_strata(risk[order], follow_up, strata)(weights)
    unsorted = np.empty((5, 160))
    unsorted[:, order] = weights
    for number, part in enumerate(parts):
        own = unsorted[:, part_of == number]
        slow = weighted_concordance(part.risk, uno(part), own)
        np.testing.assert_allclose(found.figure[:, number], slow, atol=1e-12)
        cases = (part.code == 1) & (part.time < HORIZON)
        np.testing.assert_allclose(found.cases[:, number], own[:, cases] @ uno(part).inverse[cases])


def test_a_stratum_without_a_pair_has_no_figure():
    follow_up = FollowUp(np.array([3.0, 1.0, 2.0]), np.array([1, 1, 0]), np.ones(3))
    strata = Strata((np.array([0]), np.array([1, 2])), 3)
    found = concordance_in_strata(np.zeros(3), follow_up, strata)(np.ones((1, 3)))
    np.testing.assert_array_equal(found.figure, [[np.nan, 0.5]])


def _surv(cohort):
    return Surv.from_arrays(cohort.code == 1, cohort.time)
