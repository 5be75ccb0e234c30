"""Groups of patients beside each other: how well each is ranked, and whether its risk is told too low."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from metarisk.report.plots.ink import BAND, FAINT, INK, OURS_COLOUR, Drawn, panels, save, sheet
from metarisk.report.tables import question_text
from metarisk.train.figures import OURS
from metarisk.train.subgroups import EVERYBODY, GAP, GROUP, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE = 0.2  # inches a row
LONGEST = 34  # letters of a group's name


class Line(NamedTuple):
    """A line of the figure: a heading, a group with its figures, or a remark on small groups."""

    text: str
    row: dict[str, float] | None
    heading: bool = False


def draw_subgroups(subgroups: pd.DataFrame, folder: Path) -> list[Drawn]:
    """A figure a question: AUROC, and observed minus predicted share, in each group that is large enough.

    Parameters
    ----------
    subgroups
        As `metarisk.train.subgroups.subgroup_figures`; ours is drawn.
    folder
        Where ``subgroups_<endpoint>[_<days>d].png`` go.
    """
    mine = subgroups[subgroups["model"] == OURS]
    drawn = []
    for _, part in mine.groupby(["endpoint", "horizon_days"], sort=False, dropna=False):
        if (part["kind"] == GROUP).sum() > 1:
            drawn.append(_draw_question(part, folder))
    return drawn


def _draw_question(part: pd.DataFrame, folder: Path) -> Drawn:
    endpoint, horizon = str(part["endpoint"].iloc[0]), float(part["horizon_days"].iloc[0])
    lines = list(_lines(part))
    shown = question_text(endpoint, horizon, "all")
    with sheet(8.4, LINE * len(lines) + 1.1) as figure:
        left, right = panels(figure, 1, 2, sharey=True)
        _draw_figure(left, lines, "auroc")
        _draw_figure(right, lines, "excess")
        _name_lines(left, lines)
        whole = next(line.row for line in lines if line.row is not None)
        left.axvline(whole["auroc"], color=OURS_COLOUR, lw=0.8, ls=(0, (1, 2)), zorder=1)
        left.axvline(0.5, color=FAINT, lw=0.9, ls="--", zorder=1)
        right.axvline(0.0, color=FAINT, lw=0.9, ls="--", zorder=1)
        left.set(title="AUROC", xlabel="95 % interval; dotted: all, dashed: chance")
        right.set(title="observed - predicted share", xlabel="right of 0 the risk is told too low")
        figure.suptitle(f"{shown}, held-out samples by group (samples / events)", x=0.01, ha="left")
        days = "" if np.isnan(horizon) else f"_{horizon:g}d"
        return save(figure, folder, f"subgroups_{endpoint}{days}", _caption(part, shown))


def _lines(part: pd.DataFrame) -> Iterator[Line]:
    for column, rows in part[part["kind"] != GAP].groupby("column", sort=False):
        large, small = rows[rows["kind"] == GROUP], rows[rows["kind"] == SMALL]
        if column != EVERYBODY:
            yield Line(str(column).replace("_", " "), None, heading=True)
        for row in large.to_dict("records"):
            name = str(row["group"])
            short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}\u2026"
            figures = {str(key): float(value) for key, value in row.items() if isinstance(value, float)}
            yield Line(f"{short}  {row['n']:,} / {row['events']:,}", figures)
        if small["n"].sum():
            yield Line(
                f"{len(small)} too small to say, {small['n'].sum():,} / {small['events'].sum():,}", None
            )


def _draw_figure(axes: Axes, lines: list[Line], figure: str) -> None:
    rows = [(at, line.row) for at, line in enumerate(lines) if line.row is not None]
    y = np.array([at for at, _ in rows], dtype=np.float64)
    value, lower, upper = (
        np.array([row[f"{figure}{end}"] for _, row in rows]) for end in ("", "_lower", "_upper")
    )
    errors = np.stack([value - lower, upper - value]).clip(min=0.0)
    axes.errorbar(value, y, xerr=errors, fmt="o", color=OURS_COLOUR, ms=4.5, lw=1.2)
    for at, line in enumerate(lines):
        if line.heading:
            axes.axhspan(at - 0.5, at + 0.5, color=BAND, zorder=0, lw=0)
    axes.tick_params(axis="y", length=0)


def _name_lines(axes: Axes, lines: list[Line]) -> None:
    axes.set_yticks(range(len(lines)), [line.text for line in lines])
    for label, line in zip(axes.get_yticklabels(), lines, strict=True):
        label.set(
            color=INK if line.row or line.heading else FAINT, weight="bold" if line.heading else "normal"
        )
    axes.set_ylim(len(lines) - 0.5, -0.5)


def _caption(part: pd.DataFrame, shown: str) -> str:
    groups, small = part[part["kind"] == GROUP], part[part["kind"] == SMALL]
    whole, others = groups.iloc[0], groups.iloc[1:].sort_values("auroc", kind="stable")
    told = "; ".join(
        f"{name} {row['auroc']:.2f} [{row['auroc_lower']:.2f}-{row['auroc_upper']:.2f}]"
        for name, row in (
            ("all", whole),
            (f"lowest {others['group'].iloc[0]}", others.iloc[0]),
            (f"highest {others['group'].iloc[-1]}", others.iloc[-1]),
        )
    )
    return (
        f"{shown} on the held-out samples in {len(others)} groups, {OURS} alone, patient bootstrap 95 % "
        f"intervals. Left: AUROC, {told}. Right: share with the event minus mean probability. {len(small)} "
        "groups have too few events or non-events for figures; subgroups.tsv has their numbers."
    )
