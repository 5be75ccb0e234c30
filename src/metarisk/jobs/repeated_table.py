"""Two tables of figures, made at different times: what they rest on, and where they differ."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from metarisk.errors import InputError

P_VALUES = ("p", "p_holm")


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
        Largest absolute difference of two figures, p values apart; infinite where rows are missing or new, or
        a cell of one is no number, or another word, in the other.
    where
        The labels of its row, and its column; empty where nothing differs.
    largest_p
        Largest absolute difference of two p values: resampling moves them most.
    """

    figures: int
    equal: int
    largest: float
    where: str
    largest_p: float


def difference(first: pd.DataFrame, second: pd.DataFrame) -> Difference:
    """Compare the cells of two tables that have the same columns, row by row."""
    figures = sum(map(_is_number, first.to_numpy().ravel()))
    if len(first) != len(second):
        return Difference(figures, 0, math.inf, f"{len(second)} rows in place of {len(first)}", 0.0)
    pairs = zip(first.to_numpy().ravel(), second.to_numpy().ravel(), strict=True)
    gaps = np.array([_gap(*pair) for pair in pairs]).reshape(first.shape)
    unequal = sum(map(_is_number, first.to_numpy()[gaps > 0]))
    of_p = first.columns.isin(P_VALUES)
    measured = np.where(of_p, 0.0, gaps)
    row, column = divmod(int(measured.argmax()), gaps.shape[1])
    largest = float(measured[row, column])
    where = _place(first.iloc[row], first.columns[column]) if largest else ""
    return Difference(figures, figures - unequal, largest, where, float(gaps[:, of_p].max(initial=0.0)))


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


def _place(row: pd.Series[str], column: str) -> str:
    labels = [cell for cell in row if cell and not _is_number(cell)]
    return f"{', '.join(labels)}: {column}"
