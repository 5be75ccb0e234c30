"""Decision curves: what acting on each model's answers would gain, threshold by threshold."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk.report.plots.ink import FAINT, INK, OURS_COLOUR, Drawn, look, panels, save, sheet
from metarisk.report.tables import question_text
from metarisk.train.decisions import EACH, MACRO, NET_BENEFIT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 4
SEEN = 0.01  # a threshold is drawn while some model would treat such a share


def draw_decisions(decisions: pd.DataFrame, folder: Path) -> Drawn | None:
    """A panel for the organs as a whole, then one a question; None where there is no net benefit.

    Parameters
    ----------
    decisions
        As `metarisk.train.decisions.decision_figures`; the first model is ours.
    folder
        Where ``decisions.png`` goes.
    """
    rows = decisions[(decisions["metric"] == NET_BENEFIT) & decisions["over"].isin([MACRO, EACH])]
    if rows.empty:
        return None
    titles = [_title(*row) for row in zip(rows["endpoint"], rows["horizon_days"], rows["over"], strict=True)]
    rows = rows.assign(title=titles)
    ordered = rows.sort_values("over", key=lambda over: over == EACH, kind="stable")["title"].unique()
    models = list(rows["model"].unique())
    columns = min(COLUMNS, len(ordered))
    lines = math.ceil(len(ordered) / columns)
    with sheet(max(2.7 * columns, 4.4), 2.5 * lines + 0.7) as figure:
        grid = panels(figure, lines, columns)
        for axes, title in zip(grid, ordered, strict=False):
            _draw_part(axes, rows[rows["title"] == title], models)
            axes.set_title(title)
        for axes in grid[len(ordered) :]:
            axes.set_visible(False)
        figure.supxlabel("threshold probability from which one acts", fontsize=9)
        figure.supylabel("net benefit, true positives a sample", fontsize=9)
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 6))
        return save(figure, folder, "decisions", _caption(rows, models))


def _title(endpoint: str, horizon_days: float, over: str) -> str:
    name = question_text(endpoint, horizon_days, "all")
    return name if over == EACH else name.replace("site", "all organs, mean", 1)


def _draw_part(axes: Axes, rows: pd.DataFrame, models: list[str]) -> None:
    seen = rows.loc[rows["acted"] >= SEEN, "threshold"].max()
    rows = rows[rows["threshold"] <= (seen if seen > 0 else rows["threshold"].min())]
    for place, model in enumerate(models):
        mine = rows[rows["model"] == model]
        steps, value = mine["threshold"], mine["value"]
        shown = look(place)
        if place == 0:
            axes.fill_between(steps, mine["lower"], mine["upper"], color=OURS_COLOUR, alpha=0.18, lw=0)
        width = 1.8 if place == 0 else 1.0
        style = {"color": shown.colour, "ls": shown.dashes, "lw": width, "zorder": 3 if place == 0 else 2}
        axes.plot(steps, value, label=model.replace("_", " "), **style)
    first = rows[rows["model"] == rows["model"].iloc[0]]
    axes.plot(first["threshold"], first["everybody"], color=FAINT, lw=1.1, label="act on everybody")
    axes.axhline(0.0, color=INK, lw=0.8, ls=(0, (2, 2)), label="act on nobody")
    top = max(float(np.nanmax(rows["upper"])), float(np.nanmax(first["everybody"])), 1e-3)
    axes.set(xlim=(0.0, float(rows["threshold"].max())), ylim=(-0.12 * top, 1.08 * top))
    axes.locator_params(axis="both", nbins=5)


def _caption(rows: pd.DataFrame, models: list[str]) -> str:
    """Over which thresholds ours is surely better than both defaults, question by question."""
    mine = rows[rows["model"] == models[0]]
    told = []
    for title, part in mine.groupby("title", sort=False):
        ahead = part.loc[part["gain_lower"] > 0, "threshold"]
        told.append(f"{title} {ahead.min():g} to {ahead.max():g}" if len(ahead) else f"{title} nowhere")
    return (
        "Net benefit on the held-out samples (Vickers and Elkin 2006), competing events and censoring "
        f"allowed for; the band is the patient bootstrap 95 % interval of {models[0]}. Thresholds between "
        f"which its interval of the gain over acting on everybody or nobody lies above 0: {'; '.join(told)}."
    )
