"""Where alterations lie on the genome: chromosome, first and last base, alleles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.text import in_capitals

CHROMOSOME, START, END = "Chromosome", "Start_Position", "End_Position"
REFERENCE, ALTERNATE = "Reference_Allele", "Tumor_Seq_Allele2"
PLACE_COLUMNS = (CHROMOSOME, START, END, REFERENCE, ALTERNATE)

_NUMBERED = {"23": "X", "24": "Y", "M": "MT"}


@dataclass(frozen=True)
class Places:
    """Alterations on the plus strand of some build, each array of shape (M,).

    Attributes
    ----------
    chromosomes
        ``1`` .. ``22``, ``X``, ``Y``, ``MT``; empty text where not told.
    starts, ends
        First and last base, 1 is a chromosome's first; NaN where not told.
    references, alternates
        Alleles as they stand in the file, upper case; empty text where not told.
    """

    chromosomes: NDArray[np.object_]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    references: NDArray[np.object_]
    alternates: NDArray[np.object_]

    @property
    def known(self) -> NDArray[np.bool_]:
        """True where chromosome and first base are told, shape (M,)."""
        told: NDArray[np.bool_] = (self.chromosomes != "") & ~np.isnan(self.starts)
        return told

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Places:
        """Rows in the order asked for, or those where a mask is True."""
        return Places(
            self.chromosomes[rows],
            self.starts[rows],
            self.ends[rows],
            self.references[rows],
            self.alternates[rows],
        )


def places_in(frame: pd.DataFrame, columns: Mapping[str, str] | None = None) -> Places:
    """Places of a table of text, by the MAF's names of columns.

    Parameters
    ----------
    columns
        The MAF's name -> the table's, where they differ; a column that is absent tells nothing.
    """
    names = dict(columns or {})

    def text(name: str) -> pd.Series:
        column = names.get(name, name)
        return frame[column] if column in frame.columns else pd.Series("", index=frame.index, dtype=object)

    starts, ends = _bases(text(START)), _bases(text(END))
    return Places(
        chromosome_names(text(CHROMOSOME)),
        starts,
        np.where(np.isnan(ends), starts, ends),
        in_capitals(text(REFERENCE)).to_numpy(dtype=object),
        in_capitals(text(ALTERNATE)).to_numpy(dtype=object),
    )


def chromosome_names(names: pd.Series) -> NDArray[np.object_]:
    """Chromosomes without ``chr``, X and Y by letter, shape (M,)."""
    plain = {name: _plain(str(name)) for name in names.unique()}
    return names.map(plain).to_numpy(dtype=object)


def _plain(name: str) -> str:
    short = name.strip().upper().removeprefix("CHR").removesuffix(".0")
    return _NUMBERED.get(short, short)


def _bases(text: pd.Series) -> NDArray[np.float64]:
    values = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64)
    return np.where(values > 0, values, np.nan)
