"""All AUROC figures at once: a row a question, a mark a model, its interval as a line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk.report.plots.ink import BAND, FAINT, Drawn, look, panels, save, sheet
from metarisk.report.tables import question_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW, GAP = 0.14, 0.14  # inches: of a model's line, and between questions


def draw_forest(figures: pd.DataFrame, folder: Path) -> Drawn | None:
    """AUROC of every model on every question, pooled and within strata; None without any.

    Parameters
    ----------
    figures
        Held-out figures, the first model is ours.
    folder
        Where ``auroc.png`` goes.
    """
    rows = figures[(figures["metric"] == "auroc") & figures["value"].notna()]
    if rows.empty:
        return None
    asked = zip(rows["endpoint"], rows["horizon_days"], strict=True)
    rows = rows.assign(question=[question_text(str(name), float(days), "all") for name, days in asked])
    questions, models = list(rows["question"].unique()), list(rows["model"].unique())
    strata = list(rows["stratum"].unique())
    height = 1.1 + len(questions) * (GAP + ROW * len(models)) + 0.25
    with sheet(2.0 + 3.1 * len(strata), height) as figure:
        grid = panels(figure, 1, len(strata), sharey=True, sharex=True)
        for axes, stratum in zip(grid, strata, strict=True):
            _draw_stratum(axes, rows[rows["stratum"] == stratum], questions, models)
            title = "all held-out patients" if stratum == "all" else stratum.replace("_", " ")
            axes.set(title=title, xlabel="AUROC, 95 % interval")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(models), 5))
        return save(figure, folder, "auroc", _caption(rows, models))


def _draw_stratum(axes: Axes, rows: pd.DataFrame, questions: list[str], models: list[str]) -> None:
    step = 0.8 / len(models)
    for place, model in enumerate(models):
        mine = rows[rows["model"] == model]
        y = np.array([questions.index(question) for question in mine["question"]], dtype=np.float64)
        y += (place - (len(models) - 1) / 2) * step
        value, lower, upper = (mine[name].to_numpy(np.float64) for name in ("value", "lower", "upper"))
        shown = look(place)
        axes.errorbar(
            value,
            y,
            xerr=np.stack([value - lower, upper - value]).clip(min=0.0),
            fmt=shown.marker,
            color=shown.colour,
            ms=5 if place == 0 else 4,
            lw=1.6 if place == 0 else 1.0,
            label=model.replace("_", " "),
        )
    for at in range(1, len(questions), 2):
        axes.axhspan(at - 0.5, at + 0.5, color=BAND, zorder=0, lw=0, alpha=0.6)
    axes.axvline(0.5, color=FAINT, lw=1, ls="--", zorder=1)
    axes.set_yticks(range(len(questions)), questions)
    axes.set_ylim(len(questions) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def _caption(rows: pd.DataFrame, models: list[str]) -> str:
    pooled = rows[(rows["stratum"] == "all") & (rows["model"] == models[0])]
    told = "; ".join(
        f"{row['question']} {row['value']:.2f} [{row['lower']:.2f}-{row['upper']:.2f}]"
        for row in pooled.to_dict("records")
    )
    controls = ", ".join(models[1:]) or "no control"
    return (
        f"AUROC on the held-out patients with patient bootstrap 95 % intervals, {models[0]} beside "
        f"{controls}; the dashed line is chance. {models[0]}, all patients: {told}."
    )
