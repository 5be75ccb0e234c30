"""Charts as inline figures: a frame with its ticks, and lines, bands, dots and bars inside it.

Colours are classes of the page's style, so that a chart follows the page into the dark and onto paper; dashes
and shapes tell what the colours tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metarisk.report.page.markup import Content, Markup, element, join

WIDTH, HEIGHT = 340, 236
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 8, 36
MOST_TICKS, ROW = 5, 13
DASHES = (None, "6 3", "2 2", "8 2 2 2", "4 4", "1 3", "10 3")

Floats = NDArray[np.float64]


class Frame(NamedTuple):
    """What the two axes span, and their names.

    Attributes
    ----------
    x, y
        Least and greatest value.
    x_name, y_name
        What they count, with the unit.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    x_name: str
    y_name: str

    def places(self, xs: ArrayLike, ys: ArrayLike) -> Floats:
        """Places of points in the figure, shape (n, 2); what lies outside is moved to the edge."""
        across = _share(xs, self.x) * (WIDTH - LEFT - RIGHT) + LEFT
        up = HEIGHT - BOTTOM - _share(ys, self.y) * (HEIGHT - TOP - BOTTOM)
        return np.stack(np.broadcast_arrays(across, up), axis=-1).reshape(-1, 2)


class Series(NamedTuple):
    """A name in a legend and the place of its colour and dashes."""

    name: str
    place: int


class Words(NamedTuple):
    """What is said of a chart.

    Attributes
    ----------
    title
        Its name.
    note
        A line under the title, for everybody.
    told
        The chart in words, for those who do not see it.
    """

    title: str
    note: str
    told: str


def chart(
    words: Words,
    frame: Frame,
    marks: Iterable[Markup],
    legend: Sequence[Series] = (),
    under: Sequence[tuple[Series, Sequence[str]]] = (),
) -> Markup:
    """A figure with its caption, axes, marks and legend.

    Parameters
    ----------
    under
        Rows of text below the axis, one text a tick of x, such as numbers at risk.
    """
    height = HEIGHT + ROW * (len(under) + (1 if under else 0))
    drawn = element(
        "svg",
        element("title", words.title),
        element("desc", words.told),
        _axes(frame),
        join(marks),
        _under(frame, under),
        class_="plot",
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_label=f"{words.title}. {words.told}",
    )
    keys = (element("li", _key(series.place), series.name) for series in legend)
    return element(
        "figure",
        element("figcaption", words.title),
        element("p", words.note),
        drawn,
        element("ul", *keys, class_="legend") if legend else "",
        class_="chart",
    )


def line(frame: Frame, xs: ArrayLike, ys: ArrayLike, place: int) -> Markup:
    """A line through points; those without a value are left out."""
    points = _points(frame.places(xs, ys))
    return element("polyline", class_=f"line-{place}", points=points, stroke_dasharray=DASHES[place])


def steps(frame: Frame, xs: ArrayLike, ys: ArrayLike, place: int) -> Markup:
    """A line that keeps each value up to the next point."""
    x, y = np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    return line(frame, np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1], place)


def band(frame: Frame, xs: ArrayLike, lower: ArrayLike, upper: ArrayLike, place: int) -> Markup:
    """The room between two lines; points without both bounds are left out."""
    x, low, high = (np.asarray(values, dtype=np.float64) for values in (xs, lower, upper))
    known = ~np.isnan(low) & ~np.isnan(high)
    around = np.concatenate([frame.places(x[known], low[known]), frame.places(x[known], high[known])[::-1]])
    return element("polygon", class_=f"band-{place}", points=_points(around))


def dots(frame: Frame, xs: ArrayLike, ys: ArrayLike, place: int) -> Markup:
    """A dot a point."""
    return join(
        element("circle", class_=f"dot-{place}", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3.2)
        for x, y in frame.places(xs, ys)
        if math.isfinite(x + y)
    )


def whiskers(frame: Frame, xs: ArrayLike, lower: ArrayLike, upper: ArrayLike, place: int) -> Markup:
    """Upright lines from one value to another."""
    ends = zip(frame.places(xs, lower), frame.places(xs, upper), strict=True)
    return join(
        element("polyline", class_=f"line-{place}", points=_points(np.stack(pair)))
        for pair in ends
        if np.isfinite(pair).all()
    )


def bars(frame: Frame, edges: ArrayLike, heights: ArrayLike) -> Markup:
    """Faint bars from the floor, one between two edges."""
    x = np.asarray(edges, dtype=np.float64)
    tops, floors = frame.places(x[:-1], heights), frame.places(x[1:], np.full(len(x) - 1, frame.y[0]))
    return join(
        element(
            "rect",
            class_="count",
            x=f"{left:.1f}",
            y=f"{top:.1f}",
            width=f"{max(right - left - 0.6, 0.4):.1f}",
            height=f"{floor - top:.1f}",
        )
        for (left, top), (right, floor) in zip(tops, floors, strict=True)
    )


def rule(frame: Frame, xs: tuple[float, float], ys: tuple[float, float]) -> Markup:
    """A faint dashed line that a reader compares with."""
    return element("polyline", class_="rule", points=_points(frame.places(xs, ys)), stroke_dasharray="4 3")


def ticks(ends: tuple[float, float]) -> list[float]:
    """Round numbers between two ends, at most `MOST_TICKS` + 1 of them."""
    span = ends[1] - ends[0]
    if not span > 0:
        return [ends[0]]
    power = 10 ** math.floor(math.log10(span / MOST_TICKS))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if span / (step * power) <= MOST_TICKS)
    first, last = math.ceil(ends[0] / step - 1e-9), math.floor(ends[1] / step + 1e-9)
    return [at * step for at in range(first, last + 1)]


def _axes(frame: Frame) -> Markup:
    floor, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    drawn = [element("line", x1=LEFT, x2=right, y1=floor, y2=floor)]
    across = frame.places(ticks(frame.x), frame.y[0])[:, 0]
    drawn += [
        _text(_number(x), at, floor + 12, "middle") for x, at in zip(ticks(frame.x), across, strict=True)
    ]
    for y in ticks(frame.y):
        at = frame.places(frame.x[0], y)[0][1]
        drawn.append(element("line", x1=LEFT, x2=right, y1=f"{at:.1f}", y2=f"{at:.1f}"))
        drawn.append(_text(_number(y), LEFT - 5, at + 3, "end"))
    drawn.append(_text(frame.x_name, (LEFT + right) / 2, HEIGHT - 8, "middle"))
    middle = (TOP + floor) / 2
    turned = f"rotate(-90 9 {middle:.0f})"
    drawn.append(
        element("text", frame.y_name, x=9, y=f"{middle:.0f}", text_anchor="middle", transform=turned)
    )
    return join(drawn)


def _under(frame: Frame, rows: Sequence[tuple[Series, Sequence[str]]]) -> Markup:
    if not rows:
        return Markup()
    drawn = [_text("at risk", LEFT - 5, HEIGHT + 4, "end")]
    across = [frame.places(x, frame.y[0])[0][0] for x in ticks(frame.x)]
    for at, (series, texts) in enumerate(rows):
        y = HEIGHT + 4 + ROW * (at + 1)
        drawn.append(element("circle", class_=f"dot-{series.place}", cx=LEFT - 16, cy=y - 3, r=3.2))
        drawn += [_text(text, x, y, "middle") for x, text in zip(across, texts, strict=False)]
    return join(drawn)


def _text(content: Content, x: float, y: float, anchor: str) -> Markup:
    return element("text", content, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _key(place: int) -> Markup:
    drawn = element("line", class_=f"line-{place}", x1=1, x2=25, y1=5, y2=5, stroke_dasharray=DASHES[place])
    return element("svg", drawn, class_="key", viewBox="0 0 26 10", aria_hidden="true")


def _points(places: Floats) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places if math.isfinite(x + y))


def _share(values: ArrayLike, ends: tuple[float, float]) -> Floats:
    span = ends[1] - ends[0]
    return np.clip((np.asarray(values, dtype=np.float64) - ends[0]) / (span if span else 1.0), 0.0, 1.0)


def _number(value: float) -> str:
    return f"{round(value, 10):,g}"
