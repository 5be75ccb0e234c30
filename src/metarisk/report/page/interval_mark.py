"""A probability on a line from 0 to 100 %: a point, its interval, and a mark to compare it with."""

from __future__ import annotations

from metarisk.report.page.markup import Markup, element

WIDTH, HEIGHT, MIDDLE, EDGE = 200, 22, 11, 6


def interval_mark(value: float, lower: float, upper: float, beside: float | None, told: str) -> Markup:
    """A probability with its interval, 0 .. 1 each.

    Parameters
    ----------
    value, lower, upper
        The point and the ends of the line.
    beside
        Where the mark to compare with stands; None for none.
    told
        The same in words, for those who do not see it.
    """
    drawn = [
        element("line", class_="axis", x1=EDGE, x2=WIDTH - EDGE, y1=MIDDLE, y2=MIDDLE),
        *(_tick(quarter / 4) for quarter in range(5)),
        element("line", class_="range", x1=_x(lower), x2=_x(upper), y1=MIDDLE, y2=MIDDLE),
    ]
    if beside is not None:
        drawn.append(element("path", class_="base", d=f"M{_x(beside)} 2v18"))
    drawn.append(element("circle", class_="point", cx=_x(value), cy=MIDDLE, r=4.5))
    return _figure(drawn, told)


def withheld_mark(told: str) -> Markup:
    """A hatched line in place of an answer that is withheld."""
    lines = " ".join(f"M{x} 17l10-12" for x in range(EDGE, WIDTH - EDGE - 9, 8))
    return _figure([element("path", class_="hatch", d=lines)], told)


def _figure(drawn: list[Markup], told: str) -> Markup:
    box = f"0 0 {WIDTH} {HEIGHT}"
    size = {"width": WIDTH, "height": HEIGHT}
    return element("svg", *drawn, class_="mark", viewBox=box, role="img", aria_label=told, **size)


def _x(share: float) -> str:
    return f"{EDGE + (WIDTH - 2 * EDGE) * share:.1f}"


def _tick(share: float) -> Markup:
    return element("line", class_="axis", x1=_x(share), x2=_x(share), y1=MIDDLE - 3, y2=MIDDLE + 3)
