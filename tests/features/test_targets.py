from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarisk.features.targets import bin_edges_days, targets_of

EDGES = (100.0, 365.0, 730.0)


def bins_of(times: list[float], events: list[float]) -> tuple[list[int], list[int]]:
    table = pd.DataFrame({"metastasis.time_days": times, "metastasis.event": events})
    found = targets_of(table, [], {"metastasis": EDGES})
    return found.time_bin["metastasis"].tolist(), found.event["metastasis"].tolist()


def test_an_interval_holds_its_end_and_not_its_start() -> None:
    times = [0.0, 99.9, 100.0, 100.1, 365.0, 730.0]
    assert bins_of(times, [1.0] * 6) == ([0, 0, 0, 1, 1, 2], [1] * 6)


def test_an_event_beyond_the_last_end_is_censored_there() -> None:
    assert bins_of([730.1, 5000.0], [1.0, 2.0]) == ([2, 2], [0, 0])


def test_an_unknown_time_or_event_is_minus_one() -> None:
    assert bins_of([np.nan, 50.0, np.nan], [1.0, np.nan, np.nan]) == ([-1, -1, -1], [0, 0, 0])


def test_censored_and_competing_events_keep_their_codes() -> None:
    assert bins_of([50.0, 200.0, 400.0], [0.0, 2.0, 1.0]) == ([0, 1, 2], [0, 2, 1])


def test_an_endpoint_that_the_table_lacks_is_unknown_for_all() -> None:
    table = pd.DataFrame({"site.bone": [1.0, 0.0, np.nan]})
    found = targets_of(table, ["response", "site.bone"], {"os": (365.0,)})
    np.testing.assert_array_equal(found.binary, [[np.nan, 1], [np.nan, 0], [np.nan, np.nan]])
    assert found.time_bin["os"].tolist() == [-1, -1, -1]


def test_taking_rows_takes_them_everywhere() -> None:
    table = pd.DataFrame(
        {"site.bone": [1.0, 0.0], "metastasis.time_days": [10.0, 400.0], "metastasis.event": [1.0, 0.0]}
    )
    part = targets_of(table, ["site.bone"], {"metastasis": EDGES}).take(np.array([1]))
    assert part.binary.tolist() == [[0.0]]
    assert (part.time_bin["metastasis"].tolist(), part.event["metastasis"].tolist()) == ([2], [0])


@given(seed=st.integers(0, 2**20), bins=st.integers(2, 20), events=st.sampled_from([0.0, 0.1, 1.0]))
@settings(max_examples=60, deadline=None)
def test_ends_ascend_and_hold_every_horizon_and_the_last_contact(seed: int, bins: int, events: float) -> None:
    rng = np.random.default_rng(seed)
    time = rng.exponential(500, 80)
    time[::9] = np.nan
    event = np.where(np.isnan(time), np.nan, rng.random(80) < events)
    edges = bin_edges_days(time, event, bins, (365.0, 730.0))
    assert list(edges) == sorted(set(edges))
    assert {365.0, 730.0} <= set(edges)
    assert edges[-1] == pytest.approx(max(np.nanmax(time), 730.0), abs=1e-3)
    assert edges[0] > 0
    assert len(edges) <= bins + 3
