"""How a figure looks, and how it is written: small PNG files that carry their own caption."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart by colour-blind readers; dashes and markers carry it to a grey print.
OURS_COLOUR = "#0072B2"
OTHERS = ("#D55E00", "#009E73", "#CC79A7", "#8C6D00", "#56606B")
DASHES: tuple[Any, ...] = ((0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 2)), (0, (1, 2)))
MARKERS = ("s", "D", "^", "v", "P")
INK, FAINT, BAND = "#1F2933", "#9AA3AB", "#E4E8EC"
DPI = 130
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}


class Drawn(NamedTuple):
    """A figure on disk.

    Attributes
    ----------
    file
        The PNG.
    caption
        What it shows, in words that also serve who cannot see it.
    """

    file: Path
    caption: str


class Look(NamedTuple):
    """How one model is drawn."""

    colour: str
    dashes: Any
    marker: str


def look(place: int) -> Look:
    """Look of a model by its place; the first is ours."""
    if place == 0:
        return Look(OURS_COLOUR, "-", "o")
    at = (place - 1) % len(OTHERS)
    return Look(OTHERS[at], DASHES[at], MARKERS[at])


@contextmanager
def sheet(width: float, height: float) -> Iterator[Figure]:
    """An empty figure in our style, sizes in inches; no window system is needed."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def panels(figure: Figure, rows: int, columns: int, **options: Any) -> list[Axes]:
    """Axes of a grid, row by row."""
    return list(figure.subplots(rows, columns, squeeze=False, **options).flat)


def save(figure: Figure, folder: Path, name: str, caption: str) -> Drawn:
    """Write a figure as ``<name>.png``, its caption inside."""
    file = folder / f"{name}.png"
    figure.savefig(file, dpi=DPI, metadata={"Title": name, "Description": caption})
    return Drawn(file, caption)
