"""A screen in a few rows of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from metarisk.report.tables import figure_text, question_text

HEADER = (
    "question",
    "perturbation",
    "change",
    "interval over the fit",
    "over patients",
    "graph",
    "q",
    "rank",
)


def strongest_rows(screen: pd.DataFrame, most: int) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    """Header and rows of a screen, at most so many a question, the strongest first.

    Parameters
    ----------
    screen
        As `metarisk.explain.screen_table.screen_table` returns it.
    most
        Rows of one question, shared by all of them where there are several.
    """
    by_question = screen.groupby(["endpoint", "horizon_days"], dropna=False, sort=False)
    each = max(2, most // max(by_question.ngroups, 1))
    strongest = (own.sort_values("rank", kind="stable").head(each) for _, own in by_question)
    return HEADER, (_row(row) for own in strongest for _, row in own.iterrows())


def _row(row: pd.Series[Any]) -> tuple[str, ...]:
    return (
        question_text(str(row["endpoint"]), row["horizon_days"], "all"),
        str(row["title"]),
        figure_text(row["change"], np.nan, np.nan, signed=True),
        _between(row["change_fit_lower"], row["change_fit_upper"]),
        _between(row["change_patients_lower"], row["change_patients_upper"]),
        _number(row["graph_share"], ".0%"),
        _number(row["q"], ".2g"),
        _number(row["rank"], ".0f"),
    )


def _between(lower: float, upper: float) -> str:
    return "-" if np.isnan(lower) else f"{lower:+.3f} to {upper:+.3f}"


def _number(value: float, form: str) -> str:
    return "-" if np.isnan(value) else f"{value:{form}}"
