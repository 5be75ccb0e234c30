"""Pieces of a page: one HTML file that opens offline, prints, and runs nothing that it did not bring."""

from metarisk.report.page.badge import badge, fact, tile
from metarisk.report.page.bar import share_bar, stacked_bar
from metarisk.report.page.markup import Markup, element, join
from metarisk.report.page.shell import document, section
from metarisk.report.page.table import Cell, Column, table

__all__ = [
    "Markup",
    "element",
    "join",
    "document",
    "section",
    "Column",
    "Cell",
    "table",
    "share_bar",
    "stacked_bar",
    "badge",
    "fact",
    "tile",
]
