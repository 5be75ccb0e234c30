"""Reactome: ReactomePathways.gmt with its names and its hierarchy."""

from __future__ import annotations

from pathlib import Path

from metarisk.errors import TopologyError
from metarisk.pathways.hierarchy import GeneSets, above
from metarisk.pathways.importers.gather import Origin, gather
from metarisk.pathways.importers.gmt import GmtSet, gmt_sets
from metarisk.pathways.importers.reading import text_lines
from metarisk.pathways.importers.report import Imported, Resolve

LICENCE = "CC0-1.0 (Reactome)"


def read_reactome(
    gmt: Path,
    *,
    names: Path | None = None,
    relations: Path | None = None,
    species: str = "R-HSA",
    resolve: Resolve | None = None,
) -> Imported:
    """Reactome's pathways, members and hierarchy; no edges between genes.

    Parameters
    ----------
    gmt
        ``ReactomePathways.gmt``: title, stable id, genes.
    names
        ``ReactomePathways.txt``: stable id, title, species; wins over the titles of the GMT.
    relations
        ``ReactomePathwaysRelation.txt``: parent, child, all species.
    species
        Prefix of the stable ids to keep.
    resolve
        Name in the file to approved symbol; names as they stand without it.

    Raises
    ------
    TopologyError
        If a file is not what it should be, or the hierarchy has a cycle.
    """
    sets = [GmtSet(each.description, each.name, each.genes) for each in gmt_sets(gmt, unique="description")]
    ours = [each for each in sets if each.name.startswith(f"{species}-")]
    titles = {each.name: each.description for each in ours} | _titles(names, species)
    parents = _parents(relations, species)
    reached = above({each.name for each in ours}, parents)
    origin = Origin(
        "Reactome",
        gmt.name,
        (LICENCE,),
        rows_read=len(sets),
        skipped={f"another species than {species}": len(sets) - len(ours)},
    )
    membership = [(each.name, gene) for each in ours for gene in each.genes]
    return gather(
        origin,
        sets=GeneSets(membership, [pair for pair in parents if pair[0] in reached], titles),
        resolve=resolve,
    )


def _titles(path: Path | None, species: str) -> dict[str, str]:
    if path is None:
        return {}
    cells = (line.split("\t") for _, line in text_lines(path))
    return {row[0]: row[1].strip() for row in cells if len(row) > 1 and row[0].startswith(f"{species}-")}


def _parents(path: Path | None, species: str) -> list[tuple[str, str]]:
    """Pairs (child, parent) of one species; the file has the parent first."""
    pairs = []
    for number, line in text_lines(path) if path else ():
        cells = line.split("\t")
        if len(cells) != 2:
            raise TopologyError(
                f"{path.name if path else ''} line {number} has {len(cells)} cells",
                expected="parent and child, separated by a tab",
                do="Give ReactomePathwaysRelation.txt as Reactome distributes it.",
            )
        if all(cell.startswith(f"{species}-") for cell in cells):
            pairs.append((cells[1], cells[0]))
    return pairs
