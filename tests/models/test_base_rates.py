"""Base rates: counts by type and third of risk; nobody can be told from what is shown."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarisk.models.base_rates import (
    Happened,
    base_rates,
    happened,
    rates_of_tree,
    shown_parts,
    tree_of_rates,
    wilson_interval,
)
from metarisk.models.conformal import EVER, Asked
from metarisk.models.training_summary import LEAST_CELL
from metarisk.nn.heads import TaskLayout


def drawn(n: int = 600, seed: int = 0) -> tuple[Happened, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    risk, types = rng.random(n), rng.choice(["BRCA", "LUAD", "PRAD"], n)
    return Happened(rng.random(n) < risk, rng.random(n) < 0.8), types, risk


def test_a_rate_is_the_share_of_those_known() -> None:
    seen, types, risk = drawn()
    rates = base_rates("site.bone", seen, types, risk)
    own = (types == "LUAD") & seen.known
    found = rates.of("LUAD")
    assert (found.n, found.events) == (own.sum(), (own & seen.event).sum())
    assert found.value == pytest.approx(seen.event[own].mean(), abs=1e-6)
    middle = own & (risk > rates.cuts[0]) & (risk < rates.cuts[1])
    assert rates.of("LUAD", 2).n in {None, middle.sum()}
    everybody = seen.known & (risk > rates.cuts[1])
    assert rates.of("", 3).n == everybody.sum()
    assert rates.third_of(0.99) == 3


def test_a_small_group_is_withheld() -> None:
    seen, types, risk = drawn()
    types = np.where(np.arange(len(types)) < 8, "RARE", types)
    found = base_rates("site.bone", seen, types, risk).of("RARE")
    assert found[2:] == (None,) * 5


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8))
def test_what_is_withheld_cannot_be_told_from_the_rest(pairs: list[tuple[int, int]]) -> None:
    counts = [(yes + no, yes) for yes, no in pairs]
    shown = shown_parts(counts)
    for (n, events), told in zip(counts, shown, strict=True):
        assert not told or min(events, n - events) >= LEAST_CELL
    hidden = [pair for pair, told in zip(counts, shown, strict=True) if not told]
    n, events = sum(pair[0] for pair in hidden), sum(pair[1] for pair in hidden)
    assert n == 0 or min(events, n - events) >= LEAST_CELL or not any(shown)


def test_a_dated_rate_lets_death_compete() -> None:
    layout = TaskLayout((), {"metastasis": ("metastasis", "death")}, {"metastasis": (100.0, 400.0)})
    days = np.repeat([50.0, 60.0, 90.0, 300.0], 25)
    code = np.repeat([1.0, 2.0, 0.0, 0.0], 25)
    endpoints = pd.DataFrame({"metastasis.time_days": days, "metastasis.event": code})
    seen = happened(Asked("metastasis", "metastasis", 200.0), endpoints, layout)
    assert seen.counts(np.ones(100, dtype=bool)) == (75, 25)
    assert seen.share(np.ones(100, dtype=bool)) == pytest.approx(0.25)


def test_an_unknown_answer_counts_nowhere() -> None:
    layout = TaskLayout(("response",), {}, {})
    endpoints = pd.DataFrame({"response": [1.0, 0.0, np.nan]})
    seen = happened(Asked("response", "", EVER), endpoints, layout)
    assert seen.counts(np.ones(3, dtype=bool)) == (2, 1)


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe, Two-sided confidence intervals for the single proportion, Stat Med 1998, table I.
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_rates_come_back_from_json_and_an_older_bundle_has_none() -> None:
    rates = (base_rates("site.bone", *drawn()),)
    assert rates_of_tree(json.loads(json.dumps(tree_of_rates(rates)))) == rates
    assert rates_of_tree(()) == ()
