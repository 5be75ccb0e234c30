"""A table that reads without a script, and with one sorts by a column and filters by words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from metarisk.report.page.markup import Content, Markup, element


class Column(NamedTuple):
    """A column: its name, whether it holds numbers, and what a reader is told who rests on its name."""

    name: str
    number: bool = False
    told: str = ""


class Cell(NamedTuple):
    """What stands in a cell, what the column is sorted by where that is something else, and a class."""

    content: Content
    sort: str | float | None = None
    look: str = ""


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell | Content]],
    *,
    filterable: bool | str = False,
    look: str = "",
) -> Markup:
    """Rows under a header; the first cell of a row names it.

    Parameters
    ----------
    caption
        What the table shows, for everybody.
    filterable
        Offer a box that keeps the rows which hold a word; a text says in it what may be asked for.
    look
        Further classes of the box around it: ``tall`` scrolls inside itself, ``heat`` colours cells.
    """
    head = element("tr", *(_head(column) for column in columns))
    body = [
        element(
            "tr", *(_cell(cell, columns[place], place, bool(filterable)) for place, cell in enumerate(row))
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", *body),
        class_="sortable",
        data_filter=filterable,
    )
    reachable = 0 if look else None  # whoever has no mouse scrolls it by keys
    named = {"role": "region", "aria_label": caption} if look else {}
    return element("div", whole, class_=f"scroll {look}".strip(), tabindex=reachable, **named)


def _head(column: Column) -> Markup:
    name = element("abbr", column.name, title=column.told) if column.told else column.name
    return element("th", name, scope="col", class_="number" if column.number else None)


def _cell(cell: Cell | Content, column: Column, place: int, named: bool) -> Markup:
    content, sort, look = cell if isinstance(cell, Cell) else Cell(cell)
    kind = " ".join(filter(None, ("number" if column.number else "", look))) or None
    if place == 0:
        return element("th", content, scope="row", class_=kind, data_sort=sort)
    # On a small screen the rows of such a table stand as blocks, without its header.
    return element("td", content, class_=kind, data_sort=sort, data_name=column.name if named else None)
