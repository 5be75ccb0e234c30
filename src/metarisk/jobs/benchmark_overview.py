"""`metarisk benchmark overview`: many comparisons as one table and one figure, from their tables alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from metarisk.errors import InputError
from metarisk.files import written
from metarisk.jobs.benchmark_table import shown
from metarisk.jobs.repeated_table import StoredTable

if TYPE_CHECKING:
    import pandas as pd

    from metarisk.report.overview import Line

TABLE, FIGURE = "overview.tsv", "overview.png"
NUMBERS = ("horizon_days", "value", "difference", "diff_lower", "diff_upper", "p_holm")
READ = ("endpoint", "stratum", "metric", "versus", *NUMBERS)
WHOLE = ("organs", "stratum", "versus", *NUMBERS)


class Overview(NamedTuple):
    """What came of it.

    Attributes
    ----------
    lines
        What is drawn, from the top.
    standings
        Column ``table`` and `metarisk.report.overview.STANDINGS`.
    passed_by
        Names of tables that compare nothing with a control.
    table, figure
        Files.
    """

    lines: list[Line]
    standings: pd.DataFrame
    passed_by: tuple[str, ...]
    table: Path
    figure: Path


def benchmark_overview(tables: Sequence[Path], *, out: Path) -> Overview:
    """Read figures of `metarisk benchmark compare` and tell how ours stands against each control.

    No data is read, and nothing is fitted.

    Parameters
    ----------
    tables
        Tables of figures, and ``NAME_organs.tsv`` of the same run, whose intervals are told; those that
        compare nothing are passed by.
    out
        Folder of `TABLE` and `FIGURE`; it may stand already.

    Raises
    ------
    InputError
        If a file is no table of figures, or none compares anything.
    """
    from metarisk.report.overview import differences, lines, standings
    from metarisk.report.plots.overview import draw_overview

    read = {path.stem: StoredTable.read(path).cells for path in tables}
    compared = {name: _numbers(cells) for name, cells in read.items() if set(READ) <= set(cells.columns)}
    organs = {name: _numbers(cells) for name, cells in read.items() if set(WHOLE) <= set(cells.columns)}
    points = {name: differences(figures) for name, figures in compared.items()}
    if not points:
        raise InputError(
            "none of the tables compares a model with a control",
            expected=f"columns {', '.join(READ)}",
            do="Name tables that metarisk benchmark compare wrote.",
        )
    means = {name: standings(made, organs.get(f"{name}_organs")) for name, made in points.items()}
    told = _together(means)
    drawn = lines(_together(points), told)
    with written(out / TABLE) as draft:
        draft.write_text(_text(told, compared), encoding="utf-8")
    with written(out / FIGURE) as draft:
        draw_overview(drawn, draft)
    passed_by = tuple(name for name in read if name not in compared and name not in organs)
    return Overview(drawn, told, passed_by, out / TABLE, out / FIGURE)


def _together(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([table.assign(table=name) for name, table in tables.items()], ignore_index=True)


def _numbers(cells: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return cells.assign(**{name: pd.to_numeric(cells[name]) for name in NUMBERS})


def _text(standings: pd.DataFrame, compared: Iterable[str]) -> str:
    standings = standings[["table", *(name for name in standings if name != "table")]]
    lines = [
        "# command: metarisk benchmark overview TABLE.. --out overview",
        f"# tables: {', '.join(compared)}",
        "# mean, least, most: of ours - versus, in AUROC or, where dated, Harrell's c at the last horizon",
        "# ahead, behind: questions whose 95 % interval leaves zero out; holm: whose p_holm is below .05",
        "\t".join(standings.columns),
    ]
    rows = ("\t".join(map(shown, row)) for row in standings.itertuples(index=False, name=None))
    return "\n".join([*lines, *rows]) + "\n"
