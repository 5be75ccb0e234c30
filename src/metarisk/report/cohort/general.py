"""The general table: every question and model beside each of its figures, and what each figure means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from metarisk.report.cohort.told import Told
from metarisk.report.page import Cell, Column, Markup, element, join, section, table
from metarisk.report.tables import question_text
from metarisk.train.figures import OURS


class Figure(NamedTuple):
    """A column of the general table: its name, and what it says."""

    name: str
    told: str


# Metric and stratum (a stratum that begins so) -> column.
FIGURES: Mapping[tuple[str, str], Figure] = {
    ("auroc", "all"): Figure(
        "AUROC",
        "Chance that a patient with the event is told a higher risk than one without: 0.5 is chance, "
        "1 perfect",
    ),
    ("auroc", "within"): Figure(
        "AUROC within", "The same among patients of one cancer type (or the column named beside it) only"
    ),
    ("average_precision", "all"): Figure(
        "Average precision",
        "Mean precision over all thresholds; chance is the share of patients with the event",
    ),
    ("brier", "all"): Figure(
        "Brier", "Mean squared distance of the probability from what happened: 0 is perfect, lower is better"
    ),
    ("calibration_slope", "all"): Figure(
        "Slope", "Calibration slope: 1 is right, below 1 the probabilities are too extreme, above 1 too timid"
    ),
    ("calibration_in_the_large", "all"): Figure(
        "Level",
        "Calibration in the large, log odds: 0 is right, above 0 the risk is told too low on the whole",
    ),
    ("calibration_error", "all"): Figure(
        "ECE", "Expected calibration error: mean gap between told and observed, lower is better"
    ),
    ("harrell_c", "all"): Figure(
        "Harrell's c", "Of two patients, whose event came first was told the higher risk: 0.5 is chance"
    ),
    ("uno_c", "all"): Figure("Uno's c", "Harrell's c with censoring weights: 0.5 is chance, 1 perfect"),
    ("set_coverage", "all"): Figure(
        "Coverage",
        "Share of patients whose conformal set holds the true answer: it should be near the level asked for",
    ),
    ("set_decided", "all"): Figure(
        "Decided", "Share of patients for whom the conformal set holds one answer only"
    ),
    ("decided_error", "all"): Figure(
        "Wrong of decided", "Share of the decided patients for whom that answer is wrong, lower is better"
    ),
    ("graph_share", "all"): Figure(
        "Graph share", "How much of the answer came through the network of genes, 0 to 1"
    ),
}


def general_section(told: Told) -> Markup:
    """The section of the general table."""
    shown = [key for key in FIGURES if len(_of(told.figures, key))]
    columns = (
        Column("Question"),
        Column("Model"),
        Column("n", True, "Samples whose answer is known"),
        Column("Events", True, "Samples with the event"),
        *(Column(FIGURES[key].name, True, FIGURES[key].told) for key in shown),
    )
    listed = table(
        "A row a question and model; the small numbers are 95 % intervals, resampled by patient. "
        "figures.tsv has the same and more.",
        columns,
        _rows(told.figures, shown),
        filterable="a question, a model",
        look="tall dense",
    )
    meaning = element(
        "details",
        element("summary", "What each figure means"),
        element("dl", *_meanings(shown), class_="facts"),
    )
    return section("general", "All questions", listed, meaning)


def question_of(endpoint: object, horizon_days: object) -> str:
    """A question in few words."""
    return question_text(str(endpoint), float(str(horizon_days)), "all")


def number(value: float, lower: float = np.nan, upper: float = np.nan) -> Markup:
    """A figure over its interval, a dash where there is none."""
    if np.isnan(value):
        return element("span", "-")
    between = (
        "" if np.isnan(lower + upper) else element("span", f"{lower:.3f} to {upper:.3f}", class_="where")
    )
    return join((f"{value:.3f}", between))


def _of(figures: pd.DataFrame, key: tuple[str, str]) -> pd.DataFrame:
    metric, stratum = key
    held = (
        figures["stratum"] == "all" if stratum == "all" else figures["stratum"].str.startswith(f"{stratum} ")
    )
    return figures[(figures["metric"] == metric) & held]


def _rows(figures: pd.DataFrame, shown: list[tuple[str, str]]) -> Iterator[tuple[Cell | Markup | str, ...]]:
    tables = {key: _of(figures, key) for key in shown}
    models = [name for name in figures["model"].unique() if not str(name).startswith(f"{OURS} - ")]
    asked = figures[["endpoint", "horizon_days"]].drop_duplicates()
    for endpoint, horizon in asked.itertuples(index=False):
        question = question_of(endpoint, horizon)
        for model in models:
            found = {key: _row_of(rows, endpoint, horizon, model) for key, rows in tables.items()}
            sized = next((row for row in found.values() if row is not None and not pd.isna(row["n"])), None)
            if sized is not None:
                counts = [Cell(f"{int(sized[name]):,}", int(sized[name])) for name in ("n", "events")]
                yield (question, str(model), *counts, *map(_cell, found.values()))


def _row_of(rows: pd.DataFrame, endpoint: object, horizon: float, model: object) -> pd.Series | None:
    same = rows["horizon_days"].isna() if pd.isna(horizon) else rows["horizon_days"] == horizon
    found = rows[(rows["endpoint"] == endpoint) & same & (rows["model"] == model)]
    return found.iloc[0] if len(found) else None


def _cell(row: pd.Series | None) -> Cell:
    if row is None or pd.isna(row["value"]):
        return Cell("", -1e9)
    return Cell(
        number(*(float(row[name]) for name in ("value", "lower", "upper"))), round(float(row["value"]), 6)
    )


def _meanings(shown: list[tuple[str, str]]) -> Iterator[Markup]:
    for key in shown:
        yield element("dt", FIGURES[key].name)
        yield element("dd", FIGURES[key].told)
