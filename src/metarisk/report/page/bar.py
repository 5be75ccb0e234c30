"""Shares as small inline figures: one share of a whole, or the parts of one."""

from __future__ import annotations

from collections.abc import Mapping

from metarisk.report.page.markup import Markup, element, join

WIDTH, HEIGHT = 120, 10
GAP = 1.0  # between parts, in the figure's own units
COLOURS = 6  # parts beyond these share the last, grey one


def share_bar(share: float, told: str) -> Markup:
    """A bar that is filled up to a share.

    Parameters
    ----------
    share
        0 .. 1.
    told
        The same in words, for those who do not see it.
    """
    filled = element("rect", class_="fill", width=f"{WIDTH * share:.1f}", height=HEIGHT, rx=2)
    return _figure(Markup(_track() + filled), told)


def stacked_bar(parts: Mapping[str, float], whole: float) -> Markup:
    """A bar whose parts stand side by side, and a legend that names each with its number.

    Parameters
    ----------
    parts
        Name -> number; the commonest come first, and those that get no colour of their own become one part.
    whole
        What the full width stands for.
    """
    ranked = sorted(parts.items(), key=lambda part: -part[1])
    shown, rest = ranked[:COLOURS], ranked[COLOURS:]
    if rest:
        shown.append((f"{len(rest)} more", sum(number for _, number in rest)))
    drawn, start = [_track()], 0.0
    for place, (_, number) in enumerate(shown):
        width = WIDTH * number / whole if whole else 0.0
        drawn.append(_part(place, start, width))
        start += width
    told = ", ".join(f"{name} {number:,.0f}" for name, number in shown)
    legend = (_legend(place, name, number) for place, (name, number) in enumerate(shown))
    return join((_figure(join(drawn), told), element("ul", *legend, class_="legend")))


def _part(place: int, start: float, width: float) -> Markup:
    return element(
        "rect", class_=f"part-{place}", x=f"{start:.1f}", width=f"{max(width - GAP, 0.5):.1f}", height=HEIGHT
    )


def _legend(place: int, name: str, number: float) -> Markup:
    return element("li", element("i", class_=f"part-{place}", aria_hidden="true"), f"{name} {number:,.0f}")


def _track() -> Markup:
    return element("rect", class_="track", width=WIDTH, height=HEIGHT, rx=2)


def _figure(drawn: Markup, told: str) -> Markup:
    return element(
        "svg",
        drawn,
        class_="bar",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label=told,
    )
