"""Results on a terminal, or as plain lines where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.text import Text

    from metarisk.report import Comparison

PLAIN_WIDTH = 180  # a log or a pipe has no edge to wrap at
SHOWN = ("auroc", "calibration_error")


def show_figures(figures: pd.DataFrame) -> None:
    """Print one comparison a metric that the figures hold, then what conformal sets came to."""
    from metarisk.report import comparison, set_comparison

    held = set(figures["metric"])
    for metric in SHOWN:
        if metric in held:
            _show_comparison(comparison(figures, metric))
    sets = set_comparison(figures)
    if sets is not None:
        _show_comparison(sets)


def show_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, one a line; a value that is None or empty text is left out."""
    from rich.text import Text

    from metarisk.schema.findings import visible

    out = console()
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        if value is not None and value != "":
            out.print(Text(f"{name:<{width}}  {visible(str(value))}"), soft_wrap=True)


def show_notes(notes: Iterable[str]) -> None:
    """Print sentences, one a line."""
    from rich.text import Text

    out = console()
    for note in notes:
        out.print(Text(f"- {note}"), soft_wrap=True)


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print text in columns under a header; nothing where there are no rows."""
    from rich.text import Text

    from metarisk.schema.findings import visible

    listed = [[Text(visible(cell)) for cell in row] for row in rows]
    if listed:
        _print_table(header, listed)


def console(*, stderr: bool = False) -> Console:
    """A console as wide as its terminal, or wide enough for a table where there is none."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False)
    if not made.is_terminal:
        made.width = PLAIN_WIDTH
    return made


def duration(seconds: float) -> str:
    """Seconds as ``48 s`` or ``12 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def show_rows(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table of text."""
    from rich.text import Text

    _print_table(columns, ([Text(cell) for cell in row] for row in rows))


def _show_comparison(shown: Comparison) -> None:
    from rich.text import Text

    rows = (
        [
            Text(f"{cell.text} *" if cell.best else cell.text, style="bold" if cell.best else "")
            for cell in row
        ]
        for row in shown.rows
    )
    _print_table(shown.header, rows, _title(shown))


def _print_table(columns: Iterable[str], rows: Iterable[Iterable[Text]], title: str = "") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(Text(name))
    for row in rows:
        table.add_row(*row)
    out = console()
    with out.capture() as kept:
        out.print(*([title] if title else []), table)
    for line in kept.get().splitlines():
        print(line.rstrip())  # without the padding, so that a pasted table is clean


def _title(shown: Comparison) -> str:
    marked = any(cell.best for row in shown.rows for cell in row)
    return f"{shown.title}; * is the best of its row" if marked else shown.title
