from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from metarisk.features.batch import Targets
from metarisk.models.calibration import MIN_EVENTS, SLOPE_RANGE, Calibration, fit_calibration
from metarisk.nn.heads import TaskLayout

BONE = TaskLayout(("site.bone",), {}, {})
N_SAMPLES = 4000


def drawn(seed: int, n: int = N_SAMPLES) -> tuple[np.ndarray, np.ndarray]:
    """True log odds, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-0.7, 1.3, n)
    return logit, (rng.random(n) < expit(logit)).astype(np.float32)


def line_of(logit: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    targets = Targets(label[:, None].astype(np.float32), {}, {})
    network: Any = None  # yes / no endpoints have no hazard baseline
    fitted = fit_calibration(logit[:, None].astype(np.float32), targets, BONE, network)
    return float(fitted.slope[0]), float(fitted.offset[0])


def test_the_line_is_that_of_logistic_regression_without_a_penalty() -> None:
    logit, label = drawn(0)
    reference = LogisticRegression(C=np.inf, tol=1e-8).fit(logit[:, None], label)
    slope, offset = line_of(logit, label)
    # Platt's smoothed targets draw both a little towards the middle.
    assert slope == pytest.approx(reference.coef_[0, 0], abs=0.01)
    assert offset == pytest.approx(reference.intercept_[0], abs=0.01)


def test_an_answer_that_is_too_sure_is_brought_back() -> None:
    logit, label = drawn(1)
    slope, offset = line_of(2.5 * logit + 1.0, label)
    np.testing.assert_allclose(slope * (2.5 * logit + 1.0) + offset, logit, atol=0.35)
    assert slope == pytest.approx(1 / 2.5, abs=0.05)


def test_an_answer_that_points_the_wrong_way_is_not_turned_round() -> None:
    logit, label = drawn(2)
    assert line_of(-logit, label)[0] == SLOPE_RANGE[0]


def test_unknown_labels_play_no_part() -> None:
    logit, label = drawn(3)
    label[1000:] = np.nan
    assert line_of(logit, label) == line_of(logit[:1000], label[:1000])


@pytest.mark.parametrize("rare", [0.0, 1.0])
def test_too_few_events_or_non_events_leave_the_answer_as_it_is(rare: float) -> None:
    logit, _ = drawn(4, 200)
    label = np.full(200, 1.0 - rare, np.float32)
    label[: MIN_EVENTS - 1] = rare
    assert line_of(logit, label) == (1.0, 0.0)


def test_slopes_over_time_are_left_alone_and_levels_are_fitted(small: Any) -> None:
    layout = small.bundle.ensemble.plan.layout
    columns = range(layout.outputs)[layout.columns("metastasis")]
    calibration = small.bundle.calibration
    assert calibration.slope[columns[2:]].tolist() == [1.0, 1.0]
    assert calibration.offset[columns[2:]].tolist() == [0.0, 0.0]


def test_levels_of_hazards_that_are_too_sure_are_brought_back(small: Any) -> None:
    network = small.bundle.ensemble.networks[0]
    layout = TaskLayout((), dict(network.layout.timed), dict(network.layout.bin_edges_days))
    targets, level = drawn_hazards(network, layout)
    outputs = np.zeros((len(level), layout.outputs), np.float32)
    outputs[:, :2] = 2.0 * level + 0.5
    fitted = fit_calibration(outputs, targets, layout, alone(network, layout))
    np.testing.assert_allclose(fitted.slope[:2], 0.5, atol=0.08)
    np.testing.assert_allclose(fitted.offset[:2], -0.25, atol=0.12)


def alone(network: Any, layout: TaskLayout) -> Any:
    """The network, asked the dated question only."""
    twin = copy(network)
    twin.layout = layout
    return twin


@torch.no_grad()
def drawn_hazards(network: Any, layout: TaskLayout) -> tuple[Targets, np.ndarray]:
    """Levels of both causes, and events drawn interval by interval from the hazards they give."""
    rng = np.random.default_rng(5)
    level = rng.normal(0.5, 1.0, (6000, 2)).astype(np.float32)
    inputs = torch.from_numpy(np.concatenate([level, np.zeros_like(level)], axis=1))
    odds = torch.exp(network.baselines["metastasis"](inputs)).numpy()  # (N, K, J)
    intervals = odds.shape[1]
    time_bin, event = np.full(6000, intervals - 1), np.zeros(6000, np.int64)
    free = np.ones(6000, bool)
    for interval in range(intervals):
        chance = odds[:, interval] / (1.0 + odds[:, interval].sum(axis=1, keepdims=True))
        draw = rng.random(6000)
        happened = np.where(draw < chance[:, 0], 1, np.where(draw < chance.sum(axis=1), 2, 0))
        ends = free & (happened > 0)
        time_bin[ends], event[ends] = interval, happened[ends]
        free &= ~ends
    return Targets(np.empty((6000, 0), np.float32), {"metastasis": time_bin}, {"metastasis": event}), level


def test_calibration_applies_a_line_to_each_output() -> None:
    calibration = Calibration(np.array([1.0, 2.0]), np.array([0.0, -1.0]), {})
    found = calibration.apply(np.array([[[1.0, 3.0]]], np.float32))
    assert found.tolist() == [[[1.0, 5.0]]]
