"""Forest plot: by how much one model is ahead of another on each question, pooled and within strata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk.report.tables import question_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET = "#222222", "#9a9a9a"
# Colour and marker of each stratum, top to bottom in a row; told apart without colour too.
MARKS = {"pooled": ("#1f5f8b", "o"), "within": ("#c0622c", "D")}
ROW, APART = 0.46, 0.18  # inches a question, and share of a row between its two lines
TEXT = 8.5


def draw_differences(figures: pd.DataFrame, versus: str, path: Path, *, within: str = "cancer type") -> None:
    """Write the AUROC differences of a table as a PNG.

    Parameters
    ----------
    figures
        As `metarisk.train.fold_figures.fold_figures` gives them.
    versus
        The control that is subtracted.
    path
        File to write.
    within
        What the strata are, for the legend.
    """
    from matplotlib.figure import Figure

    shown = figures[(figures["metric"] == "auroc") & (figures["versus"] == versus)]
    questions = shown[["endpoint", "horizon_days"]].drop_duplicates().reset_index(drop=True)
    height = ROW * len(questions) + 1.5
    figure = Figure(figsize=(7.6, height), facecolor="white", dpi=160)
    axes = figure.add_axes((0.24, 0.72 / height, 0.53, 1 - 1.44 / height))
    keys = _keys(questions)
    labels = [question_text(endpoint, days if days >= 0 else np.nan, "all") for endpoint, days in keys]
    place = {key: -index for index, key in enumerate(keys)}
    for stratum, (colour, marker) in MARKS.items():
        part = shown[shown["stratum"] == stratum]
        if part.empty:
            continue
        below = APART * (1 if stratum == "within" else -1)
        y = np.array([place[key] for key in _keys(part)]) - below
        _intervals(axes, part, y, colour, marker, stratum if stratum == "pooled" else f"within {within}")
        _numbers(axes, part, y, colour)
    _dress(axes, labels, f"{shown['model'].iloc[0]} - {versus}" if len(shown) else versus)
    figure.savefig(path, format="png")


def _keys(table: pd.DataFrame) -> list[tuple[str, float]]:
    """Endpoint and horizon of each row; NaN, equal to nothing, stands as -1."""
    return list(zip(table["endpoint"], table["horizon_days"].fillna(-1.0), strict=True))


def _intervals(
    axes: Axes, part: pd.DataFrame, y: np.ndarray[tuple[int], np.dtype[np.float64]], *style: str
) -> None:
    colour, marker, label = style
    axes.hlines(y, part["diff_lower"], part["diff_upper"], color=colour, linewidth=1.4, zorder=2)
    filled = colour if marker == "o" else "white"
    axes.plot(
        part["difference"],
        y,
        linestyle="none",
        marker=marker,
        markersize=5,
        markerfacecolor=filled,
        markeredgecolor=colour,
        label=label,
        zorder=3,
    )


def _numbers(
    axes: Axes, part: pd.DataFrame, y: np.ndarray[tuple[int], np.dtype[np.float64]], colour: str
) -> None:
    """Difference, interval and events to the right of each line."""
    for row, at in zip(part.to_dict("records"), y, strict=True):
        interval = f"[{row['diff_lower']:+.3f}, {row['diff_upper']:+.3f}]"
        text = f"{row['difference']:+.3f} {interval}  {int(row['events'])}"
        axes.annotate(
            text,
            (1.02, float(at)),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=TEXT - 2,
            color=colour,
        )


def _dress(axes: Axes, labels: list[str], title: str) -> None:
    axes.axvline(0.0, color=QUIET, linewidth=0.9, zorder=1)
    axes.set_yticks([-index for index in range(len(labels))], labels, fontsize=TEXT, color=INK)
    axes.set_ylim(-len(labels) + 0.4, 0.6)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=TEXT, colors=INK)
    axes.set_xlabel("difference in AUROC, paired 95 % bootstrap interval", fontsize=TEXT, color=INK)
    axes.annotate(
        "difference, interval, events",
        (1.02, 1.0),
        xycoords="axes fraction",
        fontsize=TEXT - 2,
        color=INK,
        va="bottom",
    )
    axes.set_title(title, fontsize=TEXT + 1.5, fontweight="bold", color=INK, loc="left")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, fontsize=TEXT - 1, frameon=False)
