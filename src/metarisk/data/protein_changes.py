"""Protein changes as lists of mutations write them: which residue, and what becomes of the protein."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.mutation_classes import IN_FRAME, LEFT_OUT, MISSENSE, TRUNCATING
from metarisk.data.text import distinct_codes, each_distinct

_THREE_LETTERS = "AlaArgAsnAspCysGlnGluGlyHisIleLeuLysMetPheProSerThrTrpTyrVal"
_ONE_LETTER = {_THREE_LETTERS[3 * n : 3 * n + 3]: letter for n, letter in enumerate("ARNDCQEGHILKMFPSTWYV")}
# p.G12D, p.Gly12Asp, ENSP1:p.E746_A750del: letter and number of the first residue, number of the last.
_BEGINS, _RESIDUE = r"^(?:[^:]*:)?(?:p\.)?\(?", r"[A-Z][a-z]{2}|[A-Z*]"
_CHANGE = rf"{_BEGINS}({_RESIDUE})(\d+)(?:_(?:{_RESIDUE})(\d+))?"
_POSITION = r"^(\d+)(?:-(\d+))?"
# p.E285*, p.Gln61Ter, p.R175fs, p.G12=, p.X126_splice: the protein stops, shifts, stays, or is spliced anew.
_NO_RESIDUE = r"\*|Ter|fs|=|splice"
# p.M1?, p.Met1Val: the start is lost.
_NO_START = rf"{_BEGINS}(?:M|Met)1(?!\d)"
# p.E746_A750del, p.D770_N771insSVD, p.Y772_A775dup: residues are lost or added, the frame stays.
_LENGTH_CHANGES = rf"{_BEGINS}(?:{_RESIDUE})\d+(?:_(?:{_RESIDUE})\d+)?(?:del|ins|dup)"


@dataclass(frozen=True)
class Residues:
    """Residues that mutations change, each of shape (M,): NaN and empty text where not told."""

    first: NDArray[np.float64]
    last: NDArray[np.float64]
    amino_acids: NDArray[np.object_]

    @property
    def known(self) -> NDArray[np.bool_]:
        """True where a residue is told, shape (M,)."""
        return ~np.isnan(self.first)


def residues_of(changes: pd.Series, positions: pd.Series | None = None) -> Residues:
    """Residues of protein changes.

    Parameters
    ----------
    changes
        ``p.G12D``, ``p.Gly12Asp``, ``p.E746_A750del``; anything else tells nothing.
    positions
        Column ``Protein_position`` (``12``, ``12/189``, ``746-750``), where the change tells nothing.
    """
    told = _extracted(changes, _CHANGE)
    first, last = (pd.to_numeric(told[column], errors="coerce") for column in (1, 2))
    letters = told[0].map(lambda name: _ONE_LETTER.get(name, name), na_action="ignore").fillna("")
    if positions is not None:
        other = _extracted(positions, _POSITION)
        last = last.where(first.notna(), pd.to_numeric(other[1], errors="coerce"))
        first = first.fillna(pd.to_numeric(other[0], errors="coerce"))
    return Residues(
        first.to_numpy(dtype=np.float64),
        last.fillna(first).to_numpy(dtype=np.float64),
        letters.to_numpy(dtype=object),
    )


def exchange_residues(changes: pd.Series) -> NDArray[np.bool_]:
    """False where a protein change tells that no residue takes another's place, shape (M,)."""
    codes, distinct = distinct_codes(changes)
    told = distinct.str.contains(_NO_RESIDUE, regex=True)
    return ~told.to_numpy(dtype=bool)[codes]


def _extracted(texts: pd.Series, pattern: str) -> pd.DataFrame:
    """Groups of a pattern in each text, found once for each distinct text."""
    codes, distinct = distinct_codes(texts)
    groups = distinct.str.strip().str.extract(pattern)
    return groups.take(codes).set_axis(texts.index)


def channels_of_changes(changes: pd.Series) -> NDArray[np.intp]:
    """Channel of each protein change, `LEFT_OUT` where no residue changes, shape (M,).

    A change that tells no residue counts as missense, as every mutation does of which nothing is told.
    """
    return each_distinct(changes, _channels)


def _channels(changes: pd.Series) -> NDArray[np.intp]:
    lost = changes.str.contains(_NO_RESIDUE, regex=True) | changes.str.contains(_NO_START, regex=True)
    silent = changes.str.contains("=", regex=False)
    in_frame = changes.str.contains(_LENGTH_CHANGES, regex=True)
    channels = np.select([silent, lost, in_frame], [LEFT_OUT, TRUNCATING, IN_FRAME], MISSENSE)
    return channels.astype(np.intp)
