from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from metarisk.train.examples import inner_splits, labelled, telling_columns


@pytest.fixture
def examples():
    generator = np.random.default_rng(0)
    X = (generator.random((400, 60)) < np.linspace(0.01, 0.3, 60)).astype(np.float32)
    y = (generator.random(400) < 0.1 + 0.4 * X[:, 50] + 0.3 * X[:, 59]).astype(float)
    return labelled(X, y, np.ones(400), np.arange(400) // 2)


def test_no_patient_is_on_both_sides(examples):
    held_patients = []
    for training, held in inner_splits(examples, seed=0):
        assert len(training.y) + len(held.y) == 400
        assert not set(training.groups) & set(held.groups)
        held_patients += sorted(set(held.groups))
    assert len(held_patients) == len(set(held_patients)) == 120  # three fifths of 200, none held twice


def test_the_events_are_spread_evenly(examples):
    events = [held.y.sum() for _, held in inner_splits(examples, seed=0)]
    assert np.ptp(events) <= 4
    assert np.mean(events) == pytest.approx(examples.y.sum() / 5, rel=0.15)


def test_a_large_table_is_split_once():
    y = np.arange(1200) % 2
    large = labelled(np.zeros((1200, 1), dtype=np.float32), y, np.ones(1200), np.arange(1200))
    assert len(list(inner_splits(large, seed=0))) == 1


def test_two_patients_of_each_class_are_enough():
    few = labelled(np.zeros((4, 1), dtype=np.float32), np.array([1, 1, 0, 0]), np.ones(4), np.arange(4))
    for training, _ in inner_splits(few, seed=0):
        assert set(training.y) == {0.0, 1.0}


def test_boosting_loses_nothing_by_the_columns_left_out(examples):
    columns = telling_columns(examples, least=20, most=1000)
    assert 0 < len(columns) < 60
    model = HistGradientBoostingClassifier(min_samples_leaf=20, early_stopping=False, max_iter=20)
    whole = model.fit(examples.X, examples.y).predict_proba(examples.X)
    fewer = model.fit(examples.X[:, columns], examples.y).predict_proba(examples.X[:, columns])
    np.testing.assert_allclose(fewer, whole)


def test_of_columns_missing_in_the_same_rows_one_is_read():
    X = np.zeros((100, 5), dtype=np.float32)
    X[:40, 1] = X[:40, 2] = np.nan
    X[60:, 3] = np.nan
    X[:, 4] = np.arange(100)
    X[60:, 4] = np.nan
    rows = labelled(X, np.arange(100) % 2, np.ones(100), np.arange(100))
    assert list(telling_columns(rows, least=20, most=1000)) == [1, 4]


def test_of_too_many_columns_the_most_correlated_are_kept(examples):
    kept = telling_columns(examples, least=20, most=2)
    assert list(kept) == [50, 59]


def test_a_column_with_unknowns_is_correlated_over_the_known():
    generator = np.random.default_rng(1)
    X = generator.normal(size=(500, 30)).astype(np.float32)
    y = (X[:, 7] > 0).astype(float)
    X[generator.random(X.shape) < 0.3] = np.nan
    rows = labelled(X, y, np.ones(500), np.arange(500))
    assert list(telling_columns(rows, least=20, most=1)) == [7]


def test_dense_columns_are_rationed_by_their_cells_and_rare_ones_are_not(examples):
    generator = np.random.default_rng(2)
    dense = generator.normal(size=(400, 40)).astype(np.float32)
    dense[:, 5] += examples.y
    both = examples._replace(X=np.column_stack([examples.X, dense]))
    kept = telling_columns(both, least=20, most=1000, cells=4000)
    assert 65 in kept
    assert 0 < (kept >= 60).sum() < 10
    assert (both.X[:, kept] != np.median(both.X[:, kept], axis=0)).sum() <= 4000
    unrationed = telling_columns(both, least=20, most=1000)
    assert set(kept) < set(unrationed)
