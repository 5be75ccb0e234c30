"""Two sets of counts in the same cells, side by side, as an inline figure."""

from __future__ import annotations

from collections.abc import Sequence

from metarisk.report.page.markup import Markup, element, join

WIDTH, HEIGHT, FLOOR, ROOM = 320, 132, 112, 10
# Bar and its neighbour take this share of a cell, the rest is air.
FILLED = 0.8


def paired_histogram(
    before: Sequence[int], now: Sequence[int], edges: Sequence[str], told: str, names: tuple[str, str]
) -> Markup:
    """Shares of both in each cell, and a legend.

    Parameters
    ----------
    before, now
        Counts, equally many.
    edges
        What stands under the border between two cells: one fewer than there are cells.
    told
        The same in words, for those who do not see it.
    names
        Of the two, for the legend.
    """
    shares = [_shares(counts) for counts in (before, now)]
    highest = max(*shares[0], *shares[1], 1e-9)
    cell = WIDTH / len(before)
    drawn = [element("line", x1=0, x2=WIDTH, y1=FLOOR + 0.5, y2=FLOOR + 0.5)]
    for at in range(len(before)):
        for side, (share, colour) in enumerate(zip(shares, ("part-6", "part-0"), strict=True)):
            height = (FLOOR - ROOM) * share[at] / highest
            left = cell * (at + (1 - FILLED) / 2 + side * FILLED / 2)
            place = {"x": f"{left:.1f}", "y": f"{FLOOR - height:.1f}"}
            size = {"width": f"{cell * FILLED / 2:.1f}", "height": f"{height:.1f}"}
            drawn.append(element("rect", class_=colour, **place, **size))
    drawn += [
        element("text", edge, x=f"{cell * (at + 1):.1f}", y=FLOOR + 14, text_anchor="middle")
        for at, edge in enumerate(edges)
    ]
    drawn.append(element("text", f"{highest:.0%}", x=0, y=ROOM - 2))
    figure = element("svg", *drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=told)
    legend = (
        element("li", element("i", class_=colour, aria_hidden="true"), name)
        for colour, name in zip(("part-6", "part-0"), names, strict=True)
    )
    return join((figure, element("ul", *legend, class_="legend")))


def _shares(counts: Sequence[int]) -> list[float]:
    whole = sum(counts)
    return [count / whole if whole else 0.0 for count in counts]
