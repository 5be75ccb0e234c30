"""What an importer brings home: a topology, and a report that says what became of every row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from metarisk.errors import first_ten
from metarisk.pathways.topology import Topology

Resolve = Callable[[str], str | None]


def as_is(name: str) -> str | None:
    """Take a name for an approved symbol; empty text is no gene."""
    return name or None


@dataclass(frozen=True)
class ImportReport:
    """What became of the rows of a provider's file.

    Attributes
    ----------
    provider, file
        Who, and the name of the file.
    rows_read
        Rows or lines of the file.
    skipped
        Rows left out by a stated rule, by reason.
    edges_kept
        Edges of the topology.
    self_loops
        Edges from a gene to itself, dropped.
    duplicates
        Repeats of one (source, target, relation), collapsed.
    conflicts, conflicting
        Edges whose repeats had both signs, kept with sign 0: how many, and the first of them by name.
    unresolved
        Names that are no gene, sorted.
    edges_unresolved
        Edges left out since an end is one of those.
    pathways_kept, memberships_kept
        Pathways and their memberships.
    notes
        Anything else to know, a sentence each.
    """

    provider: str
    file: str
    rows_read: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    edges_kept: int = 0
    self_loops: int = 0
    duplicates: int = 0
    conflicts: int = 0
    conflicting: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    edges_unresolved: int = 0
    pathways_kept: int = 0
    memberships_kept: int = 0
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "skipped": dict(self.skipped)}

    def lines(self) -> list[str]:
        """Sentences: what was read and kept, and everything that was not, with its reason."""
        told = [
            f"{self.provider}, {self.file}: {self.rows_read} rows gave {self.edges_kept} edges, "
            f"{self.pathways_kept} pathways and {self.memberships_kept} memberships."
        ]
        told += [
            f"{count} rows left out: {reason}." for reason, count in sorted(self.skipped.items()) if count
        ]
        if self.unresolved:
            told.append(
                f"{len(self.unresolved)} names are no gene of the table ({first_ten(self.unresolved)}); "
                f"{self.edges_unresolved} edges to them were left out."
            )
        if self.self_loops:
            told.append(f"{self.self_loops} edges from a gene to itself were dropped.")
        if self.duplicates:
            told.append(f"{self.duplicates} repeats of an edge were collapsed.")
        if self.conflicts:
            told.append(
                f"{self.conflicts} edges have both signs and are kept unsigned "
                f"({first_ten(self.conflicting)})."
            )
        return [*told, *self.notes]


class Imported(NamedTuple):
    """A provider's topology and the report on how it came about."""

    topology: Topology
    report: ImportReport
