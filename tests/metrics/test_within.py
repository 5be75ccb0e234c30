from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from metarisk.errors import InputError
from metarisk.metrics.discrimination import auroc
from metarisk.metrics.within import choose_strata, stratified_auroc, stratified_interval


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
