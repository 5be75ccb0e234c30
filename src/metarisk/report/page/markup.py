"""HTML built so that text can only be text: whatever is not `Markup` is escaped where it enters."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from metarisk.schema.findings import visible

# Elements that have no end tag.
VOID = frozenset({"meta", "br", "input"})


class Markup(str):
    """HTML that is safe to place in a page."""

    __slots__ = ()


Content = str | Markup
Attribute = str | int | float | bool | None


def element(name: str, /, *children: Content, **attributes: Attribute) -> Markup:
    """An element with its children.

    Parameters
    ----------
    name
        Tag.
    children
        Text, which is escaped, or markup.
    attributes
        ``class_`` is written ``class``, ``data_sort`` is written ``data-sort``; None and False are left out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    opened = f"<{name}{written}>"
    return Markup(opened if name in VOID else f"{opened}{join(children)}</{name}>")


def join(parts: Iterable[Content]) -> Markup:
    """Parts one after another; text among them is escaped."""
    return Markup("".join(part if isinstance(part, Markup) else _escaped(part) for part in parts))


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_escaped(str(value))}"'


def _escaped(text: str) -> str:
    """Text for a page: letters that turn the line around, or that nobody sees, are written as their code."""
    return escape(visible(text), quote=True)
