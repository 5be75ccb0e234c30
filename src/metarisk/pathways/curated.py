"""The curated circuits of metastasis that ship with the package: edges, circuits, references, therapies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from metarisk.errors import TopologyError, nearest
from metarisk.pathways.topology import RELATIONS, Edge, Topology, assemble

FOLDER = Path(__file__).parent / "circuits"
LICENCE = "Apache-2.0 (metarisk curated)"
FAMILY_PREFIX = "family:"

EDGE_COLUMNS = ("source", "target", "relation", "sign", "circuit", "evidence")
CIRCUIT_COLUMNS = ("circuit", "name", "family", "description")
REFERENCE_COLUMNS = ("key", "citation")
THERAPY_COLUMNS = ("therapy_class", "name", "gene", "action", "example_drugs", "evidence")

MAY_BE_EMPTY = ("example_drugs",)  # no drug of the class has reached patients
SIGNS = {"1": 1, "+1": 1, "-1": -1, "0": 0}
Row = dict[str, str]

EMPTY_OR_PADDED = re.compile(r"(?m)(?:^|\t)(?:\s|$)|\s\t|[^\S\n]$")


@dataclass(frozen=True)
class CuratedEdge(Edge):
    """An edge with the circuit it belongs to, the reference for it, and the family file it stands in."""

    circuit: str
    evidence: str
    family: str


@dataclass(frozen=True)
class Circuit:
    """A named circuit; ``description`` says what high activity means for metastasis or response."""

    id: str
    name: str
    family: str
    description: str


@dataclass(frozen=True)
class TherapyTarget:
    """One target of a class of drugs.

    Attributes
    ----------
    therapy_class
        Id of the class, as a clinical table names it.
    name
        Human name of the class.
    gene
        Approved symbol of the target.
    action
        What the drug does to the target, as curated (``inhibit`` lowers its activity).
    example_drugs
        Drugs of the class, separated by semicolons or commas; empty where none has reached patients.
    evidence
        Key of a reference.
    """

    therapy_class: str
    name: str
    gene: str
    action: str
    example_drugs: str
    evidence: str


@cache
def curated_topology() -> Topology:
    """Curated circuits as a topology: circuits are pathways, families stand above them.

    Raises
    ------
    TopologyError
        If a file of the package cannot be read; the sentence names the file and the line.
    """
    edges = curated_edges()
    families = {edge.circuit: edge.family for edge in reversed(edges)}
    described = {circuit.id: circuit for circuit in circuits()}
    families |= {name: described[name].family for name in families if name in described}
    titles = {name: circuit.name for name, circuit in described.items()}
    titles |= {FAMILY_PREFIX + family: family.replace("_", " ") for family in families.values()}
    return assemble(
        "curated",
        edges,
        {(edge.circuit, gene) for edge in edges for gene in (edge.source, edge.target)},
        parents=[(circuit, FAMILY_PREFIX + family) for circuit, family in families.items()],
        titles=titles,
        licences=(LICENCE,),
    )


@cache
def curated_edges() -> tuple[CuratedEdge, ...]:
    """Every curated edge, file by file; an edge that two circuits share stands here twice.

    Raises
    ------
    TopologyError
        If a row is not an edge.
    """
    found: list[CuratedEdge] = []
    for file in _files():
        if not file.name.startswith(("circuits_", "references", "therapies")):
            found += _edges_of(file)
    return tuple(found)


def curated_pairs(circuit: str) -> frozenset[tuple[str, str]]:
    """Pairs (source, target) curated for one circuit, without what other circuits say of its genes."""
    return frozenset((edge.source, edge.target) for edge in curated_edges() if edge.circuit == circuit)


@cache
def circuits() -> tuple[Circuit, ...]:
    """Name, family and meaning of each circuit."""
    rows = _tables("circuits_", CIRCUIT_COLUMNS)
    return tuple(Circuit(row["circuit"], row["name"], row["family"], row["description"]) for row in rows)


@cache
def references() -> dict[str, str]:
    """Citation of each evidence key."""
    return {row["key"]: row["citation"] for row in _tables("references", REFERENCE_COLUMNS)}


@cache
def therapies() -> tuple[TherapyTarget, ...]:
    """Targets of each class of drugs, one entry a (class, gene)."""
    return tuple(TherapyTarget(**row) for row in _tables("therapies", THERAPY_COLUMNS))


def _files() -> list[Path]:
    return sorted(
        (file for file in FOLDER.iterdir() if file.name.endswith(".tsv")), key=lambda file: file.name
    )


def _tables(prefix: str, columns: tuple[str, ...]) -> list[Row]:
    return [
        dict(zip(columns, cells, strict=True))
        for file in _files()
        if file.name.startswith(prefix)
        for _, cells in _rows(file, columns)
    ]


def _rows(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Cells of each row with the line it stands at."""
    text = file.read_text(encoding="utf-8")
    # One look at the whole file spares a look at each of its fifty thousand cells.
    suspect = EMPTY_OR_PADDED.search(text) is not None
    lines = text.splitlines()
    header = tuple(lines[0].split("\t")) if lines else ()
    if header != columns:
        raise TopologyError(
            f"{file.name} has the columns {', '.join(header) or '(none)'}",
            expected=", ".join(columns),
            do="Restore the header line.",
        )
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        cells = line.split("\t")
        if len(cells) != len(columns) or (suspect and not all(map(_filled, columns, cells))):
            raise TopologyError(
                f"{file.name} line {number} has {len(cells)} cells, some empty or padded: {cells}",
                expected=f"{len(columns)} filled cells",
                do="Separate the cells by one tab each and leave none empty.",
            )
        yield number, cells


def _filled(column: str, cell: str) -> bool:
    return cell == cell.strip() and bool(cell or column in MAY_BE_EMPTY)


def _edges_of(file: Path) -> Iterator[CuratedEdge]:
    """Edges of one family's file."""
    family = file.name.removesuffix(".tsv")
    for number, (source, target, relation, sign, circuit, evidence) in _rows(file, EDGE_COLUMNS):
        if sign not in SIGNS or relation not in RELATIONS or source == target:
            raise _refusal(f"{file.name} line {number}", source, relation, sign)
        yield CuratedEdge(source, target, relation, SIGNS[sign], circuit, evidence, family)


def _refusal(where: str, source: str, relation: str, sign: str) -> TopologyError:
    if sign not in SIGNS:
        return TopologyError(
            f"{where} has sign {sign!r}",
            expected="1, -1 or 0",
            do="Say whether the source raises or lowers the target.",
        )
    if relation not in RELATIONS:
        return TopologyError(f"{where} has relation {relation!r}", do=nearest(relation, RELATIONS))
    return TopologyError(f"{where} joins {source} to itself", do="Remove the row.")
