from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from metarisk.features.batch import Targets
from metarisk.models.calibration import (
    ISOTONIC_EVENTS,
    MIN_EVENTS,
    SLOPE_RANGE,
    SMALLEST_STEP,
    Calibration,
    fit_calibration,
)
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


def curve_of(logit: np.ndarray, label: np.ndarray, method: Any) -> Calibration:
    targets = Targets(label[:, None].astype(np.float32), {}, {})
    network: Any = None
    return fit_calibration(logit[:, None].astype(np.float32), targets, BONE, network, method)


def test_the_temperature_is_the_slope_of_logistic_regression_without_an_intercept() -> None:
    logit, label = drawn(6)
    reference = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8).fit(2.0 * logit[:, None], label)
    fitted = curve_of(2.0 * logit, label, "temperature")
    assert fitted.slope[0] == pytest.approx(reference.coef_[0, 0], abs=1e-4)
    assert fitted.offset[0] == 0.0


def test_isotonic_steps_are_those_of_scikit_learn_in_their_middle() -> None:
    logit, label = drawn(7)
    logit = logit.astype(np.float32).astype(np.float64)
    before, after = curve_of(logit, label, "isotonic").steps[0]
    reference = IsotonicRegression(out_of_bounds="clip").fit(logit, label)
    known = reference.predict(logit)
    sizes = {value: (known == value).sum() for value in np.unique(known)}
    large = [value for value, size in sizes.items() if size >= 100 and 0.01 < value < 0.99]
    assert len(large) > 8
    for value in large:
        middle = logit[known == value].mean()
        assert expit(np.interp(middle, before, after)) == pytest.approx(value, abs=0.02)
    gap = expit(np.interp(logit, before, after)) - known
    assert np.abs(gap).mean() < 0.02


def test_isotonic_calibration_rises_and_never_says_never() -> None:
    logit, label = drawn(8)
    label[logit < -1.5], label[logit > 1.5] = 0.0, 1.0  # both ends are sure of themselves
    calibration = curve_of(logit, label, "isotonic")
    grid = np.linspace(-40, 40, 2001)[:, None]
    answer = calibration.apply(grid.astype(np.float32))[:, 0]
    assert (np.diff(answer) >= 0).all()
    positives, negatives = label.sum(), len(label) - label.sum()
    assert expit(answer[0]) == pytest.approx(1 / (negatives + 2))
    assert expit(answer[-1]) == pytest.approx((positives + 1) / (positives + 2))


def test_isotonic_calibration_mends_what_no_line_can() -> None:
    logit, label = drawn(9, 20_000)
    bent = np.sign(logit) * np.abs(logit) ** 3
    isotonic, platt = (
        np.abs(
            expit(curve_of(bent[::2], label[::2], method).apply(bent[1::2, None])[:, 0]) - expit(logit[1::2])
        )
        for method in ("isotonic", "platt")
    )
    assert isotonic.mean() < 0.03
    assert platt.mean() > 2 * isotonic.mean()


def test_no_knot_of_an_isotonic_curve_is_of_a_few_patients() -> None:
    logit, label = drawn(10, 1500)
    before, _ = curve_of(logit, label, "isotonic").steps[0]
    edges = (before[1:] + before[:-1]) / 2
    counts = np.bincount(np.searchsorted(edges, logit))
    assert len(before) > 3
    assert not set(before) & set(logit.astype(np.float32).astype(float))
    assert counts.min() >= SMALLEST_STEP / 2


def test_too_few_events_for_steps_leave_the_line_and_are_told() -> None:
    from metarisk.models.calibration import calibration_in_words

    logit, label = drawn(11, 500)
    label[np.flatnonzero(label == 1)[ISOTONIC_EVENTS - 1 :]] = 0.0
    stepped, line = (curve_of(logit, label, method) for method in ("isotonic", "platt"))
    assert stepped.steps == {}
    assert (stepped.slope[0], stepped.offset[0]) == (line.slope[0], line.offset[0])
    told = " ".join(calibration_in_words(stepped, BONE, "isotonic"))
    assert told == (
        "site.bone is calibrated by a line: an isotonic curve needs 200 events and as many non-events."
    )
    assert not list(calibration_in_words(line, BONE, "platt"))


def test_calibration_applies_a_line_to_each_output() -> None:
    calibration = Calibration(np.array([1.0, 2.0]), np.array([0.0, -1.0]), {})
    found = calibration.apply(np.array([[[1.0, 3.0]]], np.float32))
    assert found.tolist() == [[[1.0, 5.0]]]
