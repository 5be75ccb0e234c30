"""`metarisk benchmark overview`: many comparisons as one table and one figure, from their tables alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from metarisk.errors import InputError
from metarisk.files import written
from metarisk.jobs.benchmark_compare import ORGANS as COMPARED_ORGANS
from metarisk.jobs.benchmark_compare import TABLE as COMPARED
from metarisk.jobs.benchmark_table import shown
from metarisk.jobs.repeated_table import StoredTable

if TYPE_CHECKING:
    import pandas as pd

    from metarisk.report.overview import Line

TABLE, FIGURE, ORGANS = "overview.tsv", "overview.png", "organs"
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
        Tables of figures, and of the organs of the same run, whose intervals are told: ``NAME.tsv`` and
        ``NAME_organs.tsv``, or ``NAME/figures.tsv`` and ``NAME/organs.tsv`` as they were written. Those that
        compare nothing are passed by.
    out
        Folder of `TABLE` and `FIGURE`; it may stand already.

    Raises
    ------
    InputError
        If a file is no table of figures, two have one name, or none compares anything that is shown.
    """
    from metarisk.report.overview import DIFFERENCES, STANDINGS, differences, lines, standings
    from metarisk.report.plots.overview import draw_overview

    read = _read(tables)
    compared = {
        name: _numbers(table) for name, table in read.items() if set(READ) <= set(table.cells.columns)
    }
    organs = {name: _numbers(table) for name, table in read.items() if set(WHOLE) <= set(table.cells.columns)}
    points = {name: differences(figures) for name, figures in compared.items()}
    means = {name: standings(made, organs.get(f"{name}_{ORGANS}")) for name, made in points.items()}
    told = _together(means, STANDINGS)
    drawn = lines(_together(points, DIFFERENCES), told)
    if not drawn:
        raise InputError(
            "none of the tables compares ours with a fitted baseline, the clinic alone or another graph",
            expected=f"columns {', '.join(READ)}, and such a model under versus",
            do="Name tables that metarisk benchmark compare wrote.",
        )
    with written(out / TABLE) as draft:
        draft.write_text(_text(told, compared), encoding="utf-8")
    with written(out / FIGURE) as draft:
        draw_overview(drawn, draft)
    passed_by = tuple(name for name in read if name not in compared and name not in organs)
    return Overview(drawn, told, passed_by, out / TABLE, out / FIGURE)


def _read(tables: Sequence[Path]) -> dict[str, StoredTable]:
    """Tables by name: of the file, or of its folder where the file has the name that `compare` gives it."""
    read: dict[str, StoredTable] = {}
    for path in tables:
        folder = path.resolve().parent.name
        name = {COMPARED: folder, COMPARED_ORGANS: f"{folder}_{ORGANS}"}.get(path.name, path.stem)
        if name in read:
            raise InputError(
                f"{read[name].path} and {path} are both tables of {name}",
                expected="one table a comparison",
                do="Leave one out, or rename a file or its folder.",
            )
        read[name] = StoredTable.read(path)
    return read


def _together(tables: Mapping[str, pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    named = [table.assign(table=name) for name, table in tables.items() if len(table)]
    return pd.concat(named, ignore_index=True) if named else pd.DataFrame(columns=["table", *columns])


def _numbers(table: StoredTable) -> pd.DataFrame:
    import pandas as pd

    try:
        return table.cells.assign(**{name: pd.to_numeric(table.cells[name]) for name in NUMBERS})
    except ValueError as error:
        raise InputError(
            f"{table.path} holds text where a number stands ({error})",
            expected=f"numbers, or nothing, in {', '.join(NUMBERS)}",
            do="Make the table again.",
        ) from error


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
