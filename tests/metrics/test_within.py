from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from metarisk.errors import InputError
from metarisk.metrics.discrimination import auroc, weighted_auroc
from metarisk.metrics.within import (
    auroc_in_strata,
    choose_strata,
    finer_strata,
    mean_by_cases,
    mean_by_share,
    stratified_auroc,
    stratified_interval,
    within_strata,
)


@pytest.fixture
def two_types():
    generator = np.random.default_rng(0)
    stratum = np.repeat(["lung", "breast"], [300, 200])
    label = (generator.random(500) < np.where(stratum == "lung", 0.6, 0.1)).astype(int)
    return generator, stratum, label


def test_it_is_the_mean_of_the_strata_by_their_cases(two_types):
    generator, stratum, label = two_types
    score = np.round(label + generator.normal(size=500), 1)
    inside = [stratum == name for name in ("lung", "breast")]
    figures = [roc_auc_score(label[rows], score[rows]) for rows in inside]
    expected = np.average(figures, weights=[label[rows].sum() for rows in inside])
    assert stratified_auroc(score, label, stratum, 5) == pytest.approx(expected)


def test_a_score_that_only_knows_the_type_is_chance_within(two_types):
    _, stratum, label = two_types
    score = (stratum == "lung").astype(float)
    assert auroc(score, label) > 0.6
    assert stratified_auroc(score, label, stratum, 5) == 0.5


def test_a_small_stratum_is_left_out_and_its_patients_counted(two_types):
    generator, stratum, label = two_types
    stratum = stratum.copy()
    stratum[:4] = "rare"
    label = label.copy()
    label[:4] = [1, 1, 0, 0]
    groups = np.arange(500)
    groups[1] = groups[0]  # two samples of one patient, both left out
    groups[2] = groups[10]  # this one's other sample counts
    score = generator.normal(size=500)
    within = stratified_interval(score, label, choose_strata(label, stratum, 5), groups, resamples=100)
    assert (within.strata, within.patients_left_out) == (2, 2)
    assert (within.figure.n, within.figure.events) == (496, label[4:].sum())
    assert within.figure.value == stratified_auroc(score, label, stratum, 5)
    assert within.figure.lower < within.figure.value < within.figure.upper


def test_no_stratum_that_counts_gives_no_figure(two_types):
    generator, stratum, label = two_types
    within = stratified_interval(
        generator.normal(size=500), label, choose_strata(label, stratum, 400), np.arange(500), resamples=20
    )
    assert np.isnan(within.figure[:3]).all()
    assert (within.strata, within.patients_left_out, within.figure.n) == (0, 500, 0)


def test_one_stratum_is_the_plain_auroc(draw):
    score, label = draw.binary()
    assert stratified_auroc(score, label, np.zeros(len(score)), 1) == pytest.approx(auroc(score, label))


def test_unknown_labels_are_refused():
    with pytest.raises(InputError, match="label is NaN in 1 of 2 rows"):
        stratified_auroc(np.zeros(2), np.array([np.nan, 1.0]), np.zeros(2), 1)


def test_under_weights_it_is_the_mean_of_one_stratum_at_a_time(two_types):
    generator, stratum, label = two_types
    score = np.round(label + generator.normal(size=500), 1)
    weights = generator.poisson(0.05, (40, 500)) * generator.exponential(size=500)
    weights[0, (stratum == "breast") & (label == 1)] = 0.0
    weights[1] = 0.0
    strata = choose_strata(label, stratum, 5)
    figures = np.array([weighted_auroc(score[rows], label[rows], weights[:, rows]) for rows in strata.rows])
    cases = np.array([(weights * label)[:, rows].sum(axis=1) for rows in strata.rows])
    cases[np.isnan(figures)] = 0.0
    with np.errstate(invalid="ignore"):
        expected = (np.nan_to_num(figures) * cases).sum(axis=0) / cases.sum(axis=0)
    np.testing.assert_allclose(within_strata(score, label, strata)(weights), expected)


def test_without_a_stratum_the_figure_is_unknown():
    strata = choose_strata(np.array([0, 1]), np.array(["a", "b"]), 2)
    assert np.isnan(within_strata(np.zeros(2), np.array([0, 1]), strata)(np.ones((3, 2)))).all()


def test_strata_are_cut_by_a_second_grouping_where_both_classes_are_left():
    label = np.array([1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0])
    types = np.array(["a"] * 8 + ["b"] * 4)
    part = np.array([0, 0, 0, 0, 1, 1, 2, 2, 0, 0, 0, 0])
    cut = finer_strata(choose_strata(label, types, 3), label, part)  # "b" has too few, and 1 and 2 of "a"
    assert [rows.tolist() for rows in cut.rows] == [[0, 1, 2, 3]]
    assert cut.counted.sum() == 4


def test_each_stratum_has_its_own_auroc_under_every_weighting(two_types):
    generator, stratum, label = two_types
    score, weights = np.round(label + generator.normal(size=500), 1), generator.poisson(1.0, (4, 500))
    found = auroc_in_strata(score, label, choose_strata(label, stratum, 5))(weights.astype(float))
    for number, name in enumerate(("breast", "lung")):
        inside = stratum == name
        theirs = [roc_auc_score(label[inside], score[inside], sample_weight=w[inside]) for w in weights]
        np.testing.assert_allclose(found.figure[:, number], theirs)
        np.testing.assert_allclose(found.cases[:, number], (weights * label)[:, inside].sum(axis=1))


def test_strata_are_averaged_by_cases_or_by_fixed_shares(two_types):
    generator, stratum, label = two_types
    score, weights = label + generator.normal(size=500), np.ones((2, 500))
    weights[1, (stratum == "breast") & (label == 1)] = 0.0  # leaves one stratum without cases
    found = auroc_in_strata(score, label, choose_strata(label, stratum, 5))(weights)
    breast, lung = found.figure[0]
    assert mean_by_share(found, np.ones(2))[0] == pytest.approx((breast + lung) / 2)
    assert mean_by_share(found, np.array([200.0, 300.0]))[0] == pytest.approx(0.4 * breast + 0.6 * lung)
    cases = [label[stratum == name].sum() for name in ("breast", "lung")]
    assert mean_by_cases(found)[0] == pytest.approx(np.average([breast, lung], weights=cases))
    for average in (mean_by_cases(found), mean_by_share(found, np.ones(2))):
        assert average[1] == pytest.approx(lung)
