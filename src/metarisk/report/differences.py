"""Forest plot: by how much one model is ahead of another on each question, on the whole and part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from metarisk.metrics.strata_names import AVERAGES, BY_SIZE, MEAN, MEAN_WITHIN, POOLED, WITHIN
from metarisk.report.tables import question_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET = "#222222", "#9a9a9a"
# Colour and marker of each average, top to bottom; told apart without colour too.
MARKS = {
    POOLED: ("#1f5f8b", "o"),
    WITHIN: ("#c0622c", "D"),
    MEAN_WITHIN: ("#8a6d1f", "v"),
    MEAN: ("#2f7d4f", "s"),
    BY_SIZE: ("#7a4f9a", "^"),
}
PART = ("#5a5a5a", "|")
STEP, GAP = 0.2, 0.12  # inches a line, and between questions
WIDTH, LEFT, RIGHT = 8.2, 2.3, 1.9  # inches: of the page, for the labels, for the numbers
ABOVE, BELOW = 0.72, 0.62
TEXT = 8.5
# More lines than this are no page: the parts of a question then share one line, without intervals.
MOST_LINES = 72


@dataclass(frozen=True)
class Line:
    """A line of the plot: a difference with its interval, a question's name, or its parts as points.

    Attributes
    ----------
    place
        Inches below the first line.
    label
        Text on the left.
    stratum
        One of `AVERAGES`, a part's name; empty for a line without an interval of its own.
    row
        Row of the table; none where there is no interval.
    points
        Differences drawn without intervals.
    """

    place: float
    label: str
    stratum: str = ""
    row: dict[str, Any] | None = None
    points: tuple[float, ...] = ()


def draw_differences(figures: pd.DataFrame, versus: str, path: Path, *, within: str = "cancer type") -> None:
    """Write the AUROC differences of a table as a PNG.

    Where the table has parts (cohorts, cancer types), each is a line of its own above the averages over
    them; where that would be too many lines, the parts of a question are points on one line.

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
    lines = lines_of(shown)
    long = (lines[-1].place if lines else 0.0) + 2 * STEP
    height = long + ABOVE + BELOW
    figure = Figure(figsize=(WIDTH, height), facecolor="white", dpi=160)
    box = (LEFT / WIDTH, BELOW / height, (WIDTH - LEFT - RIGHT) / WIDTH, long / height)
    axes = figure.add_axes(box)
    axes.set_xlim(*_range(shown))
    for line in lines:
        _draw(axes, line)
    _dress(axes, lines, f"{shown['model'].iloc[0]} - {versus}" if len(shown) else versus)
    _legend(axes, shown, within)
    figure.savefig(path, format="png")


def lines_of(shown: pd.DataFrame) -> list[Line]:
    """Lines of the plot, from the top, of the rows of one metric and control."""
    questions = shown[["endpoint", "horizon_days"]].drop_duplicates()
    apart = len(shown) + len(questions) <= MOST_LINES
    lines: list[Line] = []
    for endpoint, days in questions.itertuples(index=False):
        asked = shown[(shown["endpoint"] == endpoint) & (shown["horizon_days"].fillna(-1.0) == _key(days))]
        top = lines[-1].place + STEP + GAP if lines else 0.0
        named = list(_question_lines(question_text(endpoint, days, "all"), asked, apart))
        lines += [Line(top + STEP * index, *rest) for index, rest in enumerate(named)]
    return lines


def _question_lines(name: str, asked: pd.DataFrame, apart: bool) -> Iterator[tuple[Any, ...]]:
    """What stands on each line of a question: label, stratum, row, points."""
    rows = asked.to_dict("records")
    averages = sorted(
        (row for row in rows if row["stratum"] in AVERAGES), key=lambda row: list(MARKS).index(row["stratum"])
    )
    parts = [row for row in rows if row["stratum"] not in AVERAGES]
    if parts and apart:
        yield (name,)
        yield from ((row["stratum"], row["stratum"], row) for row in parts)
    elif parts:
        yield name, "", None, tuple(row["difference"] for row in parts)
    for index, row in enumerate(averages):
        label = row["stratum"] if parts else name if index == 0 else ""
        yield label, row["stratum"], row


def _key(days: float) -> float:
    """Horizon; NaN, equal to nothing, stands as -1."""
    return -1.0 if np.isnan(days) else days


def _range(shown: pd.DataFrame) -> tuple[float, float]:
    """Differences that are shown: all of them, and the whole intervals of the averages."""
    averages = shown[shown["stratum"].isin(AVERAGES)]
    ends = [shown["difference"], averages["diff_lower"], averages["diff_upper"], pd.Series([0.0])]
    every = pd.concat(ends).dropna()
    room = 0.06 * max(float(every.max() - every.min()), 0.01)
    return float(every.min()) - room, float(every.max()) + room


def _draw(axes: Axes, line: Line) -> None:
    if line.points:
        axes.plot(line.points, [-line.place] * len(line.points), "|", color=PART[0], markersize=7, zorder=2)
    if line.row is None:
        return
    colour, marker = MARKS.get(line.stratum, PART)
    row, thick = line.row, 1.5 if line.stratum in AVERAGES else 0.9
    axes.hlines(-line.place, row["diff_lower"], row["diff_upper"], color=colour, linewidth=thick, zorder=2)
    axes.plot(row["difference"], -line.place, linestyle="none", **_marker(colour, marker), zorder=3)
    interval = f"[{row['diff_lower']:+.3f}, {row['diff_upper']:+.3f}]"
    axes.annotate(
        f"{row['difference']:+.3f} {interval}  {int(row['events'])}",
        (1.02, -line.place),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=TEXT - 2,
        color=colour,
    )


def _is_part(line: Line) -> bool:
    return line.stratum not in ("", *AVERAGES)


def _marker(colour: str, marker: str) -> dict[str, Any]:
    filled = "white" if marker == "D" else colour
    size = 8 if marker == "|" else 5
    return {"marker": marker, "markersize": size, "markerfacecolor": filled, "markeredgecolor": colour}


def _dress(axes: Axes, lines: list[Line], title: str) -> None:
    axes.axvline(0.0, color=QUIET, linewidth=0.9, zorder=1)
    axes.set_yticks([-line.place for line in lines], [line.label for line in lines], fontsize=TEXT - 1)
    for line, text in zip(lines, axes.get_yticklabels(), strict=True):
        text.set_color(PART[0] if _is_part(line) else INK)
        text.set_fontweight("bold" if line.row is None else "normal")
    last = lines[-1].place if lines else 0.0
    axes.set_ylim(-last - STEP, STEP)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=TEXT, colors=INK)
    cut = "; parts' are cut at the frame" if any(_is_part(line) for line in lines) else ""
    axes.set_xlabel(f"difference in AUROC, paired 95 % bootstrap interval{cut}", fontsize=TEXT, color=INK)
    head = "difference, interval, events"
    axes.annotate(head, (1.02, 1.0), xycoords="axes fraction", fontsize=TEXT - 2, color=INK, va="bottom")
    axes.set_title(title, fontsize=TEXT + 1.5, fontweight="bold", color=INK, loc="left", pad=20)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _legend(axes: Axes, shown: pd.DataFrame, within: str) -> None:
    from matplotlib.lines import Line2D

    held = set(shown["stratum"])
    words = {
        WITHIN: f"within {within}",
        MEAN_WITHIN: f"mean over each {within}",
        MEAN: "mean of the parts",
        BY_SIZE: "mean by size",
    }
    entries = [
        Line2D([], [], color=colour, **_marker(colour, marker), label=words.get(stratum, stratum))
        for stratum, (colour, marker) in MARKS.items()
        if stratum in held
    ]
    if held - set(AVERAGES):
        entries.insert(0, Line2D([], [], color=PART[0], **_marker(*PART), label="a part or stratum"))
    if entries:
        axes.legend(
            handles=entries,
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=len(entries),
            fontsize=TEXT - 2,
            frameon=False,
        )
