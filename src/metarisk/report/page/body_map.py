"""A schematic body with the organs that were asked about: the darker, the likelier; withheld ones hatched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from metarisk.report.page.markup import Markup, element, join

WIDTH, HEIGHT, MIDDLE, MARGIN = 400, 392, 200, 62
LINE, TOP = 19, 14  # height of a label, and where the first may stand
LABEL_LEFT, LABEL_RIGHT = 118, 282
# Lower edges of the classes, and their names.
CLASSES = (
    (0.0, "under 5 %"),
    (0.05, "5 to 15 %"),
    (0.15, "15 to 30 %"),
    (0.3, "30 to 50 %"),
    (0.5, "50 % or more"),
)

# Head, trunk, arms and legs, drawn as thick round strokes.
BODY = (
    ("M200 66v10", 22),
    ("M176 102Q200 92 224 102L220 190Q222 214 222 224L178 224Q178 214 180 190Z", 22),
    ("M168 104L146 168L134 226", 19),
    ("M232 104L254 168L266 226", 19),
    ("M186 236L182 304L180 372", 24),
    ("M214 236L218 304L220 372", 24),
)


class Place(NamedTuple):
    """Where an organ is drawn: its paths, and the point that its label leads to."""

    paths: tuple[str, ...]
    x: float
    y: float


def _round(x: float, y: float, across: float, up: float | None = None) -> str:
    """An ellipse as a path."""
    high = across if up is None else up
    radii, way = f"{across:g} {high:g} 0 1 0", 2 * across
    return f"M{x - across:g} {y:g}a{radii} {way:g} 0a{radii} {-way:g} 0z"


HEAD = _round(MIDDLE, 40, 22, 27)
# Seen from the front: the liver is on the left of the drawing. In the order in which they are drawn.
PLACES: Mapping[str, Place] = {
    "skin": Place((_round(140, 200, 6, 11),), 140, 200),
    "nervous_system": Place(("M199 88h2v132h-2z",), 200, 96),
    "pleura": Place(("M184 98q-16 8-16 52h28v-44z", "M216 98q16 8 16 52h-28v-44z"), 231, 140),
    "lung": Place((_round(183, 126, 11, 22), _round(217, 126, 11, 22)), 217, 118),
    "mediastinum": Place((_round(200, 124, 5, 17),), 200, 120),
    "breast": Place((_round(180, 138, 8), _round(220, 138, 8)), 174, 138),
    "intra_abdominal": Place((_round(200, 196, 25, 29),), 221, 208),
    "liver": Place(("M174 166q8-12 34-8q2 8-10 14q-12 8-20 8q-6-6-4-14z",), 182, 168),
    "biliary_tract": Place((_round(192, 181, 4, 5),), 192, 181),
    "adrenal": Place((_round(184, 180, 4, 3), _round(216, 180, 4, 3)), 216, 180),
    "kidney": Place((_round(183, 193, 5, 9), _round(217, 193, 5, 9)), 183, 193),
    "bowel": Place((_round(200, 206, 13, 11),), 208, 202),
    "ovary": Place((_round(188, 224, 4, 3), _round(212, 224, 4, 3)), 188, 224),
    "female_genital": Place((_round(200, 226, 6, 5),), 204, 226),
    "bladder": Place((_round(200, 237, 7, 5),), 204, 237),
    "male_genital": Place((_round(200, 247, 5, 4),), 200, 249),
    "brain": Place((_round(200, 32, 15, 13),), 208, 30),
    "head_and_neck": Place((_round(200, 62, 9, 7),), 206, 62),
    "lymph_node": Place(
        (_round(188, 80, 3.5), _round(170, 108, 3.5), _round(188, 246, 3.5), _round(212, 80, 3.5)), 188, 80
    ),
    "bone": Place(("M180 258h6l-2 62h-6z", "M214 258h6l2 62h-6z", "M240 122l5-2l13 40l-5 2z"), 220, 290),
}


class Organ(NamedTuple):
    """An organ that was asked about.

    Attributes
    ----------
    site
        Its name in `metarisk.schema.endpoints.SITES`.
    name
        In words.
    value
        Probability; None where withheld.
    told
        Probability as text.
    """

    site: str
    name: str
    value: float | None
    told: str


def body_map(organs: Sequence[Organ], told: str) -> Markup:
    """The body, its organs with their labels, and a legend; organs without a place are not drawn.

    Parameters
    ----------
    organs
        Those asked about.
    told
        What it shows, in words; the numbers stand in a table beside it.
    """
    by_site = {organ.site: organ for organ in organs}
    shown = [by_site[site] for site in PLACES if site in by_site]
    drawn = [_hatch(), *_body(), *(_organ(organ) for organ in shown), *_labels(shown)]
    box = f"{-MARGIN} 0 {WIDTH + 2 * MARGIN} {HEIGHT}"
    figure = element("svg", *drawn, class_="body", viewBox=box, role="img", aria_label=told)
    return join((figure, _legend(any(organ.value is None for organ in shown))))


def heat_class(value: float | None) -> str:
    """Name of the shade of a probability."""
    if value is None:
        return "withheld"
    return f"heat-{sum(value >= edge for edge, _ in CLASSES) - 1}"


def _hatch() -> Markup:
    ground = element("rect", width=6, height=6, class_="hatch-ground")
    line = element("path", d="M0 6L6 0", class_="hatch")
    units = {"patternUnits": "userSpaceOnUse"}
    pattern = element("pattern", ground, line, id="withheld", width=6, height=6, **units)
    return element("defs", pattern)


def _body() -> Iterator[Markup]:
    yield element("path", class_="flesh", d=HEAD)
    for path, width in BODY:
        yield element("path", class_="flesh limb", d=path, stroke_width=width)


def _organ(organ: Organ) -> Markup:
    paths = PLACES[organ.site].paths
    fill = "url(#withheld)" if organ.value is None else None
    return join(element("path", class_=f"organ {heat_class(organ.value)}", d=d, fill=fill) for d in paths)


def _labels(organs: Sequence[Organ]) -> Iterator[Markup]:
    """Names on both sides, each led to its organ; half of them a side, in the order of height."""
    by_side: dict[bool, list[Organ]] = {True: [], False: []}
    for organ in sorted(organs, key=lambda one: PLACES[one.site].y):
        left = PLACES[organ.site].x < MIDDLE
        crowded = len(by_side[left]) > len(by_side[not left]) + 1
        by_side[left != crowded].append(organ)
    for left, column in by_side.items():
        for organ, y in zip(column, _heights([PLACES[one.site].y for one in column]), strict=True):
            yield from _label(organ, y, left=left)


def _heights(wanted: Sequence[float]) -> list[float]:
    """Heights in order, at least a line apart, as near as they can be to those wanted."""
    found: list[float] = []
    for y in wanted:
        found.append(max(y, found[-1] + LINE if found else TOP))
    over = max((found[-1] if found else 0) - (HEIGHT - LINE), 0)
    for at in reversed(range(len(found))):
        limit = HEIGHT - LINE if at == len(found) - 1 else found[at + 1] - LINE
        found[at] = min(found[at], limit) if over else found[at]
    return found


def _label(organ: Organ, y: float, *, left: bool) -> Iterator[Markup]:
    place, x = PLACES[organ.site], LABEL_LEFT if left else LABEL_RIGHT
    bend = x + 6 if left else x - 6
    yield element("path", class_="leader", d=f"M{x} {y:g}H{bend}L{place.x:g} {place.y:g}")
    anchor = "end" if left else "start"
    name = element("tspan", f"{organ.name} ")
    number = element("tspan", organ.told, class_="figure")
    yield element("text", name, number, x=x - 4 if left else x + 4, y=y + 4, text_anchor=anchor)


def _legend(withheld: bool) -> Markup:
    shades = [_shade(f"heat-{at}", name) for at, (_, name) in enumerate(CLASSES)]
    return element("ul", *shades, *([_shade("withheld", "withheld")] if withheld else []), class_="legend")


def _shade(kind: str, name: str) -> Markup:
    fill = "url(#withheld)" if kind == "withheld" else None
    drawn = element("rect", class_=f"organ {kind}", x=1, y=1, width=12, height=10, fill=fill)
    key = element("svg", drawn, class_="key", viewBox="0 0 14 12", width=14, height=12, aria_hidden="true")
    return element("li", key, f" {name}")
