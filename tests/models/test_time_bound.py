"""The lower bound of the time to an event: how often it is broken over many draws."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from metarisk.models.answers import probabilities
from metarisk.models.time_bound import Followed, fit_free_limits, free_limit, free_until
from metarisk.schema.assays import Assay

HORIZON, LEVEL = 1.0, 0.9
ENDS = np.linspace(0.1, HORIZON, 10)


def slow_limit(followed: Followed, level: float) -> float | None:
    """Largest step of the log odds at which the weighted share with an early event is small enough."""
    most = (1.0 - level) * (len(followed.risk) + 1)
    if followed.new_weight > most:
        return None
    for step in range(5000, -5001, -1):
        early = followed.weight[(followed.risk <= step / 1000) & (followed.weight > 0)].sum()
        if early + followed.new_weight <= most + 1e-9:
            return math.inf if step == 5000 else step / 1000
    raise AssertionError


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [12, 60, 200])
def test_the_limit_is_that_of_the_slow_version(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    weight = np.where(rng.random(n) < 0.3, rng.uniform(1.0, 2.0, n), 0.0)
    followed = Followed(rng.normal(0, 1, n), weight, 2.0, np.zeros(n, np.intp))
    assert free_limit(followed, LEVEL) == slow_limit(followed, LEVEL)


def test_without_an_event_everybody_is_free_and_of_a_few_patients_nothing_is_told() -> None:
    none = Followed(np.zeros(50), np.zeros(50), 1.0, np.zeros(50, np.intp))
    assert free_limit(none, LEVEL) == math.inf
    few = Followed(np.zeros(8), np.zeros(8), 1.0, np.zeros(8, np.intp))
    assert free_limit(few, LEVEL) is None
    assert fit_free_limits(few, ("A",), LEVEL, 10)["A"] == (-math.inf, 8, "none")


def drawn(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time of an event or of death before it (infinite), risk by the end of each interval, and group."""
    group = rng.integers(0, 2, n)
    rate = np.exp(rng.normal(0.0, 1.0, n) + np.where(group == 1, 0.8, -0.8))
    time = np.where(rng.random(n) < 0.2, np.inf, rng.exponential(1.0, n) / rate)
    # The model knows the rate but not the group, and is too sure of itself.
    known = rate * np.exp(np.where(group == 1, -0.8, 0.8)) * np.exp(rng.normal(0.0, 0.3, n))
    share = np.clip(1.0 - np.exp(-1.5 * known[:, None] * ENDS), 1e-6, 1 - 1e-6)
    return time, np.log(share / (1.0 - share)), group


def followed_of(rng: np.random.Generator, n: int) -> Followed:
    time, risk, group = drawn(rng, n)
    leaves = rng.exponential(1.5, n)  # G(t) = exp(-t / 1.5)
    seen = (time <= leaves) & (time <= HORIZON)
    at = np.minimum(np.searchsorted(ENDS, np.where(np.isinf(time), 9.0, time)), len(ENDS) - 1)
    weight = np.where(seen, np.exp(np.where(seen, time, 0.0) / 1.5), 0.0)
    return Followed(risk[np.arange(n), at], weight, math.exp(HORIZON / 1.5), group)


def test_in_each_group_the_bound_is_broken_as_seldom_as_was_asked_and_not_much_more_seldom() -> None:
    rng = np.random.default_rng(0)
    broken: list[list[float]] = []
    informative = []
    for _ in range(300):
        limits = fit_free_limits(followed_of(rng, 400), ("A", "B"), LEVEL, 30)
        time, risk, group = drawn(rng, 400)
        limit = np.array([limits["A"].value, limits["B"].value])[group]
        free = free_until(risk[None], limit, ENDS)
        broken.append([(time <= free)[group == at].mean() for at in (0, 1)])
        informative.append((free > 0).mean())
    share = np.array(broken)
    noise = 3.5 * share.std(axis=0) / np.sqrt(len(share))
    assert (share.mean(axis=0) < 1 - LEVEL + noise).all()
    assert (share.mean(axis=0) > 0.07).all()
    assert np.mean(informative) > 0.3


def test_leaving_the_weights_out_would_break_it() -> None:
    rng = np.random.default_rng(1)
    broken = []
    for _ in range(200):
        followed = followed_of(rng, 400)
        careless = followed._replace(weight=(followed.weight > 0).astype(float), new_weight=1.0)
        limits = fit_free_limits(careless, ("A", "B"), LEVEL, 30)
        time, risk, group = drawn(rng, 400)
        limit = np.array([limits["A"].value, limits["B"].value])[group]
        broken.append((time <= free_until(risk[None], limit, ENDS)).mean())
    assert np.mean(broken) > 1 - LEVEL + 0.005


def test_the_end_of_the_last_free_interval_by_half_of_the_folds() -> None:
    risk = np.array([[[-3.0, -2.0, -1.0]], [[-3.0, 0.0, 1.0]]])  # two folds, one sample, three intervals
    ends = np.array([100.0, 365.0, 730.0])
    for limit, days in ((-4.0, 0.0), (-2.5, 100.0), (-1.5, 365.0), (-0.5, 730.0), (np.inf, 730.0)):
        assert free_until(risk, np.array([limit]), ends).tolist() == [days]


def test_answers_tell_until_when_a_patient_is_free_and_what_is_missing_shortens_it(small: Any) -> None:
    bundle, cohort = small.bundle, small.new_samples
    without = {assay: table for assay, table in cohort.assays.items() if assay is not Assay.MUTATION}
    batch = bundle.transform.apply(replace(cohort, assays=without))
    sets = bundle.calibration.sets
    asked, by_group = next(iter(sets.free.items()))
    told = {name: limit._replace(value=-0.5) for name, limit in by_group.items()}
    sets = replace(sets, free={asked: told})
    wide = {Assay.MUTATION: np.full(bundle.ensemble.plan.layout.outputs, 1.0)}
    known, shorter = (
        probabilities(
            bundle.ensemble,
            replace(bundle.calibration, missing_spread=spread, sets=sets),
            batch,
            (365.0, 730.0),
        )
        for spread in ({}, wide)
    )
    asked_of = [(answer.endpoint, answer.cause) == (asked.endpoint, asked.cause) for answer in known]
    assert [answer.free_until_days is not None for answer in known] == asked_of
    first = asked_of.index(True)
    free, less = known[first].free_until_days, shorter[first].free_until_days
    assert free is not None
    assert less is not None
    assert set(free) <= {0.0, *bundle.ensemble.plan.layout.bin_edges_days["metastasis"]}
    assert free.max() <= 730.0
    assert (less <= free).all()
    assert (less < free).any()
