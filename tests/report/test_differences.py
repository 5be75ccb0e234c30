from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from metarisk.report.differences import MOST_LINES, draw_differences, lines_of


def test_a_forest_plot_is_drawn_of_yes_no_and_dated_questions(tmp_path: Path) -> None:
    rows = [
        {
            **{"model": "metarisk", "metric": "auroc", "versus": "boosting", "stratum": stratum},
            **{"endpoint": endpoint, "horizon_days": horizon, "events": 30},
            **{"difference": 0.01, "diff_lower": -0.02, "diff_upper": 0.04},
        }
        for endpoint, horizon in (("site.bone", np.nan), ("metastasis", 365.0))
        for stratum in ("pooled", "within")
    ]
    file = tmp_path / "differences.png"
    draw_differences(pd.DataFrame(rows), "boosting", file)
    assert file.read_bytes().startswith(b"\x89PNG")


def table(parts: int, questions: int) -> pd.DataFrame:
    strata = [*(f"cohort {number}" for number in range(parts)), "by size", "mean", "pooled", "within"]
    return pd.DataFrame(
        [
            {
                **{"model": "metarisk", "metric": "auroc", "versus": "boosting", "stratum": stratum},
                **{"endpoint": f"site.{asked}", "horizon_days": np.nan, "events": 30},
                **{"difference": 0.01 * place, "diff_lower": -0.3, "diff_upper": 0.3},
            }
            for asked in range(questions)
            for place, stratum in enumerate(strata)
        ]
    )


def test_each_part_has_a_line_above_the_averages() -> None:
    lines = lines_of(table(3, 2))
    told = [line.label for line in lines[:8]]
    averages = ["pooled", "within", "mean", "by size"]
    assert told == ["site: 0", "cohort 0", "cohort 1", "cohort 2", *averages]
    assert len(lines) == 16
    places = [line.place for line in lines]
    assert places == sorted(places)
    assert len(set(places)) == 16


def test_parts_share_a_line_where_there_are_too_many(tmp_path: Path) -> None:
    many = table(20, 4)
    assert len(many) > MOST_LINES
    lines = lines_of(many)
    assert [line.label for line in lines[:5]] == ["site: 0", "pooled", "within", "mean", "by size"]
    assert lines[0].points == tuple(0.01 * place for place in range(20))
    assert len(lines) == 20
    draw_differences(many, "boosting", tmp_path / "many.png")
    draw_differences(table(3, 1), "boosting", tmp_path / "few.png")
    assert (tmp_path / "many.png").read_bytes().startswith(b"\x89PNG")


def test_questions_without_parts_keep_their_name_on_the_first_line() -> None:
    lines = lines_of(table(0, 2))
    assert [line.label for line in lines] == ["site: 0", "", "", "", "site: 1", "", "", ""]


def test_nothing_to_compare_is_an_empty_plot(tmp_path: Path) -> None:
    draw_differences(table(2, 1), "linear", tmp_path / "none.png")
    assert (tmp_path / "none.png").exists()
