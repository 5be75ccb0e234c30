"""Where the nodes, names and lines of a drawn network stand: islands in layers, packed onto one sheet.

Nothing is drawn by chance: equal networks have equal places. A node has room for its name to its right, so
that no two names meet; a connected part is an island under a caption of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from textwrap import shorten
from typing import NamedTuple

from metarisk.pathways.layout import Link, Route, connected_parts, layered

Point = tuple[float, float]

WIDTH = 640.0  # of the sheet, where no island is wider
UNIT = 45.0  # the layout's own unit of width, in which a passing line needs `BEND_ROOM`
DOWN, CAPTION, GAP, EDGE = 62.0, 30.0, 16.0, 6.0  # between rows, above an island, between nodes, around all
LETTER, CAPTION_LETTER, LONGEST_CAPTION = 8.2, 7.0, 30
NAME_GAP, HEAD_GAP = 5.0, 3.0  # from a circle to its name, and to an arrow's tip
APART_DEGREES = 34.0  # between lines that meet a circle
LEFTMOST, RIGHTMOST = -80.0, 50.0  # degrees from straight above or below; to the right stands the name


class Place(NamedTuple):
    """Centre of a node's circle, its radius, and the left edge of its name on the same height."""

    x: float
    y: float
    radius: float

    @property
    def name_x(self) -> float:
        """Where the name begins."""
        return self.x + self.radius + NAME_GAP


class Caption(NamedTuple):
    """Text above an island, and where it begins."""

    text: str
    x: float
    y: float


class Curve(NamedTuple):
    """A line from one circle to another.

    Attributes
    ----------
    path
        Of an SVG path.
    tip, toward
        Where it ends, and the direction in which it arrives there, of length 1.
    """

    path: str
    tip: Point
    toward: Point


class Sheet(NamedTuple):
    """A network that is laid out: its size, a place a node, a curve a link, a caption an island."""

    width: float
    height: float
    places: Sequence[Place]
    curves: Sequence[Curve]
    captions: Sequence[Caption]


class _Island(NamedTuple):
    nodes: list[int]
    links: list[int]
    places: list[Place]  # the island's left upper corner at 0, 0
    routes: list[list[Point]]
    caption: str
    size: Point


def lay_out(
    names: Sequence[str], radii: Sequence[float], links: Sequence[Link], captions: Mapping[int, str]
) -> Sheet:
    """Places for a network.

    Parameters
    ----------
    names, radii
        Of N nodes.
    links
        Pairs (source, target), both 0 .. N - 1, none to itself.
    captions
        Link -> what it belongs to; the commonest of an island stands above it.
    """
    islands = [
        _island(names, radii, links, part, _commonest(captions, part[1]))
        for part in connected_parts(len(names), links)
    ]
    width = max([WIDTH, *(island.size[0] for island in islands)])
    corners = _packed([island.size for island in islands], width)
    places = [Place(0.0, 0.0, 0.0)] * len(names)
    routes: list[list[Point]] = [[]] * len(links)
    for island, (left, top) in zip(islands, corners, strict=True):
        for node, place in zip(island.nodes, island.places, strict=True):
            places[node] = Place(place.x + left, place.y + top, place.radius)
        for link, route in zip(island.links, island.routes, strict=True):
            routes[link] = [(x + left, y + top) for x, y in route]
    told = [
        Caption(island.caption, left, top + CAPTION / 2)
        for island, (left, top) in zip(islands, corners, strict=True)
    ]
    right = max(left + island.size[0] for island, (left, _) in zip(islands, corners, strict=True))
    height = max(top + island.size[1] for island, (_, top) in zip(islands, corners, strict=True))
    return Sheet(max(right, WIDTH / 2) + EDGE, height + EDGE, places, _curves(places, links, routes), told)


def _commonest(captions: Mapping[int, str], links: Sequence[int]) -> str:
    """The caption of most links, the first met among equals, and how many others there are."""
    met = [captions[link] for link in links if captions.get(link)]
    if not met:
        return ""
    most = max(dict.fromkeys(met), key=met.count)
    others = len(set(met)) - 1
    room = LONGEST_CAPTION - (4 if others else 0)
    short = shorten(most, room, placeholder="…")
    return f"{short} +{others}" if others else short


def _island(
    names: Sequence[str],
    radii: Sequence[float],
    links: Sequence[Link],
    part: tuple[list[int], list[int]],
    caption: str,
) -> _Island:
    """A connected part, laid out in rows under its caption."""
    nodes, inside = part
    at = {node: index for index, node in enumerate(nodes)}
    rooms = [2 * radii[node] + NAME_GAP + LETTER * len(names[node]) + GAP for node in nodes]
    ends = [(at[links[link][0]], at[links[link][1]]) for link in inside]
    widest = max(4, round(1.3 * math.sqrt(len(nodes))))
    laid = layered([room / UNIT for room in rooms], ends, widest)
    places = [
        Place(x * UNIT - room / 2 + radii[node] + EDGE, _y(int(row)), radii[node])
        for x, row, room, node in zip(laid.x.tolist(), laid.row.tolist(), rooms, nodes, strict=True)
    ]
    right = max(x * UNIT + room / 2 for x, room in zip(laid.x.tolist(), rooms, strict=True))
    bends = [x * UNIT for route in laid.routes for x, _ in route[1:-1]]
    width = max([right, CAPTION_LETTER * len(caption), *bends]) + EDGE
    height = _y(int(laid.row.max(initial=0))) + DOWN / 2
    routes = [_points(route) for route in laid.routes]
    return _Island(nodes, inside, places, routes, caption, (width, height))


def _points(route: Route) -> list[Point]:
    return [(x * UNIT + EDGE, _y(row)) for x, row in route]


def _y(row: int) -> float:
    return CAPTION + DOWN * (row + 0.3)


def _packed(sizes: Sequence[Point], width: float) -> list[Point]:
    """Left upper corners: each in the highest, then leftmost, place that is free."""
    taken: list[tuple[float, float, float, float]] = []
    corners: list[Point] = []
    for wide, high in sizes:
        tops = sorted({0.0, *(bottom for *_, bottom in taken)})
        lefts = sorted({0.0, *(right for _, _, right, _ in taken)})
        free = (
            (left, top)
            for top in tops
            for left in lefts
            if (left + wide <= width or not left) and not _meets((left, top, left + wide, top + high), taken)
        )
        left, top = next(free)
        taken.append((left, top, left + wide, top + high))
        corners.append((left, top))
    return corners


def _meets(box: tuple[float, ...], taken: Sequence[tuple[float, ...]]) -> bool:
    return any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken
    )


def _curves(places: Sequence[Place], links: Sequence[Link], routes: Sequence[Sequence[Point]]) -> list[Curve]:
    """Smooth lines from circle to circle; those that meet one stand apart on its edge."""
    ports = dict(_ports(places, links, routes))
    curves = []
    for link, route in enumerate(routes):
        (start, out), (tip, back) = ports[link, 0], ports[link, 1]
        middle = [(x, y) for x, y in route[1:-1]]
        points = [start, *middle, tip]
        down = 1.0 if route[-1][1] > route[0][1] else -1.0
        ways = [out, *[(0.0, down)] * len(middle), (-back[0], -back[1])]
        curves.append(Curve(_path(points, ways), tip, ways[-1]))
    return curves


def _path(points: Sequence[Point], ways: Sequence[Point]) -> str:
    """Cubic pieces through points, with the direction of travel at each."""
    pieces = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (here, way), (there, onward) in pairwise(zip(points, ways, strict=True)):
        pull = 0.42 * abs(there[1] - here[1]) + 0.12 * abs(there[0] - here[0])
        first = here[0] + pull * way[0], here[1] + pull * way[1]
        second = there[0] - pull * onward[0], there[1] - pull * onward[1]
        numbers = " ".join(f"{value:.1f}" for value in (*first, *second, *there))
        pieces.append(f"C{numbers}")
    return "".join(pieces)


def _ports(
    places: Sequence[Place], links: Sequence[Link], routes: Sequence[Sequence[Point]]
) -> Iterator[tuple[tuple[int, int], tuple[Point, Point]]]:
    """(link, end) -> point beside the circle, and the direction away from it, of length 1."""
    sides: dict[tuple[int, bool], list[tuple[float, int, int]]] = {}
    for link, ((source, target), route) in enumerate(zip(links, routes, strict=True)):
        # What the next node in a row is aimed at is its circle, not the middle of its room.
        nexts = (target, source) if len(route) == 2 else (None, None)
        for end, node, onward, other in ((0, source, route[1], nexts[0]), (1, target, route[-2], nexts[1])):
            aim = onward[0] if other is None else places[other].x
            way = math.degrees(math.atan2(aim - places[node].x, abs(onward[1] - places[node].y)))
            sides.setdefault((node, onward[1] > places[node].y), []).append((way, link, end))
    for (node, below), meeting in sides.items():
        meeting.sort()
        for degrees, (_, link, end) in zip(_fanned([way for way, *_ in meeting]), meeting, strict=True):
            angle = math.radians(degrees)
            away = math.sin(angle), math.cos(angle) if below else -math.cos(angle)
            reach = places[node].radius + (HEAD_GAP if end else 0.0)
            yield (link, end), ((places[node].x + reach * away[0], places[node].y + reach * away[1]), away)


def _fanned(wanted: Sequence[float]) -> list[float]:
    """Angles near those wanted, ascending, evenly apart, from `LEFTMOST` to `RIGHTMOST`."""
    step = min(APART_DEGREES, (RIGHTMOST - LEFTMOST) / max(len(wanted) - 1, 1))
    half = step * (len(wanted) - 1) / 2
    middle = max(LEFTMOST + half, min(RIGHTMOST - half, sum(wanted) / len(wanted)))
    return [middle - half + step * place for place in range(len(wanted))]
