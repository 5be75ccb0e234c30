from __future__ import annotations

import numpy as np
import pytest
from lifelines.utils import concordance_index
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw
from sksurv.util import Surv

from metarisk.errors import InputError
from metarisk.metrics import concordance
from metarisk.metrics.censoring import censoring_curve
from metarisk.metrics.concordance import (
    cause_specific_c,
    censoring_weighted,
    harrell_c,
    uno_c,
    unweighted,
    weighted_concordance,
)


def test_harrell_c_with_ties_is_scikit_survivals(draw):
    cohort = draw.followed_up(ties=True)
    theirs = concordance_index_censored(cohort.code == 1, cohort.time, cohort.risk)[0]
    assert harrell_c(cohort.risk, cohort.time, cohort.code) == pytest.approx(theirs, abs=1e-12)


def test_harrell_c_without_tied_times_is_lifelines(draw):
    cohort = draw.followed_up()
    time = cohort.time + draw.generator.random(len(cohort.time))
    theirs = concordance_index(time, -cohort.risk, cohort.code)
    assert harrell_c(cohort.risk, time, cohort.code) == pytest.approx(theirs, abs=1e-12)


def test_uno_c_is_scikit_survivals(draw):
    test, train = draw.followed_up(), draw.followed_up(400)
    theirs = concordance_index_ipcw(_surv(train), _surv(test), test.risk, tau=60.0)[0]
    ours = uno_c(*test, censoring_curve(train.time, train.code), tau=60.0)
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_competing_concordance_counts_pairs(draw):
    cohort = draw.followed_up(70, causes=3, ties=True)
    assert cause_specific_c(*cohort) == pytest.approx(_slow(cohort, lambda time: 1.0))


def test_weighted_competing_concordance_counts_pairs(draw):
    cohort = draw.followed_up(70, causes=2, ties=True)
    censoring = censoring_curve(cohort.time, cohort.code)
    slow = _slow(cohort, lambda time: float(censoring.before(time)), tau=50.0)
    assert uno_c(*cohort, censoring, tau=50.0) == pytest.approx(slow)


def test_without_censoring_uno_is_harrell(draw):
    cohort = draw.followed_up()
    event = np.ones(len(cohort.time), dtype=int)
    censoring = censoring_curve(cohort.time, event)
    assert uno_c(cohort.risk, cohort.time, event, censoring) == pytest.approx(
        harrell_c(cohort.risk, cohort.time, event)
    )


def test_a_competing_event_is_never_to_have_the_event():
    time, code = np.array([5.0, 2.0]), np.array([1, 2])
    assert cause_specific_c(np.array([1.0, 0.0]), time, code) == 1.0
    assert np.isnan(harrell_c(np.array([1.0, 0.0]), time, code == 1))


def test_a_row_drawn_twice_weighs_two(draw):
    cohort = draw.followed_up(60, causes=2, ties=True)
    counts = draw.generator.integers(0, 3, (2, 60))
    censoring = censoring_curve(cohort.time, cohort.code)
    # Keep the horizon short of the last patients, where G may reach zero.
    weighted = weighted_concordance(
        cohort.risk, censoring_weighted(cohort.time, cohort.code, censoring, 40.0), counts.astype(float)
    )
    for figure, count in zip(weighted, counts, strict=True):
        rows = np.repeat(np.arange(60), count)
        assert figure == pytest.approx(uno_c(*(column[rows] for column in cohort), censoring, tau=40.0))


def test_the_block_size_plays_no_part(draw, monkeypatch):
    cohort = draw.followed_up()
    whole = cause_specific_c(*cohort)
    monkeypatch.setattr(concordance, "_PAIRS_AT_ONCE", 7 * len(cohort.time))
    assert cause_specific_c(*cohort) == pytest.approx(whole, abs=1e-14)


def test_the_c_of_a_better_risk_is_higher_and_of_its_negative_is_the_rest(draw):
    cohort = draw.followed_up(400)
    c = harrell_c(*cohort)
    assert 0.6 < c < 0.8
    assert harrell_c(-cohort.risk, cohort.time, cohort.code) == pytest.approx(1 - c)


def test_no_event_has_no_concordance():
    assert np.isnan(harrell_c(np.zeros(3), np.arange(3.0), np.zeros(3)))


def test_follow_up_before_baseline_is_refused():
    with pytest.raises(
        InputError, match="follow-up holds a negative time or event code; expected days of at"
    ):
        unweighted(np.array([-1.0, 2.0]), np.array([0, 1]))


def test_an_event_after_the_training_follow_up_is_refused_with_its_day():
    censoring = censoring_curve(np.array([1.0, 2.0]), np.array([1, 0]))
    with pytest.raises(InputError, match="1 rows count at 9 days or later, past the training"):
        uno_c(np.zeros(2), np.array([9.0, 1.0]), np.array([1, 1]), censoring)


def _slow(cohort, g, tau=np.inf):
    won = compared = 0.0
    for r_i, t_i, d_i in zip(*cohort, strict=True):
        if d_i != 1 or t_i >= tau:
            continue
        for r_j, t_j, d_j in zip(*cohort, strict=True):
            weight = 0.0
            if t_j > t_i or (t_j == t_i and d_j == 0):
                weight = 1 / g(t_i) ** 2
            elif d_j > 1:
                weight = 1 / (g(t_i) * g(t_j))
            compared += weight
            won += weight * ((r_i > r_j) + 0.5 * (r_i == r_j))
    return won / compared


def _surv(cohort):
    return Surv.from_arrays(cohort.code == 1, cohort.time)
