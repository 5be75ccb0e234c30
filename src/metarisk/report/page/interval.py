"""A value with its interval as a small figure inside a table's row."""

from __future__ import annotations

import math

from metarisk.report.page.markup import Markup, element, join

WIDTH, HEIGHT = 120, 14


def interval_bar(
    figure: tuple[float, float, float], ends: tuple[float, float], middle: float, told: str
) -> Markup:
    """A dot and a line from lower to upper, beside a mark that a reader compares with.

    Parameters
    ----------
    figure
        Value, lower, upper; what lies outside the ends stops there.
    ends
        Values at the left and the right edge.
    middle
        Value of the mark, such as chance.
    told
        The same in words.
    """
    if not math.isfinite(figure[0]):
        return Markup()
    value, lower, upper, mark = (_place(each, ends) for each in (*figure, middle))
    parts = [element("line", class_="rule", x1=mark, x2=mark, y1=0, y2=HEIGHT, stroke_dasharray="2 2")]
    if math.isfinite(figure[1]) and math.isfinite(figure[2]):
        parts.append(element("line", class_="line-0", x1=lower, x2=upper, y1=HEIGHT / 2, y2=HEIGHT / 2))
    parts.append(element("circle", class_="dot-0", cx=value, cy=HEIGHT / 2, r=3.5))
    return element(
        "svg",
        join(parts),
        class_="interval",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label=told,
    )


def _place(value: float, ends: tuple[float, float]) -> str:
    share = (value - ends[0]) / (ends[1] - ends[0]) if math.isfinite(value) else 0.0
    return f"{4 + (WIDTH - 8) * min(max(share, 0.0), 1.0):.1f}"
