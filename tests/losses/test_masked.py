from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import Tensor
from torch.nn import functional

from metarisk.losses import binary_loss, discrete_hazard_loss
from metarisk.nn.heads import cumulative_incidence


def labels_of(rng: np.random.Generator, shape: tuple[int, int], unknown: float) -> np.ndarray:
    labels = (rng.random(shape) < 0.4).astype(np.float32)
    labels[rng.random(shape) < unknown] = np.nan
    return labels


def slow_binary_loss(logits: np.ndarray, labels: np.ndarray) -> list[float]:
    """One endpoint and one sample at a time, straight from the definition."""
    losses = []
    for column in range(labels.shape[1]):
        terms = []
        for logit, label in zip(logits[:, column], labels[:, column], strict=True):
            if not math.isnan(label):
                yes = 1.0 / (1.0 + math.exp(-float(logit)))
                terms.append(-math.log(yes if label == 1 else 1.0 - yes))
        losses.append(sum(terms) / len(terms) if terms else 0.0)
    return losses


def slow_hazard_loss(logits: np.ndarray, time_bin: list[int], event: list[int]) -> float:
    """One sample and interval at a time: free of every cause, then the event or one more free stretch."""
    terms = []
    for row, (last, cause) in enumerate(zip(time_bin, event, strict=True)):
        if last < 0:
            continue
        total = 0.0
        for interval in range(last + 1):
            odds = [math.exp(logit) for logit in logits[row, interval]]
            chances = [1.0 / (1.0 + sum(odds)), *(odd / (1.0 + sum(odds)) for odd in odds)]
            total += math.log(chances[cause if interval == last else 0])
        terms.append(-total)
    return sum(terms) / len(terms) if terms else 0.0


@given(seed=st.integers(0, 2**20), unknown=st.sampled_from([0.0, 0.3, 0.9]))
@settings(max_examples=40, deadline=None)
def test_binary_loss_equals_a_loop_over_what_is_known(seed: int, unknown: float) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(0, 2, (13, 3)).astype(np.float32), labels_of(rng, (13, 3), unknown)
    found = binary_loss(torch.from_numpy(logits), torch.from_numpy(labels))
    np.testing.assert_allclose(found, slow_binary_loss(logits, labels), atol=1e-5)


def test_binary_loss_is_the_log_loss_of_scikit_learn_where_all_is_known() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(0, 2, (200, 2)), labels_of(rng, (200, 2), 0.0)
    found = binary_loss(torch.from_numpy(logits), torch.from_numpy(labels).double())
    for column in range(2):
        chance = 1.0 / (1.0 + np.exp(-logits[:, column]))
        assert float(found[column]) == pytest.approx(log_loss(labels[:, column], chance), abs=1e-9)


def test_a_sample_with_unknown_labels_adds_no_loss_and_no_gradient() -> None:
    rng = np.random.default_rng(2)
    logits = torch.from_numpy(rng.normal(size=(8, 2))).requires_grad_()
    labels = torch.from_numpy(labels_of(rng, (8, 2), 0.0)).double()
    labels[5:] = torch.nan
    loss = binary_loss(logits, labels)
    torch.testing.assert_close(loss, binary_loss(logits[:5], labels[:5]))
    loss.sum().backward()
    assert logits.grad is not None
    assert (logits.grad[5:] == 0).all()
    assert (logits.grad[:5] != 0).all()


def test_no_known_label_is_a_loss_of_zero_with_a_gradient_of_zero() -> None:
    logits = torch.randn(4, 2, requires_grad=True)
    loss = binary_loss(logits, torch.full((4, 2), torch.nan))
    assert loss.tolist() == [0.0, 0.0]
    loss.sum().backward()
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_extreme_log_odds_stay_finite() -> None:
    logits = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    wrong = binary_loss(logits, torch.tensor([[0.0], [1.0]]))
    assert wrong.item() == pytest.approx(1e4)
    wrong.sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert binary_loss(logits, torch.tensor([[1.0], [0.0]])).item() == 0.0


def test_the_order_of_the_samples_does_not_matter_to_binary_loss() -> None:
    rng = np.random.default_rng(5)
    logits, labels = torch.from_numpy(rng.normal(size=(40, 3))), labels_of(rng, (40, 3), 0.3)
    order = torch.from_numpy(rng.permutation(40))
    known = torch.from_numpy(labels).double()
    torch.testing.assert_close(binary_loss(logits[order], known[order]), binary_loss(logits, known))


def test_weights_are_those_of_scikit_learn_after_the_shift_of_their_log_ratio() -> None:
    rng = np.random.default_rng(6)
    logits, labels = rng.normal(0, 2, (100, 1)), labels_of(rng, (100, 1), 0.0)
    weight = torch.tensor([[0.7], [2.5]], dtype=torch.float64)
    found = binary_loss(torch.from_numpy(logits), torch.from_numpy(labels).double(), weight)
    chance = 1.0 / (1.0 + np.exp(-(logits[:, 0] + math.log(2.5 / 0.7))))
    each = np.where(labels[:, 0] == 1, 2.5, 0.7)
    expected = log_loss(labels[:, 0], chance, sample_weight=each, normalize=False) / 100
    assert float(found[0]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("weight", [None, torch.tensor([[0.6], [4.0]], dtype=torch.float64)])
def test_the_best_constant_is_the_true_log_odds_with_and_without_weights(weight: Tensor | None) -> None:
    labels = torch.tensor([1.0] * 7 + [0.0] * 93, dtype=torch.float64)[:, None]
    logit = torch.logit(torch.tensor([[0.07]], dtype=torch.float64)).requires_grad_()
    binary_loss(logit.expand(100, 1), labels, weight).sum().backward()
    assert logit.grad is not None
    assert logit.grad.abs().max() < 1e-12


def follow_up(rng: np.random.Generator, n: int, intervals: int, causes: int) -> tuple[list[int], list[int]]:
    time_bin = rng.integers(-1, intervals, n)
    event = np.where(time_bin >= 0, rng.integers(0, causes + 1, n), 0)
    return time_bin.tolist(), event.tolist()


def hazard_loss(logits: np.ndarray, time_bin: list[int], event: list[int]) -> float:
    return float(discrete_hazard_loss(torch.from_numpy(logits), torch.tensor(time_bin), torch.tensor(event)))


@given(seed=st.integers(0, 2**20), intervals=st.integers(1, 6), causes=st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_hazard_loss_equals_a_loop_over_samples_and_intervals(seed: int, intervals: int, causes: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (11, intervals, causes))
    time_bin, event = follow_up(rng, 11, intervals, causes)
    assert hazard_loss(logits, time_bin, event) == pytest.approx(
        slow_hazard_loss(logits, time_bin, event), abs=1e-9
    )


def test_the_order_of_the_rows_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(40, 5, 2))
    time_bin, event = follow_up(rng, 40, 5, 2)
    order = rng.permutation(40)
    shuffled = hazard_loss(logits[order], [time_bin[row] for row in order], [event[row] for row in order])
    assert shuffled == pytest.approx(hazard_loss(logits, time_bin, event), abs=1e-12)


def test_nobody_known_is_a_loss_of_zero() -> None:
    assert hazard_loss(np.ones((3, 4, 2)), [-1, -1, -1], [0, 0, 0]) == 0.0


@pytest.mark.parametrize("size", [50.0, -50.0])
def test_hazards_of_nearly_one_and_nearly_zero_have_finite_gradients(size: float) -> None:
    logits = torch.full((4, 3, 2), size, requires_grad=True)
    loss = discrete_hazard_loss(logits, torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 2, 0]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert math.isfinite(loss.item())
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_what_comes_after_the_last_contact_adds_nothing() -> None:
    logits = torch.zeros(2, 5, 1, requires_grad=True)
    discrete_hazard_loss(logits, torch.tensor([1, 3]), torch.tensor([1, 0])).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    touched = (logits.grad[..., 0] != 0).tolist()
    assert touched == [[True, True, False, False, False], [True, True, True, True, False]]


def test_one_cause_is_cross_entropy_over_person_periods() -> None:
    rng = np.random.default_rng(4)
    logits = torch.from_numpy(rng.normal(size=(30, 6, 1)))
    time_bin, event = follow_up(rng, 30, 6, 1)
    rows: list[Tensor] = []
    labels: list[float] = []
    for sample, (last, happened) in enumerate(zip(time_bin, event, strict=True)):
        for interval in range(last + 1):
            rows.append(logits[sample, interval, 0])
            labels.append(float(happened and interval == last))
    known = sum(last >= 0 for last in time_bin)
    expected = functional.binary_cross_entropy_with_logits(
        torch.stack(rows), torch.tensor(labels, dtype=torch.float64), reduction="sum"
    )
    found = discrete_hazard_loss(logits, torch.tensor(time_bin), torch.tensor(event))
    torch.testing.assert_close(found, expected / known)


def fitted_hazards(time_bin: np.ndarray, event: np.ndarray, intervals: int, causes: int) -> Tensor:
    """Log odds of the hazards that minimise the loss when nothing is known of the patients, (1, K, J)."""
    logits = torch.full((1, intervals, causes), -2.0, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe")
    bins, events = torch.from_numpy(time_bin), torch.from_numpy(event)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = discrete_hazard_loss(logits.expand(len(bins), -1, -1), bins, events)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[arg-type]
    return logits.detach()


def tied_times(seed: int, causes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times in whole months with many ties, their events, and the distinct times."""
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 9, 120).astype(float), rng.integers(0, causes + 1, 120)
    return time, event, np.unique(time)


def test_without_features_the_hazards_are_the_actuarial_ones_and_survival_is_kaplan_meier() -> None:
    time, event, distinct = tied_times(0, 1)
    bins = np.searchsorted(distinct, time)
    logits = fitted_hazards(bins, event, len(distinct), 1)
    hazard = torch.sigmoid(logits)[0, :, 0].numpy()
    actuarial = [((bins == k) & (event == 1)).sum() / (bins >= k).sum() for k in range(len(distinct))]
    np.testing.assert_allclose(hazard, actuarial, atol=1e-4)
    kaplan_meier = KaplanMeierFitter().fit(time, event).predict(distinct)
    survival = 1.0 - cumulative_incidence(logits)[0, :, 0].numpy()
    np.testing.assert_allclose(survival, kaplan_meier, atol=1e-4)


def test_without_features_incidences_under_competition_are_those_of_aalen_and_johansen() -> None:
    time, event, distinct = tied_times(1, 2)
    logits = fitted_hazards(np.searchsorted(distinct, time), event, len(distinct), 2)
    found = cumulative_incidence(logits)[0].numpy()
    # lifelines breaks ties by jitter, so ties are told apart by hand: the order within a time plays no part.
    at_risk, free, so_far, slow = len(time), 1.0, np.zeros(2), []
    for moment in distinct:
        ended = np.array([((time == moment) & (event == cause)).sum() for cause in (1, 2)])
        so_far = so_far + free * ended / at_risk
        free *= 1.0 - ended.sum() / at_risk
        at_risk -= int((time == moment).sum())
        slow.append(so_far)
    np.testing.assert_allclose(found, slow, atol=1e-4)


def test_untied_incidences_are_those_of_lifelines() -> None:
    rng = np.random.default_rng(2)
    time, event = np.sort(rng.random(25)), rng.integers(0, 3, 25)
    logits = fitted_hazards(np.arange(25), event, 25, 2)
    found = cumulative_incidence(logits)[0].numpy()
    for cause in (1, 2):
        fitter = AalenJohansenFitter(calculate_variance=False).fit(time, event, event_of_interest=cause)
        expected = fitter.cumulative_density_.iloc[:, 0].reindex(time, method="ffill").to_numpy()
        np.testing.assert_allclose(found[:, cause - 1], expected, atol=1e-4)


def test_with_a_feature_the_fit_is_logistic_regression_over_person_periods() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=200)
    time_bin = rng.integers(0, 4, 200)
    event = (rng.random(200) < 1.0 / (1.0 + np.exp(-x))).astype(np.int64)
    rows = [
        (interval, x[sample], float(event[sample] and interval == last))
        for sample, last in enumerate(time_bin)
        for interval in range(last + 1)
    ]
    table = np.array(rows)
    design = np.column_stack([table[:, :1] == np.arange(4), table[:, 1]])
    reference = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000)
    reference.fit(design, table[:, 2])
    weights = torch.from_numpy(reference.coef_[0].copy()).requires_grad_()
    logits = weights[:4] + weights[4] * torch.from_numpy(x)[:, None]
    loss = discrete_hazard_loss(logits[..., None], torch.from_numpy(time_bin), torch.from_numpy(event))
    chance = 1.0 / (1.0 + np.exp(-(design @ reference.coef_[0])))
    expected = log_loss(table[:, 2], chance, normalize=False) / 200
    assert loss.item() == pytest.approx(expected, abs=1e-9)
    loss.backward()  # type: ignore[no-untyped-call]
    assert weights.grad is not None
    assert weights.grad.abs().max() < 1e-5  # its optimum is ours
