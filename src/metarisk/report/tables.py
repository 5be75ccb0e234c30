"""Held-out figures as one table: a row a question, a column a model, the best of each row marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from metarisk.schema.endpoints import DAYS_PER_YEAR, task_of

# +1 where more is better, -1 where less is; a metric that is not here has no best.
BETTER: dict[str, int] = {
    "auroc": 1,
    "average_precision": 1,
    "concordance": 1,
    "brier": -1,
    "log_loss": -1,
    "calibration_error": -1,
}
TITLES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "calibration_error": "calibration error",
}
# Title, metric and stratum of what is shown of conformal sets.
SET_COLUMNS = (
    ("coverage", "set_coverage", "all"),
    ("with the event", "set_coverage", "with the event"),
    ("without it", "set_coverage", "without the event"),
    ("decided", "set_decided", "all"),
    ("wrong of the decided", "decided_error", "all"),
    ("free as long as told", "free_coverage", "all"),
)
DIFFERENCE = "_difference"
DECIMALS = 3
KEY = ["endpoint", "horizon_days", "stratum"]


class Cell(NamedTuple):
    """A figure as text, and whether it is the best of its row."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Comparison:
    """A table to render: text only, no mark-up.

    Attributes
    ----------
    title
        The metric and its direction.
    header
        Names of the columns.
    rows
        One a question and stratum: the question, a cell a model, the lead over the best control, n / events.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def comparison(figures: pd.DataFrame, metric: str = "auroc") -> Comparison:
    """Models side by side on one metric.

    Parameters
    ----------
    figures
        ``model, endpoint, horizon_days, metric, stratum, value, lower, upper, n, events``; the first model is
        ours. Paired differences stand as model ``ours - control``, metric ``<metric>_difference``.
    metric
        Which metric to show.

    Returns
    -------
    Comparison
        Rows in the order of the figures. The column of the lead is ours minus the best control with its
        paired 95 % interval: above 0 ours is better (for errors, which are better low, below 0).
    """
    shown = _with_key(figures[figures["metric"] == metric])
    gaps = _with_key(figures[figures["metric"] == f"{metric}{DIFFERENCE}"])
    models = [str(model) for model in shown["model"].unique()]
    led = bool(len(gaps))
    rows = tuple(
        _row(part.set_index("model"), models, _gaps_of(gaps, key), BETTER.get(metric, 0), led)
        for key, part in shown.groupby("key", sort=False)
    )
    lead = (f"{models[0]} - best control",) if led else ()
    return Comparison(_title(metric), ("question", *models, *lead, "n / events"), rows)


def set_comparison(figures: pd.DataFrame) -> Comparison | None:
    """What conformal sets came to over all patients, a row a question; None where the figures hold none.

    The columns: coverage, also by the true answer (each should be near the level), share decided, and errors
    among the decided.
    """
    shown = figures[figures["metric"].isin([metric for _, metric, _ in SET_COLUMNS])]
    if not len(shown):
        return None
    asked = _with_key(shown.assign(within=shown["stratum"], stratum=""))
    rows = tuple(_set_row(part) for _, part in asked.groupby("key", sort=False))
    header = ("question", *(title for title, _, _ in SET_COLUMNS), "n / events")
    return Comparison("conformal sets, held-out patients", header, rows)


def figures_markdown(figures: pd.DataFrame, metrics: Iterable[str] = ("auroc", "calibration_error")) -> str:
    """Markdown tables of the figures, one a metric that they hold; the best of each row is bold."""
    held = set(figures["metric"])
    tables = [comparison(figures, metric) for metric in metrics if metric in held]
    sets = set_comparison(figures)
    tables += [sets] if sets is not None else []
    return "\n\n".join(_markdown(table) for table in tables) + ("\n" if tables else "")


def versus_rows(versus: pd.DataFrame) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of the AUROC differences of `metarisk.train.versus.paired_figures`, as text."""
    header = ("question", "versus", "AUROC, ours - other", "p", "p (Holm)", "test", "n / events")
    rows: list[tuple[str, ...]] = []
    for row in versus[versus["metric"] == "auroc"].to_dict("records"):
        question = question_text(str(row["endpoint"]), float(row["horizon_days"]), str(row["stratum"]))
        gap = figure_text(row["difference"], row["lower"], row["upper"], signed=True)
        tested = (f"{row['p']:.2g}", f"{row['p_holm']:.2g}", str(row["test"]))
        rows.append((question, str(row["versus"]), gap, *tested, f"{row['n']} / {row['events']}"))
    return header, rows


def question_text(endpoint: str, horizon_days: float, stratum: str) -> str:
    """A question in few words, e.g. ``site: liver`` or ``metastasis by 2 y, within cancer_type``."""
    task, target = task_of(endpoint)
    name = task if task == target else f"{task}: {target.replace('_', ' ')}"
    by = "" if np.isnan(horizon_days) else f" by {_duration(horizon_days)}"
    return name + by + ("" if stratum == "all" else f", {stratum}")


def figure_text(value: float, lower: float, upper: float, *, signed: bool = False) -> str:
    """``0.742 [0.711-0.770]``; the interval is left out where it is unknown, a dash stands for no figure."""
    if np.isnan(value):
        return "-"
    form = f"{'+' if signed else ''}.{DECIMALS}f"
    if np.isnan(lower) or np.isnan(upper):
        return f"{value:{form}}"
    between = " to " if signed else "-"
    return f"{value:{form}} [{lower:{form}}{between}{upper:{form}}]"


def organ_rows(figures: pd.DataFrame) -> pd.DataFrame:
    """The organs as one whole in words: ours, and minus each other model; text, one row a difference.

    Parameters
    ----------
    figures
        As `metarisk.train.fold_organs.organ_figures` gives them; their first stratum is told.
    """
    rows = figures[(figures["versus"] != "") & (figures["stratum"] == figures["stratum"].iloc[0])]
    by = ["" if np.isnan(days) else f" by {_duration(days)}" for days in rows["horizon_days"]]
    difference = [
        figure_text(*cells, signed=True)
        for cells in rows[["difference", "diff_lower", "diff_upper"]].itertuples(index=False)
    ]
    return pd.DataFrame({
        "mean of": [f"{count} organs{days}" for count, days in zip(rows["organs"], by, strict=True)],
        "stratum": rows["stratum"].to_numpy(),
        "AUROC": [
            figure_text(*cells) for cells in rows[["value", "lower", "upper"]].itertuples(index=False)
        ],
        "versus": rows["versus"].to_numpy(),
        "difference": difference,
        "Holm p": [f"{p:.2g}" for p in rows["p_holm"]],
    })  # fmt: skip


def _with_key(figures: pd.DataFrame) -> pd.DataFrame:
    """Figures with a text key a question and stratum, since NaN is equal to nothing."""
    return figures.assign(key=figures[KEY].astype(str).agg("|".join, axis=1) if len(figures) else "")


def _gaps_of(gaps: pd.DataFrame, key: object) -> pd.DataFrame:
    return gaps[gaps["key"] == key].set_index("model")


def _row(
    part: pd.DataFrame, models: Sequence[str], gaps: pd.DataFrame, better: int, led: bool
) -> tuple[Cell, ...]:
    first = part.iloc[0]
    question = question_text(str(first["endpoint"]), float(first["horizon_days"]), str(first["stratum"]))
    values = {model: float(part["value"].get(model, np.nan)) for model in models}
    top = _best(values.values(), better)
    cells = [Cell(_figure(part, model), _shown(values[model]) == top) for model in models]
    lead = [Cell(_lead(values, models[0], gaps, better))] if led else []
    return (Cell(question), *cells, *lead, Cell(f"{_count(first['n'])} / {_count(first['events'])}"))


def _best(values: Iterable[float], better: int) -> float | None:
    """Best value as it is shown, so that a tie in the printed digits is a tie."""
    known = [_shown(value) for value in values if not np.isnan(value)]
    if not better or len(known) < 2:
        return None
    return max(known) if better > 0 else min(known)


def _lead(values: Mapping[str, float], ours: str, gaps: pd.DataFrame, better: int) -> str:
    """Paired difference from the control that does best."""
    controls = {model: value for model, value in values.items() if model != ours and not np.isnan(value)}
    if not controls:
        return "-"
    hardest = max(controls, key=lambda model: better * controls[model])
    return _figure(gaps, f"{ours} - {hardest}", signed=True)


def _figure(part: pd.DataFrame, row: str, *, signed: bool = False) -> str:
    if row not in part.index:
        return "-"
    value, lower, upper = (float(part[name][row]) for name in ("value", "lower", "upper"))
    return figure_text(value, lower, upper, signed=signed)


def _set_row(part: pd.DataFrame) -> tuple[Cell, ...]:
    """A question's figures of conformal sets."""
    of_all = part[part["within"] == "all"].iloc[0]
    question = question_text(str(of_all["endpoint"]), float(of_all["horizon_days"]), "all")
    cells = [
        Cell(_figure(part[part["within"] == stratum].set_index("metric"), metric))
        for _, metric, stratum in SET_COLUMNS
    ]
    return (Cell(question), *cells, Cell(f"{_count(of_all['n'])} / {_count(of_all['events'])}"))


def _shown(value: float) -> float:
    return round(value, DECIMALS)


def _count(value: float) -> str:
    return "-" if pd.isna(value) else f"{int(value)}"


def _duration(days: float) -> str:
    years = days / DAYS_PER_YEAR
    close = abs(years - round(years)) < 0.01 and round(years) > 0
    return f"{round(years)} y" if close else f"{days:g} d"


def _title(metric: str) -> str:
    direction = {1: " (higher is better)", -1: " (lower is better)", 0: ""}[BETTER.get(metric, 0)]
    return TITLES.get(metric, metric.replace("_", " ")) + direction


def _markdown(table: Comparison) -> str:
    lines = [
        f"**{table.title}**",
        "",
        _line(table.header),
        _line(["---"] * len(table.header)),
        *(_line([f"**{cell.text}**" if cell.best else cell.text for cell in row]) for row in table.rows),
    ]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
