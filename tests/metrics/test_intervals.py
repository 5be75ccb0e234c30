from __future__ import annotations

import time
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from metarisk.errors import InputError
from metarisk.metrics import intervals
from metarisk.metrics.censoring import brier_terms, censoring_curve, status_at_horizon
from metarisk.metrics.concordance import unweighted, weighted_concordance
from metarisk.metrics.discrimination import weighted_auroc
from metarisk.metrics.intervals import (
    bootstrap,
    holm,
    one_figure,
    over_rows,
    paired_difference,
    resampled_families,
    resampled_together,
    resampled_weights,
    reweighted,
    weighted_mean,
)


def test_patients_are_drawn_with_all_their_samples():
    groups = np.array(["a", "b", "b", "c", "a", "c", "c"])
    for weights in resampled_weights(groups, 50, seed=0):
        for patient in "abc":
            assert (np.ptp(weights[:, groups == patient], axis=1) == 0).all()
        assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_weights_give_the_interval_that_row_indices_give(draw):
    score, label = draw.binary()
    groups = draw.generator.integers(0, 80, len(score))
    fast = bootstrap(partial(weighted_auroc, score, label), groups, events=int(label.sum()), resamples=60)
    slow = bootstrap(
        over_rows(lambda rows: roc_auc_score(label[rows], score[rows])),
        groups,
        events=int(label.sum()),
        resamples=60,
    )
    assert fast == pytest.approx(slow)
    assert fast.lower < fast.value < fast.upper


def test_the_same_seed_gives_the_same_interval_whatever_the_block(draw, monkeypatch):
    score, label = draw.binary()
    figure = partial(weighted_auroc, score, label)
    one = bootstrap(figure, np.arange(len(score)), events=1, resamples=70, seed=5)
    monkeypatch.setattr(intervals, "_CELLS_AT_ONCE", 13 * len(score))
    assert bootstrap(figure, np.arange(len(score)), events=1, resamples=70, seed=5) == one
    assert bootstrap(figure, np.arange(len(score)), events=1, resamples=70, seed=6) != one


def test_the_interval_covers_the_truth_nineteen_times_in_twenty():
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        values = generator.normal(size=80)
        interval = bootstrap(
            partial(weighted_mean, values), np.arange(80), events=0, resamples=300, seed=trial
        )
        covered += interval.lower <= 0 <= interval.upper
    assert 0.89 <= covered / 200 <= 0.99


def test_two_samples_of_each_patient_do_not_narrow_the_interval():
    generator = np.random.default_rng(0)
    values = np.repeat(generator.normal(size=100), 2)
    by_patient = bootstrap(partial(weighted_mean, values), np.repeat(np.arange(100), 2), events=0)
    by_row = bootstrap(partial(weighted_mean, values), np.arange(200), events=0)
    assert by_patient.upper - by_patient.lower > 1.25 * (by_row.upper - by_row.lower)


def test_a_figure_that_most_resamples_lack_has_no_interval():
    label = np.zeros(20)
    label[0] = 1
    lacking = bootstrap(partial(weighted_auroc, np.zeros(20), label), np.arange(20), events=1)
    assert lacking[:3] == (0.5, 0.5, 0.5)  # drawn in 64 % of the resamples
    none = bootstrap(partial(weighted_auroc, np.zeros(20), np.zeros(20)), np.arange(20), events=0)
    assert np.isnan(none[:3]).all()
    assert none.n == 20


def test_censoring_weights_and_draws_multiply(draw):
    cohort = draw.followed_up()
    status = status_at_horizon(cohort.time, cohort.code, 20.0, censoring_curve(cohort.time, cohort.code))
    auroc = reweighted(partial(weighted_auroc, cohort.risk, status.label), status.weight)
    brier = partial(weighted_mean, brier_terms(np.full(len(cohort.time), 0.5), status))
    for statistic in (auroc, brier):
        interval = bootstrap(statistic, np.arange(len(cohort.time)), events=1, resamples=200)
        assert interval.lower < interval.value < interval.upper


def test_a_model_differs_from_itself_by_nothing(draw):
    score, label = draw.binary()
    figure = partial(weighted_auroc, score, label)
    assert paired_difference(figure, figure, np.arange(len(score)), resamples=50) == (0, 0, 0, 1, len(score))


def test_a_clearly_better_model_has_a_small_p_value_and_the_reverse_the_opposite_sign():
    generator = np.random.default_rng(0)
    label = generator.integers(0, 2, 500)
    good, poor = label + generator.normal(size=500), generator.normal(size=500)
    first, second = (partial(weighted_auroc, score, label) for score in (good, poor))
    there = paired_difference(first, second, np.arange(500), resamples=400)
    back = paired_difference(second, first, np.arange(500), resamples=400)
    assert there.p == back.p == pytest.approx(2 / 401)
    assert (there.value, there.lower) == pytest.approx((-back.value, -back.upper))
    assert there.lower > 0


def test_p_values_of_two_equal_models_are_about_uniform():
    generator = np.random.default_rng(1)
    p_values = []
    for trial in range(150):
        label = generator.integers(0, 2, 120)
        first, second = (partial(weighted_auroc, label + generator.normal(size=120), label) for _ in range(2))
        p_values.append(paired_difference(first, second, np.arange(120), resamples=200, seed=trial).p)
    assert np.mean(np.array(p_values) < 0.1) < 0.2
    assert 0.4 < np.mean(p_values) < 0.6


def test_holm_is_the_textbook_and_ignores_what_was_not_tested():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.03, np.nan, 0.6]), [0.06, np.nan, 0.6])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])
    assert holm([]).shape == (0,)


def test_a_thousand_resamples_of_twelve_thousand_rows_take_seconds():
    generator = np.random.default_rng(0)
    score, label = generator.normal(size=12_000), (generator.random(12_000) < 0.2).astype(float)
    started = time.perf_counter()
    bootstrap(partial(weighted_auroc, score, label), np.arange(12_000), events=0)
    assert time.perf_counter() - started < 10  # 0.5 s alone; the bound allows for a busy machine


def test_concordance_is_bootstrapped_too(draw):
    cohort = draw.followed_up(causes=2)
    statistic = partial(weighted_concordance, cohort.risk, unweighted(cohort.time, cohort.code))
    interval = bootstrap(statistic, np.arange(len(cohort.risk)), events=1, resamples=200)
    assert interval.lower < interval.value < interval.upper


def test_no_rows_are_refused():
    with pytest.raises(InputError, match="there are no rows to resample"):
        list(resampled_weights(np.empty(0), 10, seed=0))


def test_figures_resampled_together_are_those_of_one_at_a_time(draw, monkeypatch):
    first, label = draw.binary(90)
    second = first + draw.generator.normal(size=90)
    groups = np.arange(90) // 2
    statistics = {name: partial(weighted_auroc, s, label) for name, s in (("a", first), ("b", second))}
    monkeypatch.setattr(intervals, "_CELLS_AT_ONCE", 90 * 7)  # several blocks
    together = resampled_together(statistics, groups, resamples=60, seed=3)
    for name, statistic in statistics.items():
        alone = bootstrap(statistic, groups, events=0, resamples=60, seed=3)
        assert (together[name].value, *together[name].bounds()) == alone[:3]
    gap = paired_difference(statistics["a"], statistics["b"], groups, resamples=60, seed=3)
    assert together["a"].minus(together["b"], 90) == pytest.approx(gap, nan_ok=True)


def test_a_constant_pair_resampled_together_differs_by_nothing():
    statistic = partial(weighted_mean, np.arange(20.0))
    found = resampled_together({"a": statistic, "b": statistic}, np.arange(20), resamples=50)
    assert found["a"].minus(found["b"], 20) == (0.0, 0.0, 0.0, 1.0, 20)


def test_patients_are_drawn_within_their_stratum_where_one_is_given(draw):
    groups = draw.generator.integers(0, 60, 150)
    stratum = np.array(["b", "a", "c"])[groups % 3]
    drawn = np.concatenate(list(resampled_weights(groups, 200, 3, stratum)))
    first = np.unique(groups, return_index=True)[1]
    for name in "abc":
        patients = first[stratum[first] == name]
        assert (drawn[:, patients].sum(axis=1) == len(patients)).all()
        assert drawn[:, patients].mean(axis=0) == pytest.approx(1.0, abs=0.35)
    assert (drawn == drawn[:, first[np.searchsorted(groups[first], groups)]]).all()  # all rows of a patient


def test_a_patient_of_two_strata_is_drawn_in_one(draw):
    groups, stratum = np.array([0, 0, 1, 2]), np.array([0, 1, 0, 1])
    drawn = np.concatenate(list(resampled_weights(groups, 50, 0, stratum)))
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, [0, 2]].sum(axis=1) == 2).all()
    assert (drawn[:, 3] == 1).all()


def test_a_family_of_figures_is_each_of_them_alone(draw):
    score, label = draw.binary()
    groups = draw.generator.integers(0, 80, len(score))
    figure, mean = partial(weighted_auroc, score, label), partial(weighted_mean, label)
    together = resampled_families(
        {("auroc", "mean"): lambda w: np.stack([figure(w), mean(w)]), ("again",): one_figure(figure)}, groups
    )
    alone = bootstrap(figure, groups, events=0)
    for name in ("auroc", "again"):
        assert (together[name].value, *together[name].bounds()) == pytest.approx(alone[:3])
    assert together["mean"].value == pytest.approx(label.mean())
