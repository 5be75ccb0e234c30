"""Which genome build positions speak of: what is declared, against what the positions themselves show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.found import Found, error, warning
from metarisk.data.hotspots import hotspots, plus_strand
from metarisk.data.places import Places
from metarisk.data.text import TextTable, in_capitals, stripped

BUILDS = ("hg19", "hg38")
# What sources call the two builds, upper case.
BUILD_NAMES = {
    **dict.fromkeys(("HG19", "GRCH37", "37", "37.0", "B37", "NCBI37", "HS37D5"), "hg19"),
    **dict.fromkeys(("HG38", "GRCH38", "38", "38.0", "NCBI38"), "hg38"),
}
# Bases of each chromosome in GRCh37 and in GRCh38.
CHROMOSOME_LENGTHS: dict[str, tuple[int, int]] = {
    "1": (249_250_621, 248_956_422),
    "2": (243_199_373, 242_193_529),
    "3": (198_022_430, 198_295_559),
    "4": (191_154_276, 190_214_555),
    "5": (180_915_260, 181_538_259),
    "6": (171_115_067, 170_805_979),
    "7": (159_138_663, 159_345_973),
    "8": (146_364_022, 145_138_636),
    "9": (141_213_431, 138_394_717),
    "10": (135_534_747, 133_797_422),
    "11": (135_006_516, 135_086_622),
    "12": (133_851_895, 133_275_309),
    "13": (115_169_878, 114_364_328),
    "14": (107_349_540, 107_043_718),
    "15": (102_531_392, 101_991_189),
    "16": (90_354_753, 90_338_345),
    "17": (81_195_210, 83_257_441),
    "18": (78_077_248, 80_373_285),
    "19": (59_128_983, 58_617_616),
    "20": (63_025_520, 64_444_167),
    "21": (48_129_895, 46_709_983),
    "22": (51_304_566, 50_818_468),
    "X": (155_270_560, 156_040_895),
    "Y": (59_373_566, 57_227_415),
}
# Codons that moved less than this between the builds tell nothing: within one gene chance does as much.
FEWEST_BASES_MOVED = 10_000


@dataclass(frozen=True)
class BuildEvidence:
    """What positions show of their build; each maps a build to a count of rows.

    Attributes
    ----------
    positions
        Rows with a position.
    named
        Rows whose own column names the build.
    past_end
        Rows that lie past the end of their chromosome in this build and not in the other.
    nowhere
        True for rows that lie past the end in both builds, shape (M,): slips, which show nothing.
    codons
        Rows at a recurrent codon of their gene, by the place and reference base that it has in the build.
    foreign
        Names of other builds that the column holds.
    """

    positions: int
    named: Counter[str]
    past_end: Counter[str]
    nowhere: NDArray[np.bool_]
    codons: Counter[str]
    foreign: tuple[str, ...] = ()

    def against(self, build: str) -> str:
        """What speaks against a build, with counts; empty text if nothing does."""
        (other,) = set(BUILDS) - {build}
        told = []
        if self.past_end[build]:
            told.append(f"{self.past_end[build]} positions lie past their chromosome's end in {build}")
        if self.named[other]:
            told.append(f"{self.named[other]} rows name {other}")
        if self.codons[other] > self.codons[build]:
            counts = f"{self.codons[other]} mutations stand at hotspot codons of {other}"
            told.append(f"{counts}, {self.codons[build]} at those of {build}")
        return "; ".join(told)

    def speaks_for(self, build: str) -> str:
        """What speaks for a build, with counts; empty text if nothing does."""
        (other,) = set(BUILDS) - {build}
        told = []
        if self.named[build]:
            told.append(f"{self.named[build]} rows name it")
        if self.codons[build] > self.codons[other]:
            told.append(f"{self.codons[build]} mutations stand at its hotspot codons")
        if self.past_end[other]:
            told.append(f"{self.past_end[other]} positions lie past a chromosome's end in {other}")
        return ", ".join(told)


def weigh_build(genes: NDArray[np.object_], places: Places, names: pd.Series | None) -> BuildEvidence:
    """Evidence of the build of positions.

    Parameters
    ----------
    genes
        Approved symbols, shape (M,).
    places
        Of the same rows.
    names
        The build that each row names (``NCBI_Build``), if there is such a column.
    """
    known = places.known
    counted = Counter() if names is None else Counter(in_capitals(stripped(names[known])))
    named: Counter[str] = Counter()
    for name, count in counted.items():
        if name in BUILD_NAMES:
            named[BUILD_NAMES[name]] += count
    foreign = tuple(sorted(set(counted) - set(BUILD_NAMES) - {"", "NA", "."}))
    past = {build: _past_end(places, build) for build in BUILDS}
    nowhere = np.logical_and.reduce(list(past.values()))
    past_end = Counter({build: int((rows & ~nowhere).sum()) for build, rows in past.items()})
    return BuildEvidence(int(known.sum()), named, past_end, nowhere, _codons(genes, places), foreign)


def settle_build(declared: str, evidence: BuildEvidence, table: TextTable, found: Found) -> str:
    """The build of a table's positions, or empty text where nobody can tell it.

    Parameters
    ----------
    declared
        Build by the study file or the study's meta file; empty text if there is none.
    evidence
        What the same table's positions show.
    """
    if not evidence.positions:
        return declared
    _tell_nowhere(evidence, table, found)
    file = table.name
    if evidence.foreign:
        message = f"names genome builds that metarisk does not read ({', '.join(evidence.foreign)})"
        found.append(error(file, message, "Lift the positions over to hg19 or hg38, or leave them out."))
    if not declared:
        return _told_by_evidence(evidence, file, found)
    against = evidence.against(declared)
    if against:
        message = f"is declared as {declared}, but {against}"
        do = "Correct the declared build (build in the study file, reference_genome in meta_study.txt)."
        found.append(error(file, message, do))
    return declared


def build_named(name: str) -> str:
    """``hg19`` or ``hg38`` by any of their names; empty text for any other."""
    return BUILD_NAMES.get(name.strip().upper(), "")


def _told_by_evidence(evidence: BuildEvidence, file: str, found: Found) -> str:
    possible = [build for build in BUILDS if not evidence.against(build)]
    shown = [build for build in possible if evidence.speaks_for(build)]
    if len(shown) == 1:
        (build,) = shown
        message = f"has positions and declares no build; they are of {build}: {evidence.speaks_for(build)}"
        found.append(warning(file, message, f"Declare build: {build} in the study file."))
        return build
    if not possible:
        told = "; ".join(f"against {build}: {evidence.against(build)}" for build in BUILDS)
        message = f"has positions of two genome builds ({told})"
        found.append(error(file, message, "Lift all positions over to one build."))
        return ""
    message = f"has {evidence.positions} positions, and nothing shows their genome build"
    do = "Declare build in the study file; until then no mutation counts as a hotspot by its position."
    found.append(warning(file, message, do))
    return ""


def _past_end(places: Places, build: str) -> NDArray[np.bool_]:
    """True where a position lies past its chromosome's end in the build, shape (M,)."""
    column = BUILDS.index(build)
    lengths = {name: pair[column] for name, pair in CHROMOSOME_LENGTHS.items()}
    end = pd.Series(places.chromosomes).map(lengths).to_numpy(dtype=np.float64)
    last = np.fmax(places.starts, places.ends)
    past: NDArray[np.bool_] = last > end
    return past


def _tell_nowhere(evidence: BuildEvidence, table: TextTable, found: Found) -> None:
    if evidence.nowhere.any():
        message = f"{evidence.nowhere.sum()} positions lie past their chromosome's end in hg19 and in hg38"
        do = "Correct these positions; they count as unknown."
        found.append(warning(table.name, message, do, lines=table.lines(evidence.nowhere)))


def _codons(genes: NDArray[np.object_], places: Places) -> Counter[str]:
    """Single bases at a recurrent codon of their gene, with the base that the reference has there."""
    rows = np.flatnonzero(pd.Index(genes).isin([spot.gene for spot in hotspots()]) & places.known)
    near = places.take(rows)
    at = pd.MultiIndex.from_arrays([genes[rows], near.chromosomes, near.starts, near.references])
    counts: Counter[str] = Counter()
    for build in BUILDS:
        expected = pd.MultiIndex.from_tuples(list(_bases_that_tell(build)))
        counts[build] = int(at.isin(expected).sum())
    return counts


def _bases_that_tell(build: str) -> Iterator[tuple[str, str, float, str]]:
    for spot in hotspots():
        moved = abs(spot.spans["hg19"][0] - spot.spans["hg38"][0])
        if spot.codon and moved >= FEWEST_BASES_MOVED:
            start = spot.spans[build][0]
            for offset, base in enumerate(plus_strand(spot)):
                yield spot.gene, spot.chromosome, float(start + offset), base
