from __future__ import annotations

import numpy as np
import pytest

from metarisk.errors import InputError
from metarisk.metrics import auroc
from metarisk.train import boosting
from metarisk.train.baselines import (
    Baseline,
    fit_boosting,
    fit_boosting_horizon,
    fit_linear,
    fit_linear_horizon,
)

FITS = pytest.mark.parametrize(
    "fit",
    [
        pytest.param(fit_boosting, id="boosting", marks=pytest.mark.slow),
        pytest.param(fit_linear, id="linear"),
    ],
)


@pytest.fixture(autouse=True)
def _short_search(monkeypatch):
    # Two settings instead of six: what these tests claim does not depend on how many are tried.
    monkeypatch.setattr(boosting, "_SEARCH", (({"leaves": 7},),))
    monkeypatch.setattr(boosting, "_MOST_TREES", 12)


@pytest.fixture(scope="module")
def table():
    """600 rows of 400 patients: column 0 acts alone, 1 and 2 only together, 3 is binary, the rest noise."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(600, 12)).astype(np.float32)
    X[:, 3] = generator.random(600) < 0.1
    logit = 2 * X[:, 0] + 2 * np.sign(X[:, 1] * X[:, 2]) + X[:, 3] - 1
    y = (generator.random(600) < 1 / (1 + np.exp(-logit))).astype(float)
    X[generator.random(X.shape) < 0.1] = np.nan
    y[::20] = np.nan
    return X, y, np.arange(600) % 400


@FITS
def test_a_baseline_ranks_rows_it_never_saw(table, fit):
    X, y, groups = table
    test = groups < 100
    model: Baseline = fit(X[~test], y[~test], seed=0, groups=groups[~test])
    probability = model.predict(X[test])
    known = ~np.isnan(y[test])
    assert probability.shape == (test.sum(),)
    assert ((probability > 0) & (probability < 1)).all()
    assert auroc(probability[known], y[test][known]) > 0.65


def test_boosting_finds_what_acts_only_together():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(800, 3)).astype(np.float32)
    y = ((X[:, 0] * X[:, 1] > 0) ^ (generator.random(800) < 0.1)).astype(float)
    boosted, linear = (
        auroc(fit(X[:600], y[:600], seed=0, groups=np.arange(600)).predict(X[600:]), y[600:])
        for fit in (fit_boosting, fit_linear)
    )
    assert boosted > 0.8
    assert linear < 0.6


@FITS
def test_the_same_seed_gives_the_same_model(table, fit):
    X, y, groups = table
    first, second = (fit(X, y, seed=3, groups=groups).predict(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@FITS
def test_poisoned_test_rows_and_unlabelled_rows_change_nothing(table, fit):
    X, y, groups = table
    clean = fit(X, y, seed=0, groups=groups).predict(X[:50])
    poisoned = X.copy()
    poisoned[np.isnan(y)] = 1e6
    model = fit(poisoned, y, seed=0, groups=groups)
    together = model.predict(np.concatenate([X[:50], np.full((50, 12), 1e6, dtype=np.float32)]))
    np.testing.assert_array_equal(together[:50], clean)


@FITS
def test_a_row_of_which_nothing_is_known_has_a_probability(table, fit):
    X, y, groups = table
    unknown = fit(X, y, seed=0, groups=groups).predict(np.full((2, 12), np.nan, dtype=np.float32))
    assert np.isfinite(unknown).all()


@FITS
def test_a_column_nobody_knows_changes_nothing(table, fit):
    X, y, groups = table
    wider = np.column_stack([X, np.full(600, np.nan), np.ones(600)]).astype(np.float32)
    with_it = fit(wider, y, seed=0, groups=groups).predict(wider)
    np.testing.assert_allclose(with_it, fit(X, y, seed=0, groups=groups).predict(X))


@FITS
def test_a_target_with_one_class_is_refused(table, fit):
    X, _, groups = table
    with pytest.raises(
        InputError, match="0 patients with the event and 400 without it; expected at least two"
    ):
        fit(X, np.zeros(600), seed=0, groups=groups)


@FITS
def test_unlike_lengths_are_refused(table, fit):
    X, y, groups = table
    with pytest.raises(InputError, match="X has 600 rows, y 599 and groups 600"):
        fit(X, y[:-1], seed=0, groups=groups)


@FITS
def test_a_table_that_says_nothing_is_refused(table, fit):
    X, y, groups = table
    with pytest.raises(InputError, match=r"none of 12 columns has \d+ rows that differ"):
        fit(np.full_like(X, np.nan), y, seed=0, groups=groups)


def test_the_linear_baseline_is_scikit_learns_pipeline(table):
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y, groups = table
    known = ~np.isnan(y)
    ours = fit_linear(X, y, seed=0, groups=groups)
    pipeline = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(C=ours.penalty, tol=1e-6)
    ).fit(X[known], y[known])
    np.testing.assert_allclose(ours.predict(X), pipeline.predict_proba(X)[:, 1], atol=1e-3)


def test_noise_is_penalised_harder_than_signal():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(300, 60)).astype(np.float32)
    noise = generator.integers(0, 2, 300).astype(float)
    signal = (X[:, 0] > 0).astype(float)
    weak, strong = (fit_linear(X, y, seed=0, groups=np.arange(300)).penalty for y in (noise, signal))
    assert strong > weak


@pytest.fixture(scope="module")
def followed():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(1500, 3)).astype(np.float32)
    event = generator.exponential(10 * np.exp(-X[:, 0]))
    leaving = generator.exponential(6, 1500)
    time = np.minimum(event, leaving)
    code = np.where(event <= leaving, np.where(generator.random(1500) < 0.3, 2, 1), 0).astype(float)
    # Cause 1 by day 8 with nobody leaving: 0.7 of 1 - exp(-rate 8).
    truth = 0.7 * (1 - np.exp(-0.8 * np.exp(X[:, 0])))
    return X, time, code, truth


def test_the_early_leavers_do_not_bias_the_probability(followed):
    X, time, code, truth = followed
    model = fit_boosting_horizon(X, time, code, horizon=8.0, seed=0, groups=np.arange(1500))
    assert model.predict(X).mean() == pytest.approx(truth.mean(), abs=0.04)
    assert np.corrcoef(model.predict(X), truth)[0, 1] > 0.8
    # Calling the early leavers event-free is far too low.
    assert ((code == 1) & (time <= 8)).mean() < truth.mean() - 0.1


def test_what_the_early_leavers_look_like_changes_nothing(followed):
    X, time, code, _ = followed
    poisoned = X.copy()
    poisoned[(code == 0) & (time < 8)] = 1e6
    before, after = (
        fit_boosting_horizon(table, time, code, horizon=8.0, seed=0, groups=np.arange(1500)).predict(X)
        for table in (X, poisoned)
    )
    np.testing.assert_array_equal(before, after)


def test_rows_without_follow_up_are_left_out(followed):
    X, time, code, _ = followed
    shorter = fit_boosting_horizon(X[9:], time[9:], code[9:], horizon=8.0, seed=0, groups=np.arange(9, 1500))
    missing = code.copy()
    missing[:9] = np.nan
    longer = fit_boosting_horizon(X, time, missing, horizon=8.0, seed=0, groups=np.arange(1500))
    np.testing.assert_array_equal(shorter.predict(X), longer.predict(X))


def test_a_linear_model_by_a_horizon_is_the_yes_no_model_where_nobody_is_censored() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(240, 6)).astype(np.float32)
    time = rng.exponential(300.0 * np.exp(-X[:, 0]))
    code = np.where(rng.random(240) < 0.7, 1.0, 2.0)
    label = ((time <= 365.0) & (code == 1.0)).astype(float)
    patients = np.arange(240)
    dated = fit_linear_horizon(X, time, code, horizon=365.0, seed=0, groups=patients)
    plain = fit_linear(X, label, seed=0, groups=patients)
    np.testing.assert_allclose(dated.predict(X), plain.predict(X), rtol=1e-6)
