"""Probabilities over time with their intervals: lines that differ in dash and shade, not only in colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from metarisk.report.page.markup import Markup, element, join

WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, FLOOR = 54, 12, 12, 186
STEPS = (0.1, 0.2, 0.5, 1.0)  # tops of the axis


class Line(NamedTuple):
    """One probability over time.

    Attributes
    ----------
    name
        For the legend.
    at, value, lower, upper
        Times, and the probability by then with its interval, 0 .. 1.
    """

    name: str
    at: Sequence[float]
    value: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]


def line_chart(lines: Sequence[Line], ticks: Sequence[tuple[float, str]], told: str) -> Markup:
    """Lines over one axis of time, and a legend.

    Parameters
    ----------
    lines
        At most six, each of its own look.
    ticks
        Times that are named under the axis; the last is its end.
    told
        The same in words, for those who do not see it.
    """
    top = next((step for step in STEPS if step >= max(max(line.upper) for line in lines)), 1.0)
    end = ticks[-1][0]
    drawn = [*_axes(ticks, top, end), *(_band(line, place, top, end) for place, line in enumerate(lines))]
    drawn += [_stroke(line, place, top, end) for place, line in enumerate(lines)]
    box = f"0 0 {WIDTH} {HEIGHT}"
    figure = element("svg", *drawn, class_="lines", viewBox=box, role="img", aria_label=told)
    legend = (_legend(line.name, place) for place, line in enumerate(lines))
    return join((figure, element("ul", *legend, class_="legend")))


def _axes(ticks: Sequence[tuple[float, str]], top: float, end: float) -> Iterator[Markup]:
    for quarter in range(5):
        share = top * quarter / 4
        y = _y(share, top)
        yield element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y)
        yield element("text", f"{100 * share:g} %", x=LEFT - 6, y=float(y) + 4, text_anchor="end")
    for at, name in ticks:
        x = _x(at, end)
        yield element("line", class_="axis", x1=x, x2=x, y1=FLOOR, y2=FLOOR + 5)
        anchor = "end" if at == end else "start" if at == 0 else "middle"
        yield element("text", name, x=x, y=FLOOR + 19, text_anchor=anchor)
    yield element("line", class_="axis", x1=LEFT, x2=WIDTH - RIGHT, y1=FLOOR, y2=FLOOR)
    yield element(
        "text", "time since baseline", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle"
    )


def _band(line: Line, place: int, top: float, end: float) -> Markup:
    up = [f"{_x(at, end)} {_y(high, top)}" for at, high in zip(line.at, line.upper, strict=True)]
    down = [f"{_x(at, end)} {_y(low, top)}" for at, low in zip(line.at, line.lower, strict=True)]
    return element("path", class_=f"band band-{place}", d=f"M{'L'.join([*up, *reversed(down)])}Z")


def _stroke(line: Line, place: int, top: float, end: float) -> Markup:
    points = [f"{_x(at, end)} {_y(value, top)}" for at, value in zip(line.at, line.value, strict=True)]
    return element("path", class_=f"stroke stroke-{place}", d=f"M{'L'.join(points)}")


def _legend(name: str, place: int) -> Markup:
    line = element("path", class_=f"stroke stroke-{place}", d="M1 5h26")
    key = element("svg", line, class_="key", viewBox="0 0 28 10", width=28, height=10, aria_hidden="true")
    return element("li", key, f" {name}")


def _x(at: float, end: float) -> str:
    return f"{LEFT + (WIDTH - LEFT - RIGHT) * at / end:.1f}"


def _y(share: float, top: float) -> str:
    return f"{FLOOR - (FLOOR - TOP) * min(share / top, 1.0):.1f}"
