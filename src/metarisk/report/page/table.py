"""A table that reads without a script, and with one sorts by a column and filters by words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from metarisk.report.page.markup import Content, Markup, element


class Column(NamedTuple):
    """A column: its name, and whether it holds numbers."""

    name: str
    number: bool = False


class Cell(NamedTuple):
    """What stands in a cell, and what the column is sorted by where that is something else."""

    content: Content
    sort: str | float | None = None


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell | Content]],
    *,
    filterable: bool = False,
) -> Markup:
    """Rows under a header; the first cell of a row names it.

    Parameters
    ----------
    caption
        What the table shows, for everybody.
    filterable
        Offer a box that keeps the rows which hold a word.
    """
    head = element("tr", *(_head(column) for column in columns))
    body = [
        element("tr", *(_cell(cell, columns[place], place) for place, cell in enumerate(row))) for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", *body),
        class_="sortable",
        data_filter=filterable,
    )
    return element("div", whole, class_="scroll")


def _head(column: Column) -> Markup:
    return element("th", column.name, scope="col", class_="number" if column.number else None)


def _cell(cell: Cell | Content, column: Column, place: int) -> Markup:
    content, sort = cell if isinstance(cell, Cell) else (cell, None)
    kind = "number" if column.number else None
    if place == 0:
        return element("th", content, scope="row", class_=kind, data_sort=sort)
    return element("td", content, class_=kind, data_sort=sort)
