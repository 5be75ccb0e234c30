"""What the graph is worth: AUROC over each topology by the share of patients, a panel a question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk.report.tables import question_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = {
    "metarisk": ("#1b4965", "o", "-"),
    "rewired": ("#d9822b", "s", "--"),
    "shuffled_signs": ("#5fa8d3", "^", "--"),
    "no_graph": ("#8a8a8a", "x", ":"),
}
FURTHER = (("#7a4f9a", "D", "-"), ("#3f8f5b", "v", "-"), ("#b0413e", "P", "-"))
LABELS = {"metarisk": "real topology", "shuffled_signs": "shuffled signs", "no_graph": "no graph"}
WIDE, HIGH, ACROSS = 3.0, 2.3, 4  # inches a panel, panels a row
TEXT = 8.0


def draw_graph_worth(figures: pd.DataFrame, path: Path) -> None:
    """Write learning curves as a PNG.

    Parameters
    ----------
    figures
        As `metarisk.train.graph_worth.graph_figures` gives them; the stratum ``pooled`` is drawn.
    path
        File to write.
    """
    from matplotlib.figure import Figure

    shown = figures[figures["stratum"] == "pooled"]
    questions = shown[["endpoint", "horizon_days"]].drop_duplicates().itertuples(index=False, name=None)
    panels = [(endpoint, days, _of(shown, endpoint, days)) for endpoint, days in questions]
    across = min(ACROSS, max(1, len(panels)))
    down = -(-len(panels) // across)
    figure = Figure(figsize=(WIDE * across + 0.4, HIGH * down + 0.9), layout="constrained", dpi=150)
    grid = figure.subplots(down, across, squeeze=False)
    for axes, (endpoint, days, table) in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, table)
        axes.set_title(question_text(endpoint, days, "all"), fontsize=TEXT + 1, loc="left")
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=len(labels), fontsize=TEXT, frameon=False
    )
    figure.supxlabel("share of the training patients", fontsize=TEXT)
    figure.supylabel("AUROC, mean over seeds, 95 % patient bootstrap", fontsize=TEXT)
    figure.savefig(path, format="png", metadata={"Software": None})


def _of(figures: pd.DataFrame, endpoint: str, days: float) -> pd.DataFrame:
    same = figures["horizon_days"].isna() if np.isnan(days) else figures["horizon_days"] == days
    return figures[(figures["endpoint"] == endpoint) & same]


def _draw_panel(axes: Axes, table: pd.DataFrame) -> None:
    """One line a topology, set apart a little so that intervals do not hide each other."""
    topologies = list(dict.fromkeys(table["topology"]))
    further = iter(FURTHER * len(topologies))
    shares = sorted(table["share"].unique())
    for place, topology in enumerate(topologies):
        colour, marker, line = STYLES[topology] if topology in STYLES else next(further)
        rows = table[table["topology"] == topology].sort_values("share")
        at = np.array([shares.index(share) for share in rows["share"]]) + 0.08 * (
            place - (len(topologies) - 1) / 2
        )
        value, lower, upper = (rows[name].to_numpy() for name in ("auroc", "lower", "upper"))
        axes.errorbar(
            at, value, [value - lower, upper - value], fmt=marker, ls=line, ms=4, lw=1.1, color=colour,
            capsize=0, label=LABELS.get(topology, topology.replace("_", " ")),
        )  # fmt: skip
    axes.set_xticks(range(len(shares)), [f"{share:.0%}" for share in shares])
    axes.set_xlim(-0.4, len(shares) - 0.6)
    axes.tick_params(labelsize=TEXT - 1)
    axes.axhline(0.5, color="#bbbbbb", lw=0.8, zorder=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
