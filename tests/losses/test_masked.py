from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from torch import Tensor
from torch.nn import functional

from metarisk.losses import binary_loss, discrete_hazard_loss


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
