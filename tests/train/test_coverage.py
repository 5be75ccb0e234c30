from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metarisk.config.evaluation import EvaluationSection
from metarisk.metrics.censoring import censoring_curve, status_at_horizon
from metarisk.models.answers import Probability
from metarisk.train.coverage import coverage_figures
from metarisk.train.figures import FIGURE_COLUMNS

SECTION = EvaluationSection(bootstrap=200, within_min_events=5)
N = 300
HALF = np.full(N, 0.5)


@pytest.fixture(scope="module")
def endpoints() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    bone = (rng.random(N) < 0.3).astype(float)
    bone[::10] = np.nan
    return pd.DataFrame(
        {
            "site.bone": bone,
            "metastasis.time_days": rng.exponential(500, N),
            "metastasis.event": rng.choice([0.0, 1.0, 2.0], N, p=[0.3, 0.5, 0.2]),
        }
    )


@pytest.fixture(scope="module")
def groups() -> pd.DataFrame:
    number = np.arange(N)
    kinds = np.where(number < 180, "A", np.where(number < 297, "B", "rare"))
    return pd.DataFrame({"patient_id": [f"P{n}" for n in number], "cancer_type": kinds})


def bone_with(kept: np.ndarray) -> list[Probability]:
    return [Probability("site.bone", "", np.nan, HALF, HALF, HALF, kept)]


def values(figures: pd.DataFrame) -> dict[tuple[str, str], float]:
    keys = zip(figures["metric"], figures["stratum"], strict=True)
    return dict(zip(keys, figures["value"], strict=True))


def test_the_figures_are_counted_by_hand(endpoints: pd.DataFrame, groups: pd.DataFrame) -> None:
    kept = np.random.default_rng(1).random((N, 2)) < 0.6
    figures = coverage_figures(bone_with(kept), endpoints, endpoints, groups, SECTION)
    assert tuple(figures.columns) == FIGURE_COLUMNS
    found = values(figures)
    label = endpoints["site.bone"].to_numpy()
    known = ~np.isnan(label)
    right = np.array([kept[row, int(label[row])] if known[row] else False for row in range(N)])
    one = kept.sum(axis=1) == 1
    kinds = groups["cancer_type"].to_numpy()
    for stratum, rows in (("all", known), ("cancer_type: A", known & (kinds == "A"))):
        assert found["set_coverage", stratum] == pytest.approx(right[rows].mean())
        assert found["set_decided", stratum] == pytest.approx(one[rows].mean())
        assert found["decided_error", stratum] == pytest.approx(1 - right[rows & one].mean())
    assert found["set_coverage", "with the event"] == pytest.approx(right[label == 1].mean())
    assert found["set_coverage", "without the event"] == pytest.approx(right[label == 0].mean())


def test_types_are_the_largest_first_and_a_rare_one_has_no_figure(
    endpoints: pd.DataFrame, groups: pd.DataFrame
) -> None:
    figures = coverage_figures(bone_with(np.ones((N, 2), bool)), endpoints, endpoints, groups, SECTION)
    coverage = figures[figures["metric"] == "set_coverage"]
    types = [stratum for stratum in coverage["stratum"] if stratum.startswith("cancer_type")]
    assert types == ["cancer_type: A", "cancer_type: B"]


def test_whoever_never_decides_is_always_right_and_has_no_errors_to_count(
    endpoints: pd.DataFrame, groups: pd.DataFrame
) -> None:
    found = values(coverage_figures(bone_with(np.ones((N, 2), bool)), endpoints, endpoints, groups, SECTION))
    assert found["set_coverage", "all"] == 1.0
    assert found["set_decided", "all"] == 0.0
    assert ("decided_error", "all") not in found


def test_an_interval_stands_around_each_figure(endpoints: pd.DataFrame, groups: pd.DataFrame) -> None:
    kept = np.random.default_rng(2).random((N, 2)) < 0.6
    figures = coverage_figures(bone_with(kept), endpoints, endpoints, groups, SECTION)
    assert (figures["lower"] < figures["value"]).all()
    assert (figures["value"] < figures["upper"]).all()
    everybody = figures.iloc[0]
    assert (everybody["n"], everybody["events"]) == (
        endpoints["site.bone"].notna().sum(),
        endpoints["site.bone"].sum(),
    )


def test_those_lost_before_the_horizon_are_stood_for_by_the_others(
    endpoints: pd.DataFrame, groups: pd.DataFrame
) -> None:
    kept = np.random.default_rng(3).random((N, 2)) < 0.6
    answers = [
        Probability("metastasis", "metastasis", 365.0, HALF, HALF, HALF, kept),
        Probability("metastasis", "death", 365.0, HALF, HALF, HALF, ~kept),  # competes, is not judged
    ]
    found = values(coverage_figures(answers, endpoints, endpoints, groups, SECTION))
    time = endpoints["metastasis.time_days"].to_numpy()
    event = endpoints["metastasis.event"].to_numpy()
    status = status_at_horizon(time, event, 365.0, censoring_curve(time, event))
    right = kept[np.arange(N), status.label.astype(int)]
    assert found["set_coverage", "all"] == pytest.approx(np.average(right, weights=status.weight))


def test_answers_without_sets_have_no_figures(endpoints: pd.DataFrame, groups: pd.DataFrame) -> None:
    bare = [Probability("site.bone", "", np.nan, HALF, HALF, HALF)]
    figures = coverage_figures(bare, endpoints, endpoints, groups, SECTION)
    assert figures.empty
    assert tuple(figures.columns) == FIGURE_COLUMNS


def test_those_with_an_event_before_they_were_told_are_counted_against_the_bound(
    endpoints: pd.DataFrame, groups: pd.DataFrame
) -> None:
    time = endpoints["metastasis.time_days"].to_numpy()
    event = endpoints["metastasis.event"].to_numpy()
    free = np.random.default_rng(4).choice([0.0, 200.0, 730.0], N)
    open_sets = np.ones((N, 2), bool)
    answers = [
        Probability("metastasis", "metastasis", by, HALF, HALF, HALF, open_sets, HALF, free)
        for by in (365.0, 730.0)
    ]
    figures = coverage_figures(answers, endpoints, endpoints, groups, SECTION)
    bound = figures[figures["metric"] == "free_coverage"]
    assert set(bound["horizon_days"]) == {730.0}  # once, at the last horizon
    status = status_at_horizon(time, event, 730.0, censoring_curve(time, event))
    kept = ~((event == 1) & (time <= free))
    expected = np.average(kept, weights=status.weight)
    assert values(bound)["free_coverage", "all"] == pytest.approx(expected)
