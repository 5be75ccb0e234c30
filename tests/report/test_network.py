"""Drawn networks: sound, readable, the same each time."""

from __future__ import annotations

import math
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

from metarisk.report.page.network import LARGEST, Link, Node, network
from metarisk.report.page.network_layout import Sheet, lay_out

GENES = [f"GENE{at}" for at in range(40)]
LETTER_DRAWN = 7.5  # px of a capital at the size names are drawn in


def drawn(seed: int, edges: int = 25) -> tuple[list[Node], list[Link]]:
    """A random network, as fragmented or dense as those of real answers."""
    rng = np.random.default_rng(seed)
    genes = rng.choice(len(GENES), rng.integers(8, 40), replace=False)
    pairs = {(int(a), int(b)): None for a, b in rng.integers(len(genes), size=(edges, 2)) if a != b}
    used = sorted({end for pair in pairs for end in pair})
    place = {end: at for at, end in enumerate(used)}
    nodes = [Node(GENES[genes[end]], float(rng.random()), "raises", "told") for end in used]
    links = [
        Link(place[a], place[b], int(rng.integers(-1, 2)), float(rng.random()), f"circuit {a % 3}", "told")
        for a, b in pairs
    ]
    return nodes, links


def laid(nodes: list[Node], links: list[Link]) -> Sheet:
    radii = [LARGEST] * len(nodes)
    ends = [(link.source, link.target) for link in links]
    return lay_out(
        [node.name for node in nodes], radii, ends, {at: link.caption for at, link in enumerate(links)}
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_name_and_no_circle_lies_over_another_and_all_are_on_the_sheet(seed: int) -> None:
    nodes, links = drawn(seed)
    sheet = laid(nodes, links)
    boxes = [
        (
            place.x - place.radius,
            place.y - place.radius,
            place.name_x + LETTER_DRAWN * len(node.name),
            place.y + place.radius,
        )
        for node, place in zip(nodes, sheet.places, strict=True)
    ]
    boxes += [(c.x, c.y - 10, c.x + 6.9 * len(c.text), c.y + 3) for c in sheet.captions]
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    assert all(
        box[0] >= 0 and box[2] <= sheet.width and box[1] >= 0 and box[3] <= sheet.height for box in boxes
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_line_ends_beside_the_circle_of_its_target_and_points_at_it(seed: int) -> None:
    nodes, links = drawn(seed)
    sheet = laid(nodes, links)
    for link, curve in zip(links, sheet.curves, strict=True):
        target = sheet.places[link.target]
        way = target.x - curve.tip[0], target.y - curve.tip[1]
        assert target.radius < math.hypot(*way) < target.radius + 6
        assert np.dot(way, curve.toward) == pytest.approx(math.hypot(*way))


def test_the_figure_is_sound_xml_with_words_for_those_who_do_not_see_it() -> None:
    nodes, links = drawn(3)
    tree = ElementTree.fromstring(network(nodes, links, "A title", "All of it in words"))
    assert [child.tag for child in tree][:2] == ["title", "desc"]
    assert tree.attrib["role"] == "img"
    assert tree.attrib["aria-label"] == "A title. All of it in words"
    groups = tree.findall("g")
    assert len(groups) == len(nodes) + len(links)
    assert all(group[0].tag == "title" and group[0].text for group in groups)


def test_equal_networks_are_equal_figures_and_signs_have_heads_of_their_own() -> None:
    nodes, links = drawn(4)
    assert network(nodes, links, "a", "b") == network(nodes, links, "a", "b")
    pair = [Node("A", 1.0, "raises", "a"), Node("B", 0.5, "unsure lowers", "b")]
    looks = {sign: network(pair, [Link(0, 1, sign, 1.0, "", "t")], "a", "b") for sign in (-1, 0, 1)}
    assert 'class="bar"' in looks[-1]
    assert "<polygon" in looks[1]
    assert "<polygon" not in looks[0] + looks[-1]


def test_text_can_only_be_text() -> None:
    evil = "<script>alert(1)</script>"
    pair = [Node(evil, 1.0, "raises", evil), Node("B", 0.5, "raises", evil)]
    made = network(pair, [Link(0, 1, 1, 1.0, evil, evil)], evil, evil)
    assert "<script" not in made
