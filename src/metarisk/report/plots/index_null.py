"""An index of states over the real edges beside its draws over permuted ones, a panel a question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.report.plots.ink import FAINT, INK, OURS_COLOUR, STYLE
from metarisk.report.tables import question_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE, HIGH, BINS = 3.6, 2.2, 60
CONTROLS = {"rewired": ("#D55E00", "edges rewired"), "shuffled_signs": ("#009E73", "signs shuffled")}
PANEL = ["endpoint", "horizon_days", "stratum"]


def draw_index_null(
    null: pd.DataFrame, draws: Sequence[NDArray[Any]], figures: pd.DataFrame, path: Path
) -> None:
    """Write histograms of the draws as a PNG, a panel a question and average.

    Parameters
    ----------
    null
        As `metarisk.train.index_worth.null_figures` gives it.
    draws
        AUROC of each draw of each of its rows.
    figures
        What reads no edge, `metarisk.train.fold_figures.FOLD_COLUMNS`: a dashed line each.
    path
        File to write.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels = list(null.reset_index(drop=True).groupby(PANEL, sort=False, dropna=False))
    down, across = -(-len(panels) // 2), min(2, len(panels))
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDE * across + 0.2, HIGH * down + 0.7), layout="constrained", dpi=150)
        grid = figure.subplots(down, across, squeeze=False, sharex=True)
        for axes, (_, rows) in zip(grid.flat, panels, strict=False):
            endpoint, days, stratum = rows[PANEL].iloc[0]
            bins = np.histogram_bin_edges(np.concatenate([draws[at] for at in rows.index]), BINS)
            for at, control in zip(rows.index.tolist(), rows["control"], strict=True):
                colour, label = CONTROLS[control]
                axes.hist(draws[at], bins, color=colour, alpha=0.55, label=label, histtype="stepfilled")
            axes.axvline(rows["auroc"].iloc[0], color=OURS_COLOUR, lw=2, label="curated edges")
            of = figures[(figures["endpoint"] == endpoint) & (figures["stratum"] == stratum)]
            _mark_scores(axes, of[(of["horizon_days"] == days) | of["horizon_days"].isna()])
            axes.set_title(f"{question_text(endpoint, days, 'all')}, {stratum}")
            axes.set_yticks([])
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        figure.supxlabel("AUROC inside parts; dashed: what reads no edge", fontsize=9)
        figure.savefig(path, format="png", metadata={"Software": None})


def _mark_scores(axes: Axes, figures: pd.DataFrame) -> None:
    """A dashed line and a name for each score that reads no edge."""
    shown = figures[(figures["metric"] == "auroc") & (figures["model"] != "metarisk")].drop_duplicates(
        "model"
    )
    top = axes.get_ylim()[1]
    for place, (name, value) in enumerate(zip(shown["model"], shown["value"], strict=True)):
        axes.axvline(value, color=FAINT, lw=1, ls="--", zorder=0)
        at = top * (0.97 - 0.14 * place)
        box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5}
        axes.text(value, at, f" {name}", fontsize=7, color=INK, va="top", bbox=box)
