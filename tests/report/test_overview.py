from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from metarisk.report.overview import DIFFERENCES, Line, differences, lines, standings


def row(endpoint: str, versus: str, difference: float, **other: Any) -> dict[str, Any]:
    """One figure of ours beside a control's, 95 % interval .01 to each side, sure after Holm when far."""
    return {
        "endpoint": endpoint,
        "horizon_days": float("nan"),
        "stratum": "pooled",
        "metric": "auroc",
        "value": 0.7,
        "versus": versus,
        "difference": difference,
        "diff_lower": difference - 0.01,
        "diff_upper": difference + 0.01,
        "p_holm": 0.001 if abs(difference) > 0.05 else 0.2,
        **other,
    }


@pytest.fixture
def points() -> pd.DataFrame:
    dated = {"endpoint": "os", "metric": "harrell_c"}
    figures = pd.DataFrame([
        row("site.bone", "boosting", 0.06),
        row("site.brain", "boosting", -0.02),
        row("site.liver", "boosting", 0.005),
        row("site.bone", "linear", 0.09),
        row("site.brain", "linear", 0.09),
        row("site.bone", "no_graph", 0.0),
        row("site.bone", "", float("nan")),  # stands beside nothing
        row("site.bone", "boosting", 0.5, stratum="a cohort"),
        row("site.bone", "boosting", 0.5, metric="brier"),
        row("os", "boosting", 0.5, horizon_days=365.0),  # AUROC by a horizon
        row(versus="boosting", difference=0.3, horizon_days=365.0, **dated),
        row(versus="boosting", difference=0.02, horizon_days=730.0, **dated),
        row(versus="boosting", difference=0.04, horizon_days=730.0, stratum="mean", **dated),
        row(versus="tmb", difference=0.2, horizon_days=730.0, **dated),
    ])  # fmt: skip
    return differences(figures)


def lines_of(points: pd.DataFrame) -> list[Line]:
    return lines(points.assign(table="a"), standings(points).assign(table="a"))


def test_a_question_counts_once_by_the_metric_that_ranks_it(points: pd.DataFrame) -> None:
    assert list(points.columns) == list(DIFFERENCES)
    assert len(points) == 9
    assert points.loc[points["endpoint"] == "os", "difference"].tolist() == [0.02, 0.04, 0.2]
    assert points["difference"].max() == 0.2
    assert set(points["kind"]) == {"organs", "dated"}


def test_what_is_sure_is_counted_with_its_sign(points: pd.DataFrame) -> None:
    table = standings(points).set_index(["kind", "stratum", "versus"])
    organs = table.loc[("organs", "pooled", "boosting")]
    assert organs["questions"] == 3
    assert organs["mean"] == pytest.approx(0.015)
    assert (organs["least"], organs["most"]) == (-0.02, 0.06)
    assert (organs["ahead"], organs["behind"]) == (1, 1)
    assert (organs["ahead_holm"], organs["behind_holm"]) == (1, 0)
    alone = table.loc[("dated", "mean", "boosting")]
    assert alone[["mean", "lower", "upper"]].tolist() == pytest.approx([0.04, 0.03, 0.05])


def test_the_interval_of_the_organs_is_of_the_organs_as_one_whole(points: pd.DataFrame) -> None:
    assert standings(points)["lower"].isna().tolist() == [True, True, False, False, False, False]
    interval = {"diff_lower": -0.01, "diff_upper": 0.04}
    row = {"horizon_days": float("nan"), "stratum": "pooled", "versus": "boosting", **interval}
    table = standings(points, pd.DataFrame([row, {**row, "versus": ""}, {**row, "horizon_days": 365.0}]))
    pd.testing.assert_frame_equal(table.drop(index=0), standings(points).drop(index=0))
    assert table.loc[0, ["questions", "mean", "lower", "upper"]].tolist() == pytest.approx(
        [3, 0.015, -0.01, 0.04]
    )


def test_the_hardest_baseline_is_the_one_that_ours_leads_least(points: pd.DataFrame) -> None:
    organs, dated = lines_of(points)
    assert (organs.label, organs.hardest_name) == ("a: 3 organs", "boosting")
    assert (dated.label, dated.stratum) == ("a: 1 dated, mean", "mean")
    assert organs.row == {
        "questions": "a: 3 organs",
        "hardest": "boosting",
        "minus hardest": "+0.015 (1+ 1-)",
        "minus clinic": "",
        "minus no graph": "+0.0000",
        "minus edges rewired": "",
        "minus signs shuffled": "",
    }


def test_a_table_without_a_control_that_is_shown_has_no_line(points: pd.DataFrame) -> None:
    assert lines_of(points[points["versus"] == "tmb"]) == []
