"""Recurrent positions: whether a mutation stands where tumours mutate again and again."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.places import Places
from metarisk.data.protein_changes import Residues

TABLE = Path(__file__).with_name("hotspots.tsv")
SUBSTITUTION, IN_FRAME, PROMOTER = "substitution", "in_frame", "promoter"

# The standard genetic code, codons in the order TTT, TTC, TTA, TTG, TCT, ...; * stops.
_CODE = dict(
    zip(
        map("".join, product("TCAG", repeat=3)),
        "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
        strict=True,
    )
)
_OPPOSITE = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True)
class Hotspot:
    """One row of the table.

    Attributes
    ----------
    gene
        Approved symbol.
    kind
        ``substitution``, ``in_frame`` or ``promoter``: what recurs there.
    first, last
        Residues, 0 for a promoter.
    amino_acid, codon
        Of a substitution what stands there in the reference; the codon as it is read, empty if not needed.
    chromosome, strand
        ``+`` if the gene is read along the chromosome.
    spans
        Build -> first and last base.
    """

    gene: str
    kind: str
    first: int
    last: int
    amino_acid: str
    codon: str
    chromosome: str
    strand: str
    spans: Mapping[str, tuple[int, int]]

    @property
    def changed_by(self) -> str:
        """Kind of mutation that counts here: in a promoter it is a substitution."""
        return SUBSTITUTION if self.kind == PROMOTER else self.kind


@cache
def hotspots() -> tuple[Hotspot, ...]:
    """Every recurrent position of the table that comes with metarisk."""
    with TABLE.open(encoding="utf-8") as stream:
        lines = (line for line in stream if not line.startswith("#"))
        return tuple(_hotspot(row) for row in csv.DictReader(lines, delimiter="\t"))


def hotspot_calls(
    genes: NDArray[np.object_], kinds: NDArray[np.object_], residues: Residues, places: Places, build: str
) -> NDArray[np.float32]:
    """1 where a mutation stands at a hotspot of its kind, 0 where not, NaN where nobody can tell, shape (M,).

    A substitution counts at codons of recurrent substitutions only, an insertion or deletion in frame only
    where these recur. The protein change tells, and the place on the genome does: protein changes of another
    transcript count their residues differently.

    Parameters
    ----------
    genes
        Approved symbols, shape (M,).
    kinds
        ``substitution``, ``in_frame``, or empty text for whatever can be at no hotspot, shape (M,).
    build
        Of the places; empty text if it is not known: then they tell nothing.
    """
    concerned = np.zeros(len(genes), dtype=bool)
    for kind in (SUBSTITUTION, IN_FRAME):
        listed = [spot.gene for spot in hotspots() if spot.changed_by == kind]
        concerned |= (kinds == kind) & pd.Index(genes).isin(listed)
    by_place = places.known & bool(build)
    calls = np.zeros(len(genes), dtype=np.float32)
    calls[concerned & ~residues.known & ~by_place] = np.nan
    rows = np.flatnonzero(concerned)
    rows_of = {gene: rows[theirs] for gene, theirs in pd.Series(rows).groupby(genes[rows]).indices.items()}
    for spot in hotspots():
        of_gene = rows_of.get(spot.gene)
        if of_gene is not None:
            fits = of_gene[kinds[of_gene] == spot.changed_by]
            calls[fits[_at_residue(spot, residues, fits)]] = 1.0
            calls[fits[_at_place(spot, places, fits, build)]] = 1.0
    return calls


def _hotspot(row: Mapping[str, str]) -> Hotspot:
    first, _, last = row["residues"].partition("-")
    spans = {build: (int(row[f"{build}_start"]), int(row[f"{build}_end"])) for build in ("hg19", "hg38")}
    return Hotspot(
        row["gene"],
        row["kind"],
        int(first or 0),
        int(last or first or 0),
        row["amino_acid"],
        row["codon"],
        row["chromosome"],
        row["strand"],
        spans,
    )


def _at_residue(spot: Hotspot, residues: Residues, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """True where a mutation changes a residue of the hotspot, by its protein change."""
    if spot.kind == PROMOTER:
        return np.zeros(len(rows), dtype=bool)
    first, last, letters = (part[rows] for part in (residues.first, residues.last, residues.amino_acids))
    # Another amino acid than the reference's means that the residues count along another transcript.
    other = (first == spot.first) & (letters != "") & (letters != spot.amino_acid) & bool(spot.amino_acid)
    overlaps: NDArray[np.bool_] = (first <= spot.last) & (last >= spot.first) & ~other
    return overlaps


def _at_place(spot: Hotspot, places: Places, rows: NDArray[np.intp], build: str) -> NDArray[np.bool_]:
    """True where a mutation lies in the hotspot, by its place."""
    if build not in spot.spans:
        return np.zeros(len(rows), dtype=bool)
    start, end = spot.spans[build]
    theirs = places.take(rows)
    inside: NDArray[np.bool_] = (
        (theirs.chromosomes == spot.chromosome) & (theirs.starts <= end) & (theirs.ends >= start)
    )
    if not spot.codon:
        return inside
    for row in np.flatnonzero(inside):
        before, after = str(theirs.references[row]), str(theirs.alternates[row])
        inside[row] = changes_residue(spot, before, after, int(theirs.starts[row]) - start)
    return inside


def changes_residue(spot: Hotspot, before: str, after: str, at: int) -> bool:
    """False where a single base's substitution in the codon changes no residue, or stops it.

    Parameters
    ----------
    before, after
        Alleles on the plus strand.
    at
        Base of the codon along the chromosome, 0 .. 2.
    """
    if len(before) != 1 or len(after) != 1 or before not in "ACGT" or after not in "ACGT":
        return True
    plus = plus_strand(spot)
    if plus[at] != before:
        return False
    changed = plus[:at] + after + plus[at + 1 :]
    read = changed if spot.strand == "+" else changed.translate(_OPPOSITE)[::-1]
    return _CODE[read] not in (spot.amino_acid, "*")


def plus_strand(spot: Hotspot) -> str:
    """The codon as it stands along the chromosome."""
    return spot.codon if spot.strand == "+" else spot.codon.translate(_OPPOSITE)[::-1]
