"""Groups of patients: a forest of all of them, and organs by cancer type as a map of cells."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metarisk.report.cohort.general import number, question_of
from metarisk.report.cohort.told import Told
from metarisk.report.page import Cell, Column, Markup, element, join, section, table
from metarisk.report.page.interval import interval_bar
from metarisk.train.figures import OURS
from metarisk.train.held_out import TOO_FEW
from metarisk.train.subgroups import GROUP, SMALL

ROWS_SHOWN = 600
TYPES_SHOWN = 24
TYPE = "cancer_type"
WITHHELD = f"withheld: fewer than {TOO_FEW} with the event or without it"


class Shade(NamedTuple):
    """A class for values up to an end."""

    end: float
    look: str


AUROC_SHADES = (
    Shade(0.45, "warm-2"),
    Shade(0.5, "warm-1"),
    Shade(0.6, ""),
    Shade(0.7, "cool-1"),
    Shade(0.8, "cool-2"),
)
RATIO_SHADES = (
    Shade(0.5, "cool-3"),
    Shade(0.75, "cool-2"),
    Shade(0.9, "cool-1"),
    Shade(1.11, ""),
    Shade(1.33, "warm-1"),
    Shade(2.0, "warm-2"),
)


def subgroups_section(told: Told) -> Markup:
    """A row a question and group, with its interval drawn."""
    lead = (
        f"Our figures in each group that has {TOO_FEW} events and {TOO_FEW} non-events or more. Groups were "
        "not chosen for their figures; of many, the lowest is low by chance too. Observed minus told above "
        "0: the risk of the group is told too low."
    )
    mine = told.subgroups[(told.subgroups["model"] == OURS) & (told.subgroups["kind"] == GROUP)]
    small = told.subgroups[(told.subgroups["model"] == OURS) & (told.subgroups["kind"] == SMALL)]
    columns = (
        Column("Question"),
        Column("By"),
        Column("Group"),
        Column("n", True, "Samples whose answer is known"),
        Column("Events", True, "Samples with the event"),
        Column("AUROC", True, "0.5 is chance (dashed), 1 perfect"),
        Column("Interval"),
        Column("Observed - told", True, "Above 0 the risk of the group is told too low"),
    )
    caption = "All groups; subgroups.tsv has the same and the other models"
    listed = table(
        caption,
        columns,
        map(_group_row, mine.head(ROWS_SHOWN).to_dict("records")),
        filterable="a question, a column, a group",
        look="tall",
    )
    few = f"{len(small):,} groups are too small to say anything of; their sizes stand in subgroups.tsv."
    more = f" {len(mine) - ROWS_SHOWN:,} more rows stand there too." if len(mine) > ROWS_SHOWN else ""
    body = (
        (listed, element("p", few + more))
        if len(mine)
        else (element("p", f"No group is large enough. {few}"),)
    )
    return section("subgroups", "Subgroups", element("p", lead, class_="lead"), *body)


def _group_row(row: Mapping[Hashable, Any]) -> tuple[Cell | str, ...]:
    figure = tuple(float(str(row[f"auroc{end}"])) for end in ("", "_lower", "_upper"))
    excess = tuple(float(str(row[f"excess{end}"])) for end in ("", "_lower", "_upper"))
    told = f"AUROC {figure[0]:.3f}, 95 % interval {figure[1]:.3f} to {figure[2]:.3f}"
    n, events = int(str(row["n"])), int(str(row["events"]))
    return (
        question_of(row["endpoint"], row["horizon_days"]),
        str(row["column"]).replace("_", " "),
        str(row["group"]),
        Cell(f"{n:,}", n),
        Cell(f"{events:,}", events),
        Cell(number(*figure), figure[0]),
        Cell(interval_bar((figure[0], figure[1], figure[2]), (0.2, 1.0), 0.5, told), figure[0]),
        Cell(number(*excess), excess[0]),
    )


def map_section(told: Told) -> Markup:
    """Questions by cancer type: AUROC, and observed over expected, each with its counts."""
    mine = told.subgroups[(told.subgroups["model"] == OURS) & (told.subgroups["column"] == TYPE)]
    mine = mine[mine["kind"].isin([GROUP, SMALL])]
    if mine.empty:
        none = "The cohort has one cancer type, or does not name it."
        return section("map", "Organs by cancer type", element("p", none))
    lead = (
        "Each cell is one question in one cancer type, under its figure samples / events. Cells with fewer "
        f"than {TOO_FEW} events or {TOO_FEW} non-events are withheld."
    )
    sizes = mine.groupby("group")["n"].sum().sort_values(ascending=False, kind="stable")
    types = [str(name) for name in sizes.index[:TYPES_SHOWN]]
    parts = (
        _map(mine, types, "AUROC: bluer is better, orange is below chance", _auroc),
        _map(
            mine,
            types,
            "Observed over expected: 1 is right, orange more events than told, blue fewer",
            _ratio,
        ),
    )
    hidden = len(sizes) - len(types)
    more = element("p", f"{hidden} smaller types stand in subgroups.tsv.") if hidden > 0 else ""
    return section("map", "Organs by cancer type", element("p", lead, class_="lead"), *parts, more)


def _map(mine: pd.DataFrame, types: list[str], caption: str, cell: Callable[[pd.Series], Cell]) -> Markup:
    columns = (Column("Cancer type"), *(Column(name, True) for name in _questions(mine)))
    return table(caption, columns, _map_rows(mine, types, cell), look="heat plain")


def _map_rows(
    mine: pd.DataFrame, types: list[str], cell: Callable[[pd.Series], Cell]
) -> Iterator[tuple[Cell | str, ...]]:
    asked = list(_questions(mine))
    named = [question_of(*pair) for pair in zip(mine["endpoint"], mine["horizon_days"], strict=True)]
    placed = {(str(row["group"]), name): row for name, (_, row) in zip(named, mine.iterrows(), strict=True)}
    for group in types:
        yield (
            group,
            *(cell(placed[group, name]) if (group, name) in placed else Cell("", -1e9) for name in asked),
        )


def _questions(mine: pd.DataFrame) -> Iterator[str]:
    yield from dict.fromkeys(
        question_of(*pair) for pair in zip(mine["endpoint"], mine["horizon_days"], strict=True)
    )


def _auroc(row: pd.Series) -> Cell:
    return _shaded(row, float(row["auroc"]), AUROC_SHADES, "cool-3", "{:.2f}")


def _ratio(row: pd.Series) -> Cell:
    expected = float(row["predicted"])
    ratio = float(row["observed"]) / expected if expected > 0 else np.nan
    return _shaded(row, ratio, RATIO_SHADES, "warm-3", "{:.2f}")


def _shaded(row: pd.Series, value: float, shades: tuple[Shade, ...], last: str, form: str) -> Cell:
    if row["kind"] != GROUP or np.isnan(value):
        return Cell(element("abbr", "·", title=WITHHELD), -1e9)
    look = next((shade.look for shade in shades if value < shade.end), last)
    counts = element("span", f"{int(row['n']):,} / {int(row['events']):,}", class_="where")
    return Cell(join((form.format(value), counts)), value, look)
