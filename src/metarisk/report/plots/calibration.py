"""Reliability of our probabilities on every question, those by a horizon with censoring weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk.metrics.calibration import reliability, wilson
from metarisk.report.plots.discrimination import BIN_SIZE, MOST_BINS
from metarisk.report.plots.ink import BAND, FAINT, OURS_COLOUR, Drawn, panels, save, sheet
from metarisk.report.tables import question_text
from metarisk.train.figures import OURS
from metarisk.train.held_out import Asked
from metarisk.train.probability_figures import LARGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 4


def draw_calibration(asked: Sequence[Asked], figures: pd.DataFrame, folder: Path) -> Drawn | None:
    """A panel a question, ours alone; None without any.

    Parameters
    ----------
    asked
        Questions and answers of the judged samples.
    figures
        As `metarisk.train.probability_figures.probability_figures`, for slope and calibration in the large.
    folder
        Where ``calibration.png`` goes.
    """
    if not asked:
        return None
    columns = min(COLUMNS, len(asked))
    lines = math.ceil(len(asked) / columns)
    with sheet(max(2.6 * columns, 4.4), 2.7 * lines + 0.5) as figure:
        grid = panels(figure, lines, columns)
        told = []
        for axes, question in zip(grid, asked, strict=False):
            title = question_text(str(question.names["endpoint"]), _days(question), "all")
            text = _line_text(question, figures)
            worst = _draw_question(axes, question)
            axes.set_title(title, pad=16)
            axes.text(0.0, 1.02, text, transform=axes.transAxes, va="bottom", fontsize=7.5)
            told.append(f"{title}: {text}, largest gap {worst:.2f}")
        for axes in grid[len(asked) :]:
            axes.set_visible(False)
        figure.supxlabel("predicted", fontsize=9)
        figure.supylabel("observed share", fontsize=9)
        caption = (
            f"Reliability of {OURS} on the held-out samples in bins of equal count with Wilson 95 % "
            "intervals, those of questions with a horizon of as many samples as their censoring weights are "
            f"worth; the diagonal is perfect, bars show how many have which probability. {'; '.join(told)}."
        )
        return save(figure, folder, "calibration", caption)


def _draw_question(axes: Axes, question: Asked) -> float:
    """Draw the bins, and give the largest gap between predicted and observed."""
    answer, judged = question.scores[OURS], question.judged
    bins = int(np.clip(len(answer) // BIN_SIZE, 2, MOST_BINS))
    curve = reliability(answer, judged.label, judged.weight, bins=bins)
    worth = curve.n * judged.weight.sum() ** 2 / (len(answer) * (judged.weight**2).sum())
    lower, upper = wilson(curve.observed * worth, worth)
    most = min(1.0, 1.08 * max(float(upper.max()), float(np.quantile(answer, 0.99))))
    counts, edges = np.histogram(answer, bins=30, range=(0, most))
    axes.bar(
        edges[:-1], 0.14 * most * counts / max(counts.max(), 1), np.diff(edges), align="edge", color=BAND
    )
    axes.plot([0, most], [0, most], color=FAINT, lw=0.8)
    errors = np.stack([curve.observed - lower, upper - curve.observed]).clip(min=0.0)
    axes.errorbar(
        curve.predicted, curve.observed, errors, fmt="o", color=OURS_COLOUR, ms=4, lw=1.1, capsize=2
    )
    axes.set(xlim=(0, most), ylim=(0, most), aspect="equal")
    axes.locator_params(axis="both", nbins=5)
    return float(np.abs(curve.predicted - curve.observed).max())


def _line_text(question: Asked, figures: pd.DataFrame) -> str:
    """``slope 0.93 [0.80-1.05], level +0.04`` where the figures hold it."""
    days = figures["horizon_days"]
    mine = figures[
        (figures["model"] == OURS)
        & (figures["endpoint"] == question.names["endpoint"])
        & (days.isna() if np.isnan(_days(question)) else days == _days(question))
    ].set_index("metric")
    slope, large = mine.loc["calibration_slope"], mine.loc[LARGE]
    return (
        f"slope {slope['value']:.2f} [{slope['lower']:.2f}-{slope['upper']:.2f}], level {large['value']:+.2f}"
    )


def _days(question: Asked) -> float:
    return float(str(question.names["horizon_days"]))
