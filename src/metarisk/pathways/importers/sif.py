"""SIF: simple interaction files, whose relations the reader declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from metarisk.errors import TopologyError, nearest
from metarisk.pathways.importers.gather import Origin, both_ways, columns_of, gather
from metarisk.pathways.importers.reading import text_lines
from metarisk.pathways.importers.report import Imported, Resolve


class SifRelation(NamedTuple):
    """What a word in the middle of a SIF line stands for."""

    relation: str
    sign: int = 0
    directed: bool = True


# Pathway Commons' extended SIF, the relations between two genes.
PATHWAY_COMMONS: dict[str, SifRelation] = {
    "controls-phosphorylation-of": SifRelation("phosphorylation"),
    "controls-state-change-of": SifRelation("modification"),
    "controls-transport-of": SifRelation("association"),
    "controls-expression-of": SifRelation("tf_target"),
    "catalysis-precedes": SifRelation("via_metabolite"),
    "in-complex-with": SifRelation("binding", directed=False),
    "interacts-with": SifRelation("binding", directed=False),
    "neighbor-of": SifRelation("association", directed=False),
}
SIGNED: dict[str, SifRelation] = {
    "activates": SifRelation("association", 1),
    "inhibits": SifRelation("association", -1),
    "1": SifRelation("association", 1),
    "-1": SifRelation("association", -1),
}


def read_sif(
    path: Path,
    *,
    relations: Mapping[str, SifRelation],
    provider: str,
    licence: str,
    resolve: Resolve | None = None,
) -> Imported:
    """Edges of a SIF file: source, relation, then one target or several.

    Parameters
    ----------
    path
        Separated by tabs, or by white space where a line has no tab. A line with one name alone is a node
        without an edge and is left out.
    relations
        What each relation of the file stands for: `PATHWAY_COMMONS`, `SIGNED`, or your own.
    provider, licence
        Who, and under what terms.
    resolve
        Name to approved symbol.

    Raises
    ------
    TopologyError
        If a relation was not declared, or a line has a relation and no target.
    """
    import pandas as pd

    lines = [(number, _cells(line)) for number, line in text_lines(path)]
    rows = [row for number, cells in lines for row in _edges(path, number, cells, relations)]
    frame = pd.DataFrame(rows, columns=["source", "target", "relation", "sign", "directed"])
    skipped = {"a node without an edge": sum(len(cells) == 1 for _, cells in lines)}
    frame = both_ways(frame, ~frame["directed"].astype(bool))
    origin = Origin(provider, path.name, (licence,), len(lines), skipped)
    return gather(origin, columns_of(frame), resolve=resolve)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]


def _edges(
    path: Path, number: int, cells: list[str], relations: Mapping[str, SifRelation]
) -> Iterator[tuple[str, str, str, int, bool]]:
    if len(cells) == 1:
        return
    if len(cells) == 2 or not all(cells):
        raise TopologyError(
            f"{path.name} line {number} has {len(cells)} cells, or empty ones: {' '.join(cells)}",
            expected="a source, a relation and at least one target",
            do="Complete the line or remove it.",
        )
    if cells[1] not in relations:
        raise TopologyError(
            f"{path.name} line {number} has the unknown relation {cells[1]!r}",
            expected="a relation that was declared",
            do=nearest(cells[1], relations),
        )
    for target in cells[2:]:
        yield cells[0], target, *relations[cells[1]]
