"""Rows of a table to a portion: the sound ones a cohort, the others set aside, each by itself."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.data.rows import cohort_of
from metarisk.errors import InputError
from metarisk.schema.ids import id_fault
from metarisk.score.first_rows import FirstRows
from metarisk.score.stream import Portion, SetAside

ID = "sample_id"


@dataclass
class Rows:
    """Consecutive rows of a table.

    Attributes
    ----------
    frame
        Columns of the row format, index 0 .. N - 1.
    at
        Row of the input that each is, shape (N,).
    faults
        Row -> what its reader found wrong with it.
    broken
        Rows that could not even be split into cells.
    """

    frame: pd.DataFrame
    at: NDArray[np.intp]
    faults: dict[int, str] = field(default_factory=dict)
    broken: tuple[SetAside, ...] = ()

    def mark(self, wrong: NDArray[np.bool_], fault: str) -> None:
        """Note a fault of the rows where a mask is True, shape (N,); the first fault of a row stands."""
        for row in self.at[wrong].tolist():
            self.faults.setdefault(row, fault)


def sift(rows: Rows, name: str, met: FirstRows) -> Portion:
    """The portion of some rows of a table.

    Parameters
    ----------
    rows
        Of any kind.
    name
        What the table is called.
    met
        Knows the ids of earlier rows.
    """
    _mark_ids(rows, met)
    sound = np.array([row not in rows.faults for row in rows.at.tolist()], dtype=np.bool_)
    frame, at = rows.frame[sound], rows.at[sound]
    cohort, refused = _cohort(frame, at, name)
    rows.faults.update(refused)
    kept = np.array([row not in refused for row in at.tolist()], dtype=np.bool_)
    named = dict(zip(rows.at.tolist(), rows.frame[ID].astype(str), strict=True))
    aside = [SetAside(row, named[row], fault) for row, fault in rows.faults.items()]
    return Portion(cohort, at[kept], tuple(sorted([*rows.broken, *aside])))


def _mark_ids(rows: Rows, met: FirstRows) -> None:
    ids, at = rows.frame[ID].astype(str).tolist(), rows.at.tolist()
    faults = [id_fault(sample) for sample in ids]
    for row, fault in zip(at, faults, strict=True):
        if fault is not None:
            rows.faults.setdefault(row, f"its id is refused: such ids {fault}")
    usable = [place for place, fault in enumerate(faults) if fault is None]
    rows_of = [at[place] for place in usable]
    for row, first in zip(rows_of, met.meet([ids[place] for place in usable], rows_of), strict=True):
        if first != row:
            rows.faults[row] = f"the id stands in row {first} already; the first one counts"


def _cohort(frame: pd.DataFrame, at: NDArray[np.intp], name: str) -> tuple[Cohort | None, dict[int, str]]:
    """Cohort of the rows that make one, and the reason of each that does not.

    Rows are halved until the bad ones stand alone, since nearly all are sound.
    """
    if not len(frame):
        return None, {}
    try:
        return cohort_of(frame, name), {}
    except InputError as caught:
        if len(frame) == 1:
            wanted = f"; expected {caught.expected}" if caught.expected else ""
            return None, {int(at[0]): f"{caught.found}{wanted}"}
    half = len(frame) // 2
    refused = _cohort(frame[:half], at[:half], name)[1] | _cohort(frame[half:], at[half:], name)[1]
    kept = [row not in refused for row in at.tolist()]
    return (cohort_of(frame[kept], name) if any(kept) else None), refused
