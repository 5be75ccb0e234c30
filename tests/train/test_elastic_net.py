from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from metarisk.errors import InputError
from metarisk.metrics import auroc
from metarisk.train.cox_net import CoxLoss, CoxNet, Followed, fit_cox_net
from metarisk.train.descent import Penalty, path, strengths_of
from metarisk.train.elastic_net import LogisticLoss, fit_elastic_net
from metarisk.train.examples import Floats

SHARES = pytest.mark.parametrize("share", [0.05, 0.5, 1.0])


@pytest.fixture(scope="module")
def drawn() -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """300 standardised rows of 60 columns, a label that two of them make, and tied times with censoring."""
    generator = np.random.default_rng(0)
    Z = generator.normal(size=(300, 60))
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    risk = Z[:, 0] - Z[:, 1]
    y = (generator.random(300) < 1 / (1 + np.exp(1 - risk))).astype(float)
    death = np.ceil(generator.exponential(50 * np.exp(-risk)))
    leaving = np.ceil(generator.exponential(60.0, 300))
    return Z, y, np.minimum(death, leaving), death <= leaving


@SHARES
def test_a_logistic_path_is_scikit_learns(drawn: Any, share: float) -> None:
    from sklearn.linear_model import LogisticRegression

    Z, y, _, _ = drawn
    columns = np.vstack([Z.T, np.ones(len(Z))])
    loss, penalty = LogisticLoss(y, np.full(300, 1 / 300)), Penalty(share, np.arange(61) == 60)
    strengths = strengths_of(columns, loss, penalty)[[0, 10, 25]]
    ours = list(path(columns, loss, penalty, strengths))
    np.testing.assert_allclose(ours[0][:-1], 0.0, atol=1e-6)  # the strongest keeps only the intercept
    for coefficients, strength in zip(ours[1:], strengths[1:], strict=True):
        theirs = LogisticRegression(
            solver="saga", C=1 / (300 * strength), l1_ratio=share, tol=1e-7, max_iter=5000
        ).fit(Z, y)
        np.testing.assert_allclose(coefficients[:-1], theirs.coef_[0], atol=1e-3)
        np.testing.assert_allclose(coefficients[-1], theirs.intercept_[0], atol=1e-3)


@SHARES
def test_a_cox_path_is_scikit_survivals(drawn: Any, share: float) -> None:
    from sksurv.linear_model import CoxnetSurvivalAnalysis
    from sksurv.util import Surv

    Z, _, time, event = drawn
    columns, loss = np.ascontiguousarray(Z.T), CoxLoss.of(Followed(Z, time, event, np.arange(300)))
    penalty = Penalty(share, np.zeros(60, dtype=bool))
    strengths = strengths_of(columns, loss, penalty)[:30:5]
    theirs = CoxnetSurvivalAnalysis(l1_ratio=share, alphas=strengths, tol=1e-9, max_iter=10**6)
    theirs.fit(Z, Surv.from_arrays(event, time))
    ours = np.column_stack(list(path(columns, loss, penalty, strengths)))
    np.testing.assert_allclose(ours, theirs.coef_, atol=1e-3)


def test_without_covariates_the_incidence_is_aalen_and_johansens() -> None:
    from lifelines import AalenJohansenFitter

    generator = np.random.default_rng(1)
    time, code = generator.exponential(500.0, 400), generator.integers(0, 3, 400).astype(float)
    X = generator.normal(size=(400, 3)).astype(np.float32)  # noise: the penalty leaves the baseline hazards
    model = fit_cox_net(X, time, code, seed=0, groups=np.arange(400))
    theirs = AalenJohansenFitter(calculate_variance=False).fit(time, code, event_of_interest=1)
    for horizon in (100.0, 400.0):
        expected = float(theirs.predict(horizon))
        assert model.predict(X, horizon).mean() == pytest.approx(expected, abs=0.01)


def test_without_competing_events_the_probability_is_one_minus_breslows_survival(drawn: Any) -> None:
    from sksurv.linear_model import CoxnetSurvivalAnalysis
    from sksurv.util import Surv

    Z, _, time, event = drawn
    X = Z.astype(np.float32)
    model = fit_cox_net(X, time, event.astype(float), seed=0, groups=np.arange(300))
    assert model.competing is None
    assert model.cause.choice is not None
    share, strength = model.cause.choice
    theirs = CoxnetSurvivalAnalysis(
        l1_ratio=share, alphas=[strength], tol=1e-9, max_iter=10**6, fit_baseline_model=True
    ).fit(Z, Surv.from_arrays(event, time))
    expected = [1 - float(curve(30.0)) for curve in theirs.predict_survival_function(Z[:40])]
    np.testing.assert_allclose(model.predict(X[:40], 30.0), expected, atol=2e-3)


def test_a_competing_cause_that_columns_foretell_lowers_the_probability() -> None:
    generator = np.random.default_rng(2)
    X = generator.normal(size=(800, 5)).astype(np.float32)
    ours = generator.exponential(800.0, 800)
    theirs = generator.exponential(800 * np.exp(-1.5 * X[:, 1]))
    time, code = np.minimum(ours, theirs), np.where(ours < theirs, 1.0, 2.0)
    model = fit_cox_net(X, time, code, seed=0, groups=np.arange(800))
    high, low = np.zeros((1, 5), np.float32), np.zeros((1, 5), np.float32)
    high[0, 1], low[0, 1] = 2.0, -2.0
    assert model.predict(high, 800.0)[0] < model.predict(low, 800.0)[0] - 0.1


def test_few_competing_events_are_one_hazard_for_everybody() -> None:
    generator = np.random.default_rng(3)
    X = generator.normal(size=(200, 4)).astype(np.float32)
    code = np.where(np.arange(200) < 10, 2.0, np.where(np.arange(200) < 120, 1.0, 0.0))
    model = fit_cox_net(X, generator.exponential(400.0, 200), code, seed=0, groups=np.arange(200))
    assert model.competing is not None
    assert model.competing.predictor is None


def _followed(rows: int, seed: int) -> tuple[Any, ...]:
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(rows, 12)).astype(np.float32)
    death = generator.exponential(400 * np.exp(-X[:, 0] + X[:, 1]))
    leaving = generator.exponential(500.0, rows)
    return X, np.minimum(death, leaving), (death <= leaving).astype(float)


def test_a_cox_net_ranks_patients_it_never_saw_and_later_is_likelier() -> None:
    X, time, code = _followed(600, 0)
    model: CoxNet = fit_cox_net(X[:400], time[:400], code[:400], seed=0, groups=np.arange(400))
    early, late = (model.predict(X[400:], horizon) for horizon in (200.0, 600.0))
    known = (code[400:] == 1) | (time[400:] > 200.0)
    assert auroc(early[known], (time[400:] <= 200.0)[known].astype(float)) > 0.75
    assert ((early >= 0) & (early <= late) & (late <= 1)).all()


def test_unknown_values_and_poisoned_rows_without_follow_up_change_nothing() -> None:
    X, time, code = _followed(300, 1)
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    time[::10] = np.nan
    model = fit_cox_net(X, time, code, seed=0, groups=np.arange(300))
    poisoned = X.copy()
    poisoned[::10] = 1e6
    again = fit_cox_net(poisoned, time, code, seed=0, groups=np.arange(300))
    np.testing.assert_array_equal(model.predict(X, 300.0), again.predict(X, 300.0))
    assert np.isfinite(model.predict(np.full((2, 12), np.nan, np.float32), 300.0)).all()


def test_a_patients_two_samples_are_never_on_both_sides_of_an_inner_split() -> None:
    # Each patient's label is noise that its two rows share: remembered rows would look like skill.
    generator = np.random.default_rng(5)
    X = np.repeat(generator.normal(size=(60, 40)), 2, axis=0).astype(np.float32)
    y, patients = np.repeat(generator.integers(0, 2, 60), 2).astype(float), np.repeat(np.arange(60), 2)
    apart = fit_elastic_net(X, y, seed=0, groups=patients)
    mixed = fit_elastic_net(X, y, seed=0, groups=np.arange(120))
    size = [np.abs(model.predictor.coefficients).sum() for model in (apart, mixed)]
    assert size[0] < size[1] / 4


def test_a_dated_target_without_events_is_refused() -> None:
    X, time, _ = _followed(60, 2)
    with pytest.raises(InputError, match="0 patients with the event; expected at least two"):
        fit_cox_net(X, time, np.zeros(60), seed=0, groups=np.arange(60))
    with pytest.raises(InputError, match="negative"):
        fit_cox_net(X, -time, np.ones(60), seed=0, groups=np.arange(60))


@pytest.mark.slow
def test_a_random_survival_forest_finds_no_more_in_linear_hazards() -> None:
    from sksurv.ensemble import RandomSurvivalForest
    from sksurv.metrics import concordance_index_censored
    from sksurv.util import Surv

    X, time, code = _followed(700, 3)
    event = code == 1
    net = fit_cox_net(X[:400], time[:400], code[:400], seed=0, groups=np.arange(400))
    forest = RandomSurvivalForest(n_estimators=100, min_samples_leaf=15, random_state=0)
    forest.fit(X[:400], Surv.from_arrays(event[:400], time[:400]))
    ours, theirs = (
        concordance_index_censored(event[400:], time[400:], risk)[0]
        for risk in (net.predict(X[400:], 400.0), forest.predict(X[400:]))
    )
    assert ours > theirs - 0.01
    assert theirs > 0.65
