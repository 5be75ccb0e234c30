"""Every comparison at once: a row a table and kind of question, a dot a question, a stroke their mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from metarisk.report.overview import CLINIC, GRAPHS, Line
from metarisk.report.plots.ink import BAND, DPI, FAINT, INK, OURS_COLOUR, look, panels, sheet

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

ROW = 0.3  # inches
AFTER_HOLM: dict[str, Any] = {"marker": "o", "ls": "", "ms": 5, "mfc": OURS_COLOUR, "mec": OURS_COLOUR}
SURE: dict[str, Any] = {**AFTER_HOLM, "mfc": "white"}
UNSURE: dict[str, Any] = {**AFTER_HOLM, "ms": 4, "mfc": FAINT, "mec": FAINT}
AVERAGE: dict[str, Any] = {"marker": "|", "ls": "", "ms": 11, "mew": 2, "color": INK}


def draw_overview(lines: Sequence[Line], path: Path) -> None:
    """Write a PNG: ours minus the hardest fitted baseline, minus the clinic alone, and minus other graphs.

    Parameters
    ----------
    lines
        Of `metarisk.report.overview.lines`, from the top.
    path
        File to write.
    """
    with sheet(12.0, 1.6 + ROW * len(lines)) as figure:
        grid = panels(figure, 1, 3, sharey=True, width_ratios=[1.3, 1, 1])
        for axes in grid:
            axes.axvline(0.0, color=FAINT, lw=1, zorder=1)
            axes.tick_params(axis="y", length=0)
            for at in range(1, len(lines), 2):
                axes.axhspan(at - 0.5, at + 0.5, color=BAND, zorder=0, lw=0, alpha=0.6)
        beside, clinic, graphs = grid
        for y, line in enumerate(lines):
            _mark(beside, y, line, line.hardest)
            _mark(clinic, y, line, CLINIC)
            for number, control in enumerate(GRAPHS):
                _spread(graphs, y + 0.24 * (number - 1), line.versus(control), number + 1)
            place, of = (1.01, y), beside.get_yaxis_transform()
            beside.annotate(line.hardest_name, place, xycoords=of, va="center", fontsize=7, color=INK)
        beside.set(title="minus the hardest fitted baseline", xlabel="same inputs, tuned on inner patients")
        clinic.set(title="minus the clinic alone", xlabel="the same model without assays")
        graphs.set(title="real topology minus another", xlabel="the same model")
        beside.set_yticks(range(len(lines)), [line.label for line in lines])
        beside.set_ylim(len(lines) - 0.5, -0.5)
        handles = _handles(beside)
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles) // 2 + 1)
        told = {"Title": "overview", "Description": _caption(lines), "Software": None}
        figure.savefig(path, format="png", dpi=DPI, metadata=told)


def _mark(axes: Axes, y: float, line: Line, control: str) -> None:
    """A dot a question by how sure it is, their mean, and its interval where one is known."""
    points = line.versus(control)
    if points.empty:
        return
    mean = line.means.loc[control]
    axes.plot([mean["lower"], mean["upper"]], [y, y], color=INK, lw=1.0, zorder=2)
    sure, holm = points["sure"] != 0, points["sure_holm"] != 0
    for found, style in ((~sure & ~holm, UNSURE), (sure & ~holm, SURE), (holm, AFTER_HOLM)):
        some = points.loc[found, "difference"].to_numpy()
        axes.plot(some, np.full(len(some), y), zorder=3, **style)
    axes.plot(mean["mean"], y, zorder=4, **AVERAGE)


def _spread(axes: Axes, y: float, points: pd.DataFrame, place: int) -> None:
    """The mean of the questions, and a line from the least to the greatest, or of one its interval."""
    if points.empty:
        return
    shown, told = look(place), points["difference"]
    ends = points[["diff_lower", "diff_upper"]].iloc[0] if len(points) == 1 else (told.min(), told.max())
    axes.plot(ends, [y, y], color=shown.colour, lw=1.2, zorder=2)
    axes.plot(told.mean(), y, shown.marker, color=shown.colour, ms=4, zorder=3)


def _handles(axes: Axes) -> list[Artist]:
    kinds = {
        "a question, sure after Holm": AFTER_HOLM,
        "its 95 % interval leaves zero out": SURE,
        "not sure": UNSURE,
        "mean of the questions, 95 %": {**AVERAGE, "ls": "-", "lw": 1.0},
    }
    made = [axes.plot([], [], label=label, **style)[0] for label, style in kinds.items()]
    for place, label in enumerate(GRAPHS.values(), 1):
        shown = look(place)
        style: dict[str, Any] = {"marker": shown.marker, "color": shown.colour, "ms": 4, "lw": 1.2}
        made.append(axes.plot([], [], label=f"minus {label}", **style)[0])
    return [
        *made,
        axes.plot([], [], lw=1.2, color=INK, label="least to greatest, or of one question 95 %")[0],
    ]


def _caption(lines: Sequence[Line]) -> str:
    return (
        "Ours minus the hardest fitted baseline on the same inputs, minus the clinic alone, and the real "
        "topology minus none, rewired edges and shuffled signs, in AUROC, of dated questions in Harrell's c: "
        f"to the right ours is better. Rows: {'; '.join(line.label for line in lines)}."
    )
