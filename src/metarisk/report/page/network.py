"""A signed network as an inline figure: circles with their names, arrows that raise, flat bars that lower."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from metarisk.report.page.markup import Markup, element, join
from metarisk.report.page.network_layout import Curve, Place, Sheet, lay_out

SMALLEST, LARGEST = 3.5, 13.0  # radius of a circle
THIN, THICK = 1.0, 4.0
ARROW, BAR, DOT = 2.6, 3.6, 2.2  # of a head, beside the width of its line


class Node(NamedTuple):
    """A node.

    Attributes
    ----------
    name
        Beside its circle.
    size
        0 .. 1 of the largest: area of its circle.
    look
        ``raises``, ``lowers``, ``unsure raises``, ``unsure lowers`` or ``untold``.
    told
        What is said of it under the mouse.
    """

    name: str
    size: float
    look: str
    told: str


class Link(NamedTuple):
    """A line from one node to another.

    Attributes
    ----------
    source, target
        Places among the nodes.
    sign
        1 raises the target, -1 lowers it, 0 not known.
    size
        0 .. 1 of the largest: its width.
    caption
        What it belongs to.
    told
        What is said of it under the mouse.
    """

    source: int
    target: int
    sign: int
    size: float
    caption: str
    told: str


def network(nodes: Sequence[Node], links: Sequence[Link], title: str, told: str) -> Markup:
    """The figure; equal networks give equal figures.

    Parameters
    ----------
    nodes
        One at least.
    links
        None from a node to itself.
    title, told
        Its name, and the whole in words for those who do not see it.
    """
    radii = [SMALLEST + (LARGEST - SMALLEST) * node.size**0.5 for node in nodes]
    ends = [(link.source, link.target) for link in links]
    captions = {at: link.caption for at, link in enumerate(links)}
    sheet = lay_out([node.name for node in nodes], radii, ends, captions)
    return element(
        "svg",
        element("title", title),
        element("desc", told),
        join(_captions(sheet)),
        join(_edge(link, curve) for link, curve in zip(links, sheet.curves, strict=True)),
        join(_node(node, place) for node, place in zip(nodes, sheet.places, strict=True)),
        class_="plot network",
        viewBox=f"0 0 {sheet.width:.0f} {sheet.height:.0f}",
        width=f"{sheet.width:.0f}",
        role="img",
        aria_label=f"{title}. {told}",
    )


def _captions(sheet: Sheet) -> Iterator[Markup]:
    for caption in sheet.captions:
        yield element("text", caption.text, class_="caption", x=f"{caption.x:.1f}", y=f"{caption.y:.1f}")


def _edge(link: Link, curve: Curve) -> Markup:
    width = THIN + (THICK - THIN) * link.size
    drawn = element("path", class_="edge", d=curve.path, stroke_width=f"{width:.1f}")
    # A wide line that nobody sees, so that the mouse need not hit a thin one.
    near = element("path", class_="near", d=curve.path)
    return element("g", element("title", link.told), near, drawn, _head(curve, link.sign, width))


def _head(curve: Curve, sign: int, width: float) -> Markup:
    (x, y), (dx, dy) = curve.tip, curve.toward
    if sign == 0:
        return element("circle", class_="head", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{DOT + width / 2:.1f}")
    side = (ARROW if sign > 0 else BAR) + 0.6 * width
    if sign < 0:
        ends = f"M{x - side * dy:.1f} {y + side * dx:.1f}L{x + side * dy:.1f} {y - side * dx:.1f}"
        return element("path", class_="bar", d=ends, stroke_width=f"{1.6 + 0.3 * width:.1f}")
    back, tip = 1.9 * side, 1.5  # the tip stands a little over the line's end, which its width would cover
    corners = [
        (x + tip * dx, y + tip * dy),
        (x - back * dx - side * dy, y - back * dy + side * dx),
        (x - back * dx + side * dy, y - back * dy - side * dx),
    ]
    return element("polygon", class_="head", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners))


def _node(node: Node, place: Place) -> Markup:
    x, y = f"{place.x:.1f}", f"{place.y:.1f}"
    circle = element("circle", class_=node.look, cx=x, cy=y, r=f"{place.radius:.1f}")
    name = element("text", node.name, x=f"{place.name_x:.1f}", y=f"{place.y + 4:.1f}")
    return element("g", element("title", node.told), circle, name, class_="node")


def network_legend(said: Sequence[tuple[str, str]]) -> Markup:
    """A legend of pairs (look, words): looks of nodes, and ``arrow`` and ``flat`` of lines."""
    return element("ul", *(element("li", _key(look), words) for look, words in said), class_="legend")


def _key(look: str) -> Markup:
    if look in {"arrow", "flat"}:
        line = element("path", class_="edge", d="M1 6H19", stroke_width="1.6")
        drawn = join((line, _head(Curve("", (20.0, 6.0), (1.0, 0.0)), 1 if look == "arrow" else -1, 1.6)))
    else:
        drawn = element("circle", class_=look, cx=12, cy=6, r=5)
    return element("svg", drawn, class_="key network", viewBox="0 0 25 12", aria_hidden="true")
