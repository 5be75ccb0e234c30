"""Small marks: a badge in a tone, a tile with one number, a fact with its name."""

from __future__ import annotations

from typing import Literal

from metarisk.report.page.markup import Content, Markup, element

Tone = Literal["good", "caution", "bad", "plain"]

# A shape beside the colour, so that a tone is seen without colours.
SIGNS: dict[Tone, str] = {"good": "✓", "caution": "!", "bad": "✕", "plain": "·"}


def badge(text: str, tone: Tone = "plain") -> Markup:
    """A word in a tone, with the tone's shape."""
    sign = element("span", SIGNS[tone], class_="sign", aria_hidden="true")
    return element("span", sign, text, class_=f"badge {tone}")


def tile(number: int, name: str, link: str | None = None) -> Markup:
    """A number in large figures and what it counts; a link where there is a place that lists them."""
    told = element("b", f"{number:,}")
    inside = (told, element("span", name))
    return element("a", *inside, class_="tile", href=link) if link else element("div", *inside, class_="tile")


def fact(name: str, value: Content) -> Markup:
    """A name and its value, for a description list."""
    return Markup(element("dt", name) + element("dd", value))
