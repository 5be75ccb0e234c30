"""What changed between two topologies, as values and as lines to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from metarisk.pathways.edges import RELATIONS
from metarisk.pathways.topology import Topology

EdgeKey = tuple[str, str, str]
Key = TypeVar("Key", str, tuple[str, str], tuple[str, str, str])


@dataclass(frozen=True)
class SignChange:
    """One edge of both topologies with unlike signs."""

    source: str
    target: str
    relation: str
    before: int
    after: int

    def __str__(self) -> str:
        """Edge with the sign before and after."""
        return f"{self.source} -> {self.target} ({self.relation}): {self.before:+d} became {self.after:+d}"


@dataclass(frozen=True)
class TopologyDiff:
    """Content of the second topology against the first; edges are (source, target, relation)."""

    genes_added: tuple[str, ...]
    genes_removed: tuple[str, ...]
    edges_added: tuple[EdgeKey, ...]
    edges_removed: tuple[EdgeKey, ...]
    sign_changes: tuple[SignChange, ...]
    pathways_added: tuple[str, ...]
    pathways_removed: tuple[str, ...]
    members_added: tuple[tuple[str, str], ...]
    members_removed: tuple[tuple[str, str], ...]
    parents_added: tuple[tuple[str, str], ...]
    parents_removed: tuple[tuple[str, str], ...]

    @property
    def same(self) -> bool:
        """True where nothing differs."""
        return not any(asdict(self).values())

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """One line a change, grouped, with counts; one line where nothing differs."""
        if self.same:
            return ["The two topologies have the same content."]
        groups: list[tuple[str, Iterable[object]]] = [
            ("+ gene", self.genes_added),
            ("- gene", self.genes_removed),
            ("+ edge", map(_edge_text, self.edges_added)),
            ("- edge", map(_edge_text, self.edges_removed)),
            ("~ sign", self.sign_changes),
            ("+ pathway", self.pathways_added),
            ("- pathway", self.pathways_removed),
            ("+ member", map(" in ".join, _reversed(self.members_added))),
            ("- member", map(" in ".join, _reversed(self.members_removed))),
            ("+ parent", map(" below ".join, self.parents_added)),
            ("- parent", map(" below ".join, self.parents_removed)),
        ]
        return [f"{mark} {item}" for mark, items in groups for item in items]

    def counts(self) -> dict[str, int]:
        """How many changes there are of each kind."""
        return {kind: len(changes) for kind, changes in vars(self).items()}


def diff(before: Topology, after: Topology) -> TopologyDiff:
    """Changes that lead from one topology to another.

    Names and licences play no part; edges are compared by source, target and relation.
    """
    old, new = _edges(before), _edges(after)
    old_sets, new_sets = before.gene_sets(), after.gene_sets()
    return TopologyDiff(
        *_changes(before.genes, after.genes),
        *_changes(old, new),
        tuple(
            SignChange(*key, before=old[key], after=new[key])
            for key in sorted(old.keys() & new.keys())
            if old[key] != new[key]
        ),
        *_changes(before.pathways, after.pathways),
        *_changes(old_sets.membership, new_sets.membership),
        *_changes(old_sets.parents, new_sets.parents),
    )


def _changes(before: Iterable[Key], after: Iterable[Key]) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
    """Sorted keys that were added, and that were removed."""
    old, new = set(before), set(after)
    return tuple(sorted(new - old)), tuple(sorted(old - new))


def _edges(topology: Topology) -> dict[EdgeKey, int]:
    columns = zip(
        topology.source.tolist(),
        topology.target.tolist(),
        topology.relation.tolist(),
        topology.sign.tolist(),
        strict=True,
    )
    genes = topology.genes
    return {(genes[s], genes[t], RELATIONS[relation]): sign for s, t, relation, sign in columns}


def _edge_text(edge: EdgeKey) -> str:
    return f"{edge[0]} -> {edge[1]} ({edge[2]})"


def _reversed(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(second, first) for first, second in pairs]
