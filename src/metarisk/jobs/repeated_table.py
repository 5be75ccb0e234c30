"""Two tables of figures, made at different times: what they rest on, and where they differ."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from metarisk.errors import InputError


class StoredTable(NamedTuple):
    """A table of figures as it was written.

    Attributes
    ----------
    path
        Its file.
    heading
        What its first lines say, such as ``command`` and ``config_sha256``.
    cells
        Its rows, every cell as the text it is.
    """

    path: Path
    heading: dict[str, str]
    cells: pd.DataFrame

    @classmethod
    def read(cls, path: Path) -> StoredTable:
        """Read what `metarisk.jobs.train.write_figures` wrote.

        Raises
        ------
        InputError
            If the file cannot be read, or is not such a table.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read ({error})", do="Name a table of figures.") from error
        said = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
        rows = [line.split("\t") for line in lines if not line.startswith("# ")]
        if not said or len({len(row) for row in rows}) != 1:
            raise InputError(
                f"{path} is no table of figures",
                expected="lines that start with '# ', then columns parted by tabs",
                do="Name a table that a benchmark wrote.",
            )
        heading = {key: value for key, _, value in (line.partition(": ") for line in said)}
        return cls(path, heading, pd.DataFrame(rows[1:], columns=rows[0], dtype=str))


class Difference(NamedTuple):
    """What a second making of a table came to.

    Attributes
    ----------
    figures
        Numbers of the first table.
    equal
        How many of them are the same text in the second.
    largest
        Largest absolute difference of two numbers; infinite where a cell of one is no number, or another
        word, in the other.
    where
        The labels of its row, and its column; empty where nothing differs.
    """

    figures: int
    equal: int
    largest: float
    where: str


def difference(first: pd.DataFrame, second: pd.DataFrame) -> Difference:
    """Compare cells of tables whose rows come in one order.

    Raises
    ------
    InputError
        If they have not the same columns and as many rows.
    """
    shapes = [f"{len(table)} rows of {', '.join(table.columns)}" for table in (first, second)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"the table made now has {shapes[1]}",
            expected=shapes[0],
            do="What is compared has changed since; make the table anew and commit it.",
        )
    pairs = list(zip(first.to_numpy().ravel(), second.to_numpy().ravel(), strict=True))
    gaps = [_gap(*pair) for pair in pairs]
    figures = [pair for pair in pairs if _is_number(pair[0])]
    largest = max(gaps, default=0.0)
    where = _place(first, gaps.index(largest)) if largest else ""
    return Difference(len(figures), sum(then == now for then, now in figures), largest, where)


def _gap(first: str, second: str) -> float:
    if first == second:
        return 0.0
    if _is_number(first) and _is_number(second):
        return abs(float(first) - float(second))
    return math.inf


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _place(table: pd.DataFrame, position: int) -> str:
    row, column = divmod(position, table.shape[1])
    labels = [cell for cell in table.iloc[row] if cell and not _is_number(cell)]
    return f"{', '.join(labels)}: {table.columns[column]}"
