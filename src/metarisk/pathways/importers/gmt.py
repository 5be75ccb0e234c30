"""Gene sets from any GMT file: a set a line, its name, a description, its genes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from metarisk.errors import TopologyError
from metarisk.pathways.hierarchy import GeneSets
from metarisk.pathways.importers.gather import Origin, gather
from metarisk.pathways.importers.reading import text_lines
from metarisk.pathways.importers.report import Imported, Resolve


class GmtSet(NamedTuple):
    """One line of a GMT file."""

    name: str
    description: str
    genes: tuple[str, ...]


def read_gmt(path: Path, *, provider: str, licence: str, resolve: Resolve | None = None) -> Imported:
    """Gene sets as pathways without edges; the first column is the id, the second a title.

    A description that is empty, ``na`` or a web address is no title.

    Raises
    ------
    TopologyError
        If a line has no genes, or two lines have one name.
    """
    sets = gmt_sets(path, unique="name")
    return gather(
        Origin(provider, path.name, (licence,), rows_read=len(sets)),
        sets=GeneSets(
            membership=[(each.name, gene) for each in sets for gene in each.genes],
            titles={each.name: _title(each) for each in sets},
        ),
        resolve=resolve,
    )


def gmt_sets(path: Path, *, unique: Literal["name", "description"]) -> list[GmtSet]:
    """Lines of a GMT file as they stand.

    Parameters
    ----------
    path
        Plain or gzip.
    unique
        Column that no two lines may share.

    Raises
    ------
    TopologyError
        If a line has no genes, or two lines have one name; the sentence names the lines.
    """
    sets, seen = [], dict[str, int]()
    for number, line in text_lines(path):
        cells = [cell.strip() for cell in line.split("\t")]
        each = GmtSet(cells[0], "".join(cells[1:2]), tuple(cell for cell in cells[2:] if cell))
        if not each.genes or not each.name:
            raise TopologyError(
                f"{path.name} line {number}: {cells[0]!r} has no genes",
                expected="a name, a description and at least one gene, separated by tabs",
                do="Remove the line or restore its genes.",
            )
        key = each.name if unique == "name" else each.description
        if key in seen:
            raise TopologyError(
                f"{path.name}: lines [{seen[key]}, {number}] are both {key!r}",
                expected="one line a set",
                do="Rename or remove one of them.",
            )
        seen[key] = number
        sets.append(each)
    return sets


def _title(each: GmtSet) -> str:
    told = each.description
    return each.name if told.lower() in ("", "na", "-") or "://" in told else told
