"""Trajectories of patients: an answer a panel, a mark a moment, its interval as a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk.report.plots.ink import FAINT, OURS_COLOUR, Drawn, panels, save, sheet
from metarisk.report.tables import question_text
from metarisk.schema.findings import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
PANEL = (3.2, 2.3)  # inches
LINES = 60  # patients in the figure of a cohort


def draw_patient(rows: pd.DataFrame, folder: Path, name: str) -> Drawn:
    """Every answer of one patient over time.

    Parameters
    ----------
    rows
        Of one patient, as `metarisk.explain.trajectory.trajectory` returns them.
    folder
        Where ``<name>.png`` goes.
    name
        Of the file.
    """
    patient = visible(str(rows["patient_id"].iloc[0]))
    keys = _questions(rows)
    across = min(COLUMNS, len(keys))
    down = -(-len(keys) // across)
    with sheet(PANEL[0] * across, PANEL[1] * down + 0.7) as figure:
        grid = panels(figure, down, across, sharex=True)
        for axes, (endpoint, horizon) in zip(grid, keys, strict=False):
            _draw(axes, _of(rows, endpoint, horizon))
            axes.set_title(question_text(endpoint, horizon, "all"))
        for axes in grid[len(keys) :]:
            axes.set_axis_off()
        figure.suptitle(f"patient {patient}", x=0.01, ha="left", fontsize=10, parse_math=False)
        figure.supxlabel(
            "days since the first sample; hollow: not comparable with the one before", fontsize=8
        )
        figure.supylabel("probability, 95 % interval", fontsize=8)
        return save(figure, folder, name, _caption(rows, patient, keys))


def draw_cohort(table: pd.DataFrame, folder: Path) -> Drawn:
    """Every answer of all patients over time, a line each, at most `LINES` of them."""
    keys = _questions(table)
    patients = list(dict.fromkeys(table["patient_id"]))[:LINES]
    across = min(COLUMNS, len(keys))
    down = -(-len(keys) // across)
    with sheet(PANEL[0] * across, PANEL[1] * down + 0.4) as figure:
        grid = panels(figure, down, across, sharex=True)
        for axes, (endpoint, horizon) in zip(grid, keys, strict=False):
            own = _of(table, endpoint, horizon)
            for patient in patients:
                line = own[own["patient_id"] == patient]
                axes.plot(line["days_since_first"], line["probability"], c=OURS_COLOUR, lw=0.8, alpha=0.45)
            axes.set(ylim=(-0.02, 1.02), title=question_text(endpoint, horizon, "all"))
        for axes in grid[len(keys) :]:
            axes.set_axis_off()
        figure.supxlabel("days since the first sample", fontsize=8)
        figure.supylabel("probability", fontsize=8)
        total = table["patient_id"].nunique()
        caption = f"Probabilities of {len(patients)} of {total} patients over time, a line a patient."
        return save(figure, folder, "trajectories", caption)


def _questions(table: pd.DataFrame) -> Sequence[tuple[str, float]]:
    return list(table[["endpoint", "horizon_days"]].drop_duplicates().itertuples(index=False, name=None))


def _of(table: pd.DataFrame, endpoint: str, horizon: float) -> pd.DataFrame:
    days = table["horizon_days"]
    return table[(table["endpoint"] == endpoint) & (days.isna() if np.isnan(horizon) else days == horizon)]


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    day, value, lower, upper = (
        rows[name].to_numpy(np.float64) for name in ("days_since_first", "probability", "lower", "upper")
    )
    axes.plot(day, value, c=FAINT, lw=1.0, zorder=1)
    axes.vlines(day, lower, upper, colors=OURS_COLOUR, lw=1.2, alpha=0.6, zorder=2)
    broken = rows["comparable"].str.startswith("no").to_numpy()
    for chosen, face in ((~broken, OURS_COLOUR), (broken, "white")):
        axes.scatter(day[chosen], value[chosen], s=26, facecolors=face, edgecolors=OURS_COLOUR, zorder=3)
    axes.set_ylim(-0.02, 1.02)


def _caption(rows: pd.DataFrame, patient: str, keys: Sequence[tuple[str, float]]) -> str:
    told = []
    for endpoint, horizon in keys:
        known = _of(rows, endpoint, horizon)["probability"].dropna()
        if len(known):
            told.append(
                f"{question_text(endpoint, horizon, 'all')} {known.iloc[0]:.2f} to {known.iloc[-1]:.2f}"
            )
    return (
        f"Answers for patient {patient} at {rows['moment'].nunique()} moments, each of the horizon that "
        f"begins there, with 95 % intervals; a hollow mark cannot be compared with the one before it. First "
        f"to last: {'; '.join(told) or 'none'}."
    )
