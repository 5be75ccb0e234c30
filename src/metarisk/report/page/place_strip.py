"""A place among others from lowest to highest: a strip with quarters, what is known, and a point."""

from __future__ import annotations

from metarisk.report.page.markup import Markup, element

WIDTH, HEIGHT, EDGE = 300, 14, 5


def place_strip(percentile: float, lower: float, upper: float, told: str) -> Markup:
    """A percentile, 0 .. 100.

    Parameters
    ----------
    percentile, lower, upper
        The point, and the ends of what it is known to lie in.
    told
        The same in words, for those who do not see it.
    """
    low, high = _x(lower), _x(upper)
    drawn = [
        element("rect", class_="track", x=EDGE, y=4, width=WIDTH - 2 * EDGE, height=6, rx=3),
        element("rect", class_="cell", x=f"{low:.1f}", y=4, width=f"{high - low:.1f}", height=6),
        *(element("path", class_="axis", d=f"M{_x(quarter):.1f} 1v12") for quarter in (25.0, 50.0, 75.0)),
        element("circle", class_="point", cx=f"{_x(percentile):.1f}", cy=HEIGHT / 2, r=4.5),
    ]
    box, size = f"0 0 {WIDTH} {HEIGHT}", {"width": WIDTH, "height": HEIGHT}
    return element("svg", *drawn, class_="strip", viewBox=box, role="img", aria_label=told, **size)


def _x(percent: float) -> float:
    return EDGE + (WIDTH - 2 * EDGE) * percent / 100.0
