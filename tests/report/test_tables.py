from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarisk.report import comparison, figures_markdown, set_comparison
from metarisk.report.tables import figure_text, question_text

COLUMNS = ("model", "endpoint", "horizon_days", "metric", "stratum", "value", "lower", "upper", "n", "events")
Row = tuple[str, str, float, str, str, float, float, float, float, float]


def auroc(model: str, value: float, endpoint: str = "site.liver", stratum: str = "all") -> Row:
    return (model, endpoint, np.nan, "auroc", stratum, value, value - 0.03, value + 0.03, 500, 80)


def gap(control: str, value: float, endpoint: str = "site.liver", stratum: str = "all") -> Row:
    name = f"metarisk - {control}"
    return (name, endpoint, np.nan, "auroc_difference", stratum, value, value - 0.01, value + 0.01, 500, 80)


def frame(*rows: Row) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


def best_of(figures: pd.DataFrame, metric: str = "auroc") -> list[list[str]]:
    """Models that are marked, a row each."""
    table = comparison(figures, metric)
    return [[name for name, cell in zip(table.header, row, strict=True) if cell.best] for row in table.rows]


def test_a_row_is_a_question_and_a_column_is_a_model() -> None:
    table = comparison(
        frame(auroc("metarisk", 0.742), auroc("boosting", 0.731), gap("boosting", 0.011)), "auroc"
    )
    assert table.header == ("question", "metarisk", "boosting", "metarisk - best control", "n / events")
    assert [cell.text for cell in table.rows[0]] == [
        "site: liver",
        "0.742 [0.712-0.772]",
        "0.731 [0.701-0.761]",
        "+0.011 [+0.001 to +0.021]",
        "500 / 80",
    ]


def test_a_loss_is_marked_as_a_win_is() -> None:
    won = frame(auroc("metarisk", 0.8), auroc("boosting", 0.7))
    lost = frame(auroc("metarisk", 0.7), auroc("boosting", 0.8))
    assert best_of(won) == [["metarisk"]]
    assert best_of(lost) == [["boosting"]]


def test_a_tie_in_the_printed_digits_marks_both() -> None:
    assert best_of(frame(auroc("metarisk", 0.80012), auroc("no_graph", 0.80041))) == [
        ["metarisk", "no_graph"]
    ]


def test_the_lead_is_over_the_best_control_and_not_over_an_easy_one() -> None:
    table = comparison(
        frame(
            auroc("metarisk", 0.75),
            auroc("linear", 0.60),
            auroc("boosting", 0.77),
            gap("linear", 0.15),
            gap("boosting", -0.02),
        )
    )
    assert table.rows[0][-2].text == "-0.020 [-0.030 to -0.010]"


def test_less_is_better_for_an_error() -> None:
    rows = [(*auroc(model, value)[:3], "calibration_error", "all", value, np.nan, np.nan, 500, 80)
            for model, value in (("metarisk", 0.05), ("boosting", 0.02))]  # fmt: skip
    assert best_of(frame(*rows), "calibration_error") == [["boosting"]]
    assert comparison(frame(*rows), "calibration_error").title == "calibration error (lower is better)"


def test_strata_and_horizons_are_rows_of_their_own_in_the_order_of_the_figures() -> None:
    by_year = [
        ("metarisk", "metastasis", days, "auroc", "all", 0.7, 0.6, 0.8, 300, 40) for days in (365.0, 730.0)
    ]
    figures = frame(auroc("metarisk", 0.7), auroc("metarisk", 0.6, stratum="within cancer_type"), *by_year)
    assert [row[0].text for row in comparison(figures).rows] == [
        "site: liver",
        "site: liver, within cancer_type",
        "metastasis by 1 y",
        "metastasis by 2 y",
    ]


def test_a_model_without_an_answer_has_a_dash_and_is_never_the_best() -> None:
    figures = frame(
        auroc("metarisk", 0.7),
        auroc("boosting", 0.6),
        auroc("metarisk", 0.7, endpoint="response"),
        auroc("boosting", np.nan, endpoint="response"),
    )
    table = comparison(figures)
    assert table.rows[1][2].text == "-"
    assert best_of(figures) == [["metarisk"], []]


def test_a_model_alone_is_not_called_the_best() -> None:
    assert best_of(frame(auroc("metarisk", 0.7))) == [[]]


def test_markdown_has_a_cell_a_column_and_escapes_what_would_split_one() -> None:
    text = figures_markdown(
        frame(*(auroc(model, 0.7, stratum="within a|b") for model in ("metarisk", "boosting")))
    )
    header, rule, first, *_ = text.splitlines()[2:]
    assert header == "| question | metarisk | boosting | n / events |"
    assert rule == "| --- | --- | --- | --- |"
    assert first.startswith("| site: liver, within a\\|b | **0.700 [")


def test_no_figures_make_no_table() -> None:
    assert figures_markdown(frame()) == ""
    assert comparison(frame()).rows == ()


@pytest.mark.parametrize(
    ("endpoint", "days", "stratum", "expected"),
    [
        ("response", np.nan, "all", "response"),
        ("site.lymph_node", np.nan, "all", "site: lymph node"),
        ("metastasis", 365.0, "all", "metastasis by 1 y"),
        ("os", 90.0, "within stage", "os by 90 d, within stage"),
    ],
)
def test_a_question_reads_as_words(endpoint: str, days: float, stratum: str, expected: str) -> None:
    assert question_text(endpoint, days, stratum) == expected


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_figure_reads_back_to_three_digits(value: float, lower: float, upper: float) -> None:
    first, interval = figure_text(value, lower, upper).split(" ")
    low, high = interval.strip("[]").split("-")
    np.testing.assert_allclose([float(first), float(low), float(high)], [value, lower, upper], atol=5.1e-4)


def set_row(metric: str, stratum: str, value: float, endpoint: str = "site.liver") -> Row:
    return ("metarisk", endpoint, np.nan, metric, stratum, value, value - 0.02, value + 0.02, 400, 60)


def test_conformal_sets_are_a_row_a_question_over_all_patients() -> None:
    figures = frame(
        auroc("metarisk", 0.7),
        set_row("set_coverage", "all", 0.91),
        set_row("set_decided", "all", 0.4),
        set_row("decided_error", "all", 0.2),
        set_row("set_coverage", "cancer_type: LUAD", 0.5),
        set_row("set_coverage", "with the event", 0.93),
        set_row("set_coverage", "all", 0.95, "site.bone"),
        set_row("set_decided", "all", 0.0, "site.bone"),
    )
    table = set_comparison(figures)
    assert table is not None
    assert [[cell.text for cell in row] for row in table.rows] == [
        [
            "site: liver",
            "0.910 [0.890-0.930]",
            "0.930 [0.910-0.950]",
            "-",
            "0.400 [0.380-0.420]",
            "0.200 [0.180-0.220]",
            "-",
            "400 / 60",
        ],
        ["site: bone", "0.950 [0.930-0.970]", "-", "-", "0.000 [-0.020-0.020]", "-", "-", "400 / 60"],
    ]
    assert "| site: liver | 0.910 [0.890-0.930] |" in figures_markdown(figures)


def test_figures_without_sets_have_no_such_table() -> None:
    assert set_comparison(frame(auroc("metarisk", 0.7))) is None
