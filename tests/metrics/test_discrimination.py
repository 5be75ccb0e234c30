from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from sksurv.metrics import cumulative_dynamic_auc
from sksurv.util import Surv

from metarisk.errors import InputError
from metarisk.metrics.censoring import censoring_curve, status_at_horizon
from metarisk.metrics.discrimination import (
    auroc,
    average_precision,
    time_dependent_auroc,
    weighted_auroc,
    weighted_average_precision,
)


def test_auroc_with_ties_is_scikit_learns(draw):
    score, label = draw.binary()
    assert auroc(score, label) == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_weighted_figures_are_scikit_learns(draw):
    score, label = draw.binary()
    weights = draw.generator.exponential(size=(3, len(score))) * (
        draw.generator.random((3, len(score))) > 0.2
    )
    ours = np.stack(
        [weighted_auroc(score, label, weights), weighted_average_precision(score, label, weights)]
    )
    theirs = [
        [f(label, score, sample_weight=w) for w in weights] for f in (roc_auc_score, average_precision_score)
    ]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_average_precision_is_scikit_learns(draw):
    score, label = draw.binary()
    assert average_precision(score, label) == pytest.approx(average_precision_score(label, score), abs=1e-12)


def test_a_weight_of_two_is_the_row_twice(draw):
    score, label = draw.binary(60)
    counts = draw.generator.integers(0, 4, 60)
    twice = np.repeat(np.arange(60), counts)
    for figure in (auroc, average_precision):
        assert figure(score, label, counts.astype(float)) == pytest.approx(figure(score[twice], label[twice]))


def test_one_class_has_no_auroc():
    score = np.array([0.1, 0.2])
    assert np.isnan(auroc(score, np.ones(2)))
    assert np.isnan(auroc(score, np.zeros(2)))
    assert np.isnan(average_precision(score, np.zeros(2)))
    assert np.isnan(auroc(np.empty(0), np.empty(0)))


def test_a_constant_score_is_chance():
    label = np.array([1, 0, 0, 1, 0])
    assert auroc(np.zeros(5), label) == 0.5
    assert average_precision(np.zeros(5), label) == pytest.approx(0.4)


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=30))
def test_auroc_counts_pairs(rows):
    score = np.array([row[0] for row in rows], dtype=float)
    label = np.array([row[1] for row in rows])
    pairs = [(a > b) + 0.5 * (a == b) for a in score[label] for b in score[~label]]
    expected = np.mean(pairs) if pairs else np.nan
    np.testing.assert_allclose(auroc(score, label), expected)
    np.testing.assert_allclose(auroc(-score, label), 1 - expected)


def test_time_dependent_auroc_is_scikit_survivals(draw):
    test, train = draw.followed_up(), draw.followed_up(300)
    theirs, _ = cumulative_dynamic_auc(
        Surv.from_arrays(train.code == 1, train.time), _surv(test), test.risk, [20.0]
    )
    # scikit-survival weighs a case by G(t), we by G(t-): equal where no censoring falls on an event.
    ours = time_dependent_auroc(*test, 20.0, censoring_curve(train.time, train.code))
    assert ours == pytest.approx(theirs[0], abs=1e-12)


def test_time_dependent_auroc_with_competing_events_counts_weighted_pairs(draw):
    test = draw.followed_up(80, causes=2, ties=True)
    censoring = censoring_curve(test.time, test.code)
    won = compared = 0.0
    for i in range(80):
        for j in range(80):
            case = test.code[i] == 1 and test.time[i] <= 20
            free = test.time[j] > 20 or (test.time[j] == 20 and test.code[j] == 0)
            competed = test.code[j] == 2 and test.time[j] <= 20
            if case and (free or competed):
                weight = 1 / (censoring.before(test.time[i]) * censoring.before(min(test.time[j], 20.0)))
                compared += weight
                won += weight * ((test.risk[i] > test.risk[j]) + 0.5 * (test.risk[i] == test.risk[j]))
    assert time_dependent_auroc(*test, 20.0, censoring) == pytest.approx(won / compared)


def test_rows_censored_before_the_horizon_play_no_part(draw):
    test = draw.followed_up()
    censoring = censoring_curve(test.time, test.code)
    status = status_at_horizon(test.time, test.code, 20.0, censoring)
    poisoned = np.where(status.weight == 0, 1e6, test.risk)
    assert (status.weight == 0).any()
    assert time_dependent_auroc(poisoned, test.time, test.code, 20.0, censoring) == time_dependent_auroc(
        *test, 20.0, censoring
    )


def test_a_nan_score_is_refused():
    with pytest.raises(InputError, match="score is NaN in 1 of 2 rows; expected known values only"):
        auroc(np.array([np.nan, 1.0]), np.array([0, 1]))


def test_labels_other_than_yes_and_no_are_refused():
    with pytest.raises(InputError, match="labels hold 2; expected 0 and 1"):
        auroc(np.array([0.5, 1.0]), np.array([2, 1]))


def test_unlike_lengths_are_refused():
    with pytest.raises(InputError, match=r"label has shape \(3,\) and score has \(2,\)"):
        auroc(np.zeros(2), np.zeros(3))
    with pytest.raises(InputError, match=r"score has shape \(2, 1\); expected one number a row"):
        auroc(np.zeros((2, 1)), np.zeros(2))


def test_a_negative_weight_is_refused():
    with pytest.raises(InputError, match="a weight is -1; expected weights of at least 0"):
        auroc(np.zeros(2), np.array([0, 1]), np.array([-1.0, 1.0]))


def _surv(cohort):
    return Surv.from_arrays(cohort.code == 1, cohort.time)
