"""Sets of answers: their coverage over many draws, and the quantiles beside hand-written slow versions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from metarisk.features.batch import Batch
from metarisk.models.conformal import (
    EVER,
    EVERYBODY,
    UNKNOWN,
    AnswerLimits,
    Asked,
    ConformalSets,
    Known,
    Limit,
    conformal_limit,
    fit_limits,
    set_text,
)
from metarisk.models.conformal_file import sets_of_tree, tree_of_sets

BONE = Asked("site.bone", "", EVER)
ONES = np.ones


def slow_limit(score: np.ndarray, weight: np.ndarray, level: float, new_weight: float) -> float:
    """Smallest score that is reached by the level's share of the weight, a new one counted as beyond."""
    for candidate in sorted(score):
        under = sum(w for s, w in zip(score, weight, strict=True) if s <= candidate)
        if under / (weight.sum() + new_weight) >= level - 1e-12:
            return float(candidate)
    return math.inf


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 4)), min_size=1, max_size=30),
    st.sampled_from([0.5, 0.8, 0.9]),
    st.integers(1, 5),
)
def test_the_limit_is_that_of_the_slow_version(
    pairs: list[tuple[int, int]], level: float, new_weight: int
) -> None:
    score, weight = np.array(pairs, dtype=float).T
    assert conformal_limit(score, weight, level, new_weight) == slow_limit(score, weight, level, new_weight)


@pytest.mark.parametrize(("n", "level"), [(8, 0.9), (9, 0.9), (10, 0.9), (37, 0.9), (200, 0.8), (99, 0.99)])
def test_with_equal_weights_the_limit_is_a_known_order_statistic(n: int, level: float) -> None:
    score = np.random.default_rng(n).normal(size=n)
    place = math.ceil(round(level * (n + 1), 9))
    expected = math.inf if place > n else float(np.sort(score)[place - 1])
    assert conformal_limit(score, ONES(n), level, 1.0) == expected


def patients(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Risk, true answer and group of n patients; the groups differ in what a pooled limit mixes up."""
    group = rng.integers(0, 3, n)
    truth = rng.normal(np.array([-1.5, 0.0, 1.0])[group], 1.0)
    label = (rng.random(n) < expit(truth)).astype(float)
    return truth * np.array([2.0, 1.0, 0.5])[group] + rng.normal(0, 0.5, n), label, group


def sets_from(known: Known, level: float = 0.9, min_group: int = 10) -> ConformalSets:
    columns = {"A": 0, "B": 1}
    limits = fit_limits(known, ("A", "B", UNKNOWN), level, min_group)
    return ConformalSets(level, columns, {BONE: limits})


def test_coverage_in_each_group_and_for_each_answer_is_between_the_level_and_one_patient_more() -> None:
    rng, draws = np.random.default_rng(0), 400
    hits: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for _ in range(draws):
        risk, label, group = patients(rng, 300)
        sets = sets_from(Known(risk, label, ONES(300), 1.0, group))
        new_risk, new_label, new_group = patients(rng, 500)
        kept = sets.kept(BONE, new_risk[None], new_group, np.zeros(500))
        assert kept is not None
        right = kept[np.arange(500), new_label.astype(int)]
        for at in range(3):
            for answer in (0, 1):
                mine = (new_group == at) & (new_label == answer)
                n = int(((group == at) & (label == answer)).sum())
                if n >= 10:
                    hits.setdefault((at, answer), []).append((right[mine].mean(), n))
    assert len(hits) == 6
    for found in hits.values():
        coverage, n = np.array(found).T
        noise = 3.5 * coverage.std() / np.sqrt(len(coverage))
        assert coverage.mean() > 0.9 - noise
        assert coverage.mean() < 0.9 + (1 / (n + 1)).mean() + noise + 1e-3  # a limit is rounded up


def test_marginal_coverage_is_in_the_band_too() -> None:
    rng = np.random.default_rng(1)
    coverage = []
    for _ in range(400):
        risk, label, group = patients(rng, 300)
        sets = sets_from(Known(risk, label, ONES(300), 1.0, group))
        new_risk, new_label, new_group = patients(rng, 500)
        kept = sets.kept(BONE, new_risk[None], new_group, np.zeros(500))
        assert kept is not None
        coverage.append(kept[np.arange(500), new_label.astype(int)].mean())
    noise = 3.5 * np.std(coverage) / 20
    assert 0.9 - noise < np.mean(coverage) < 0.9 + 1 / 11 + noise


def test_censoring_weights_restore_the_coverage_that_leaving_the_lost_out_would_spoil() -> None:
    """Those who are followed longest are the ones without an early event: late risks are seen too seldom."""
    rng, horizon = np.random.default_rng(2), 1.0
    weighted, plain = [], []
    for _ in range(300):
        time, risk = dated(rng, 600)
        leaves = rng.exponential(0.7, 600)
        known = (time <= leaves) | (leaves >= horizon)
        label = (time <= horizon).astype(float)
        weight = np.exp(np.minimum(time, horizon) / 0.7)  # 1 / P(still followed), which is known here
        group = np.zeros(600, dtype=np.intp)
        new_time, new_risk = dated(rng, 600)
        for weights, most, coverage in (
            (weight[known], math.exp(horizon / 0.7), weighted),
            (ONES(known.sum()), 1.0, plain),
        ):
            fitted = Known(risk[known], label[known], weights, most, group[known])
            (limits,) = fit_limits(fitted, (EVERYBODY,), 0.9, 10).values()
            late = new_time <= horizon
            coverage.append((-new_risk[late] <= limits.yes.value).mean())
    noise = 3.5 * np.std(weighted) / np.sqrt(len(weighted))
    assert 0.9 - noise < np.mean(weighted) < 0.93
    assert np.mean(plain) < 0.9 - noise


def dated(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Days to an event, and a risk that tells early events from late ones."""
    frailty = rng.normal(0.0, 1.0, n)
    return rng.exponential(np.exp(-1.2 * frailty)), frailty


def test_the_vote_of_folds_that_each_hold_the_level_holds_it_within_the_worst_case() -> None:
    """Members are refitted without each fold; held-out risks are pooled, as in training."""
    rng = np.random.default_rng(3)
    by_answer: list[tuple[float, float]] = []
    for _ in range(60):
        x, label = features(rng, 300)
        fold = np.arange(300) % 5
        weights = [least_squares(x[fold != k], label[fold != k]) for k in range(5)]
        held_out = np.array([x[i] @ weights[fold[i]] for i in range(300)])
        group = np.zeros(300, dtype=np.intp)
        limits = fit_limits(Known(held_out, label, ONES(300), 1.0, group), (EVERYBODY,), 0.9, 10)
        new_x, new_label = features(rng, 400)
        risk = np.stack([new_x @ weight for weight in weights])
        kept = ConformalSets(0.9, {}, {BONE: limits}).kept(
            BONE, risk, np.zeros(400, dtype=np.intp), np.zeros(400)
        )
        assert kept is not None
        by_answer.append((kept[new_label == 0, 0].mean(), kept[new_label == 1, 1].mean()))
    coverage = np.array(by_answer).mean(axis=0)
    assert (coverage > 0.89).all()
    assert (coverage < 0.95).all()


def features(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=(n, 15))
    return x, (rng.random(n) < expit(1.5 * x[:, 0] - x[:, 1])).astype(float)


def least_squares(x: np.ndarray, label: np.ndarray) -> np.ndarray:
    return np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ (label - 0.5))


def test_groups_that_are_too_small_share_a_limit_that_the_large_one_does_not_touch() -> None:
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1, 2], [100, 15, 15])
    risk = rng.normal(size=130) + np.where(group == 0, 50.0, 0.0)
    known = Known(risk, np.zeros(130), ONES(130), 1.0, group)
    limits = fit_limits(known, ("large", "small", "smaller"), 0.9, 20)
    assert (limits["large"].no.source, limits["large"].no.n) == ("own", 100)
    assert limits["small"].no == limits["smaller"].no
    assert (limits["small"].no.source, limits["small"].no.n) == ("small groups", 30)
    assert limits["small"].no.value < 10.0


def test_a_lone_small_group_takes_the_limit_of_everybody() -> None:
    group = np.repeat([0, 1], [100, 5])
    known = Known(np.arange(105.0), np.zeros(105), ONES(105), 1.0, group)
    limits = fit_limits(known, ("large", "small"), 0.9, 20)
    assert (limits["small"].no.source, limits["small"].no.n) == ("all", 105)


def test_an_answer_that_too_few_are_known_to_have_is_never_ruled_out() -> None:
    known = Known(np.arange(100.0), np.r_[np.zeros(95), np.ones(5)], ONES(100), 1.0, np.zeros(100, np.intp))
    limits = fit_limits(known, (EVERYBODY,), 0.9, 10)
    assert limits[EVERYBODY].yes == Limit(math.inf, 5, "none")
    kept = ConformalSets(0.9, {}, {BONE: limits}).kept(
        BONE, np.array([[-1e9, 1e9]]), np.zeros(2, np.intp), np.zeros(2)
    )
    assert kept is not None
    assert set_text(kept).tolist() == ["yes or no", "yes"]


def test_a_level_that_a_group_is_too_small_for_is_not_claimed() -> None:
    group = np.repeat([0, 1], [50, 500])  # 99 % needs 99 patients
    known = Known(np.arange(550.0), np.zeros(550), ONES(550), 1.0, group)
    assert fit_limits(known, ("A", "B"), 0.99, 10)["A"].no.source == "all"


def sets_with(no: float, yes: float, columns: dict[str, int] | None = None) -> ConformalSets:
    limits = AnswerLimits(Limit(no, 50, "own"), Limit(yes, 50, "own"))
    columns = columns or {}
    names = (*columns, UNKNOWN) if columns else (EVERYBODY,)
    return ConformalSets(0.9, columns, {BONE: dict.fromkeys(names, limits)})


@pytest.mark.parametrize(
    ("no", "yes", "told"),
    [
        (1.0, 1.0, ["no", "yes or no", "yes"]),  # no is kept up to 1, yes from -1
        (-1.0, -1.0, ["no", "none", "yes"]),  # no is kept up to -1, yes from 1
    ],
)
def test_sets_are_told_in_four_texts(no: float, yes: float, told: list[str]) -> None:
    kept = sets_with(no, yes).kept(BONE, np.array([[-2.0, 0.0, 2.0]]), np.zeros(3, np.intp), np.zeros(3))
    assert kept is not None
    assert set_text(kept).tolist() == told


def test_half_of_the_folds_keep_an_answer() -> None:
    votes = np.array([[-2.0, 2.0, 2.0], [-2.0, -2.0, 2.0], [0.0, -2.0, 2.0], [0.0, 2.0, 0.0]])
    kept = sets_with(1.0, 1.0).kept(BONE, votes, np.zeros(3, np.intp), np.zeros(3))
    assert kept is not None
    assert kept.tolist() == [[True, True], [True, True], [False, True]]


def test_what_is_missing_widens_the_set_and_never_narrows_it() -> None:
    rng = np.random.default_rng(5)
    risk, group = rng.normal(0, 3, (3, 200)), np.zeros(200, np.intp)
    sets = sets_with(0.5, 0.5)
    full, bare = (sets.kept(BONE, risk, group, np.full(200, missing)) for missing in (0.0, 1.0))
    assert full is not None
    assert bare is not None
    assert (bare >= full).all()
    assert bare.sum() > full.sum()


def test_a_question_without_limits_has_no_set() -> None:
    other = Asked("site.liver", "", EVER)
    assert sets_with(0.0, 0.0).kept(other, np.zeros((1, 1)), np.zeros(1, np.intp), np.zeros(1)) is None


def test_a_sample_is_of_the_group_that_its_columns_say_or_of_none() -> None:
    nan = np.nan
    flat = np.array([[9, 1, 0, 0], [9, 0, 0, 1], [9, nan, nan, nan]], dtype=np.float32)
    sets = sets_with(0.0, 0.0, {"A": 1, "B": 2, "(other)": 3})
    assert sets.groups == ("A", "B", "(other)", UNKNOWN)
    assert sets.group_of(Batch({}, flat)).tolist() == [0, 2, 3]
    assert sets_with(0.0, 0.0).group_of(Batch({}, flat)).tolist() == [0, 0, 0]


def test_limits_come_back_from_json_to_the_last_digit_and_hold_no_patients_own_number() -> None:
    import json

    rng = np.random.default_rng(6)
    risk, label, group = patients(rng, 300)
    sets = sets_from(Known(risk, label, ONES(300), 1.0, group))
    infinite = ConformalSets(0.9, {}, {BONE: {EVERYBODY: AnswerLimits(*2 * (Limit(math.inf, 3, "none"),))}})
    for one in (sets, infinite):
        assert sets_of_tree(json.loads(json.dumps(tree_of_sets(one), allow_nan=False))) == one
    values = {limit.value for pair in sets.limits[BONE].values() for limit in pair}
    assert not values & {*risk, *-risk}
