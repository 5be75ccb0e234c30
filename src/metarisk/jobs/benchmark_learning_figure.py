"""The benchmark of learning as a figure: permuted topologies, and the learning curve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metarisk.jobs.benchmark_learning_statistics import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = {
    "auroc": "held-out\nAUROC",
    "gene_auroc": "planted genes,\nattribution AUROC",
    "pathway_auroc": "planted circuit,\nattribution AUROC",
}
COLOURS = {
    "metarisk": "#1b4965",
    "shuffled_signs": "#5fa8d3",
    "rewired": "#d9822b",
    "shuffled_members": "#b0413e",
    "no_graph": "#8a8a8a",
    "truth": "#444444",
}


def learning_figure(rows: Sequence[Row], path: Path) -> None:
    """Draw the rows that sum up the cohorts; bars and bands are 95 % intervals of the mean."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.6), layout="constrained", dpi=150)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    every = [row for row in rows if row.seed == "all" and row.question == "mean"]
    _draw_topology(left, [row for row in every if row.part == "topology"])
    _draw_curve(right, [row for row in every if row.part == "learning curve"])
    figure.savefig(path, metadata={"Software": None})


def _draw_topology(axes: Axes, rows: Sequence[Row]) -> None:
    models = [name for name in COLOURS if any(row.model == name for row in rows)]
    for offset, model in enumerate(models):
        shown = {row.metric: row for row in rows if row.model == model}
        for place, metric in enumerate(SHOWN):
            row = shown.get(metric)
            if row is None or np.isnan(row.value):
                continue
            low, high = np.nan_to_num([[row.value - row.lower], [row.upper - row.value]])
            at = place + (offset - (len(models) - 1) / 2) * 0.12
            label = model if place == 0 else None
            axes.errorbar(at, row.value, [low, high], fmt="o", ms=5, color=COLOURS[model], label=label)
    axes.axhline(0.5, color="#bbbbbb", lw=0.8, zorder=0)
    axes.set_xticks(range(len(SHOWN)), list(SHOWN.values()))
    axes.set_ylim(0.2, 1.02)
    axes.set_title("the planted topology and permuted ones", fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="lower left", ncols=2)


def _draw_curve(axes: Axes, rows: Sequence[Row]) -> None:
    for model, colour in COLOURS.items():
        shown = sorted((row for row in rows if row.model == model), key=lambda row: row.patients)
        if not shown:
            continue
        patients, values = [row.patients for row in shown], [row.value for row in shown]
        axes.plot(patients, values, "o-", color=colour, label=model, ms=4)
        low, high = [row.lower for row in shown], [row.upper for row in shown]
        axes.fill_between(patients, low, high, color=colour, alpha=0.15, lw=0)
    axes.axhline(0.5, color="#bbbbbb", lw=0.8, zorder=0)
    axes.set_xscale("log")
    ticks = sorted({row.patients for row in rows})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("training patients")
    axes.set_ylabel("held-out AUROC")
    axes.set_title("learning curve", fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
