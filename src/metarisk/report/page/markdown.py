"""Our own Markdown as markup: headings, paragraphs, lists, tables, bold and code; all else is text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from metarisk.report.page.markup import Markup, element, join
from metarisk.report.page.table import Column, table

MARKED = re.compile(r"\*\*(.+?)\*\*|`(.+?)`")


def markdown(text: str, top: int) -> Markup:
    """The text as markup.

    Parameters
    ----------
    top
        Level of the heading that ``#`` becomes, so that it stands below those of the page.
    """
    return join(join(_block(kind, list(lines), top)) for kind, lines in groupby(text.splitlines(), _kind))


def _kind(line: str) -> str:
    if line.startswith("#"):
        return "heading"
    if line.startswith("- "):
        return "list"
    return "table" if line.startswith("|") else "text" if line.strip() else ""


def _block(kind: str, lines: list[str], top: int) -> Iterator[Markup]:
    if kind == "heading":
        for line in lines:
            signs = len(line) - len(line.lstrip("#"))
            yield element(f"h{min(top + signs - 1, 6)}", _inline(line.lstrip("# ")))
    elif kind == "list":
        yield element("ul", *(element("li", _inline(line[2:])) for line in lines))
    elif kind == "table":
        names, *rows = (_cells(line) for line in lines if set(line) - set("|-: "))
        caption = f"{', '.join(names[1:])} by {names[0]}"
        yield table(caption, [Column(name) for name in names], map(_marked, rows), look="tall plain")
    elif kind == "text":
        yield element("p", _inline(" ".join(lines)))


def _cells(line: str) -> list[str]:
    """Cells of a table's line; a bar that is a letter is written with a stroke before it."""
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _marked(cells: list[str]) -> list[Markup]:
    return [_inline(cell) for cell in cells]


def _inline(text: str) -> Markup:
    parts: list[str | Markup] = []
    at = 0
    for found in MARKED.finditer(text):
        parts.append(text[at : found.start()])
        bold, code = found.groups()
        parts.append(element("strong", bold) if bold else element("code", code))
        at = found.end()
    return join([*parts, text[at:]])
