"""A screen as volcanoes, a panel an answer: how far each perturbation moves it, and how it stands out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.report.plots.ink import DPI, FAINT, INK, OTHERS, OURS_COLOUR, Drawn, panels, sheet
from metarisk.report.tables import question_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

LABELLED, COLUMNS, FEWEST = 8, 3, 10  # names in a panel, panels in a row, marks
SURE = 1e-30  # q values below look alike
LEVEL = 0.05
RAISES, LOWERS = OTHERS[0], OURS_COLOUR
PANEL = (3.6, 3.1)  # inches
NAME = "volcano"
# Where a name may stand, in points from its mark: beside it, then further and further off.
PLACES = tuple(
    (reach * across, reach * up)
    for reach in (1.0, 1.8, 3.0, 4.5, 6.5, 9.0)
    for across, up in ((7, 3), (-7, 3), (7, -6), (-7, -6), (0, 8), (0, -10), (14, 8), (-14, 8))
)


class _Label(NamedTuple):
    x: float
    y: float
    text: str


def draw_volcano(screen: pd.DataFrame, folder: Path, kind: str) -> Drawn | None:
    """Volcano of one kind of perturbation as PNG and SVG; None where under `FEWEST` have a q value.

    Parameters
    ----------
    screen
        As `metarisk.explain.screen_table.screen_table` returns it.
    folder
        Where ``volcano_<kind>.png`` and ``.svg`` go.
    kind
        ``gene``, ``circuit`` or ``therapy``.
    """
    rows = screen[(screen["kind"] == kind) & screen["q"].notna()]
    if rows["perturbation"].nunique() < FEWEST:
        return None
    keys = list(rows[["endpoint", "horizon_days"]].drop_duplicates().itertuples(index=False, name=None))
    across = min(COLUMNS, len(keys))
    down = -(-len(keys) // across)
    name = f"{NAME}_{kind}"
    with sheet(PANEL[0] * across, PANEL[1] * down + 0.5) as figure:
        grid = panels(figure, down, across)
        labels = []
        for axes, (endpoint, horizon) in zip(grid, keys, strict=False):
            own = rows[(rows["endpoint"] == endpoint) & _at(rows["horizon_days"], horizon)]
            labels.append((axes, _draw(axes, own, question_text(endpoint, horizon, "all"))))
        for axes in grid[len(keys) :]:
            axes.set_axis_off()
        figure.supxlabel("mean change of the log odds (left: lowered, right: raised)", fontsize=9)
        figure.supylabel("$-\\log_{10}\\,q$ against matched genes", fontsize=9)
        for axes, wanted in labels:
            place_labels(figure, axes, wanted)
        return _save(figure, folder, name, _caption(rows, kind))


def _at(column: pd.Series[float], horizon: float) -> pd.Series[bool]:
    return column.isna() if np.isnan(horizon) else column == horizon


def _draw(axes: Axes, rows: pd.DataFrame, title: str) -> list[_Label]:
    """Marks of one answer; names of those that stand out most."""
    x = rows["log_odds_change"].to_numpy(np.float64)
    y = -np.log10(rows["q"].to_numpy(np.float64).clip(min=SURE))
    out = rows["q"].to_numpy(np.float64) < LEVEL
    for chosen, colour, size in (
        (~out, FAINT, 7),
        (out & (x > 0), RAISES, 16),
        (out & (x <= 0), LOWERS, 16),
    ):
        marker = "^" if colour == RAISES else "v" if colour == LOWERS else "o"
        axes.scatter(x[chosen], y[chosen], s=size, c=colour, marker=marker, lw=0, alpha=0.85, zorder=2)
    axes.axhline(-np.log10(LEVEL), color=FAINT, lw=0.8, ls="--", zorder=1)
    axes.axvline(0.0, color=FAINT, lw=0.8, zorder=1)
    axes.text(
        1.0,
        -np.log10(LEVEL),
        f"q = {LEVEL:g}",
        transform=axes.get_yaxis_transform(),
        ha="right",
        va="bottom",
        fontsize=7,
        color=FAINT,
    )
    axes.set_title(title)
    axes.margins(x=0.3)
    axes.set_ylim(-0.05 * max(y.max(), 2.0), 1.18 * max(y.max(), 1.6))
    order = np.lexsort((-np.abs(x), -y))[:LABELLED]
    names = rows["perturbation"].to_numpy(dtype=str)
    return [_Label(float(x[at]), float(y[at]), str(names[at])) for at in order]


def place_labels(figure: Figure, axes: Axes, labels: list[_Label]) -> list[str]:
    """Write names beside their marks so that none lies on another; one that finds no room is left out.

    Returns
    -------
    list
        The names that are written.
    """
    figure.canvas.draw()
    # What the layout has found so far stays: names are put where the marks now are.
    inside = axes.get_window_extent()
    taken: list[Bbox] = [text.get_window_extent() for text in axes.texts]
    marks = axes.transData.transform(
        np.concatenate([np.asarray(drawn.get_offsets()) for drawn in axes.collections])
    )
    written = []
    for label in labels:
        for offset in PLACES:
            text = _write(axes, label, offset)
            box = text.get_window_extent().padded(1.5)
            if _is_free(box, inside, taken, marks):
                taken.append(box)
                written.append(label.text)
                break
            text.remove()
    return written


def _write(axes: Axes, label: _Label, offset: tuple[float, float]) -> Annotation:
    across = offset[0]
    side = "left" if across > 0 else "right" if across < 0 else "center"
    text = axes.annotate(
        label.text,
        (label.x, label.y),
        offset,
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=6.5,
        color=INK,
        zorder=3,
        bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
        arrowprops={"arrowstyle": "-", "lw": 0.5, "color": FAINT, "shrinkA": 0, "shrinkB": 2},
    )
    text.set_in_layout(False)
    return text


def _is_free(box: Bbox, inside: Bbox, taken: list[Bbox], marks: NDArray[np.float64]) -> bool:
    within = inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
    return within and not any(map(box.overlaps, taken)) and not box.count_contains(marks)


def _save(figure: Figure, folder: Path, name: str, caption: str) -> Drawn:
    import matplotlib

    file = folder / f"{name}.png"
    figure.savefig(file, dpi=DPI, metadata={"Title": name, "Description": caption})
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(file.with_suffix(".svg"), metadata={"Date": None, "Description": caption})
    return Drawn(file, caption)


def _caption(rows: pd.DataFrame, kind: str) -> str:
    return (
        f"Each mark is one {kind} perturbed in the model; to the right the answer is raised, to the left "
        f"lowered, in mean log odds over the patients; the higher, the less it is like matched genes. Above "
        f"the dashed line q is under {LEVEL:g}. {'; '.join(_told(rows))}. A model's answers, no experiment."
    )


def _told(rows: pd.DataFrame) -> Iterator[str]:
    """The strongest of each answer, in words."""
    keys = rows[["endpoint", "horizon_days"]].drop_duplicates().itertuples(index=False, name=None)
    for endpoint, horizon in keys:
        own = rows[(rows["endpoint"] == endpoint) & _at(rows["horizon_days"], horizon)]
        top = own.sort_values(["q", "rank"]).head(3)
        names = ", ".join(
            f"{name} {shift:+.2f}"
            for name, shift in zip(top["perturbation"], top["log_odds_change"], strict=True)
        )
        yield f"{question_text(endpoint, horizon, 'all')}: {names}"
