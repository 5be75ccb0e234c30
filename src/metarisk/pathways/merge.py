"""Several topologies as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metarisk.errors import TopologyError, first_ten
from metarisk.pathways.edges import EdgeColumns
from metarisk.pathways.hierarchy import GeneSets
from metarisk.pathways.topology import Topology, topology_from_columns


@dataclass(frozen=True)
class MergeReport:
    """What merging did.

    Attributes
    ----------
    parts
        Name and edges of each topology that went in.
    edges_kept
        Edges of the whole.
    shared
        Edges that a later topology repeats.
    conflicts, conflicting
        Edges to which two topologies give unlike signs, kept with sign 0: how many, and the first by name.
    shared_pathways
        Pathways of more than one topology; their members are put together.
    """

    parts: tuple[tuple[str, int], ...]
    edges_kept: int
    shared: int
    conflicts: int
    conflicting: tuple[str, ...]
    shared_pathways: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Sentences: what went in, what agreed, and every kind of disagreement."""
        parts = ", ".join(f"{name} ({edges} edges)" for name, edges in self.parts)
        told = [f"{parts} gave {self.edges_kept} edges; {self.shared} stand in more than one."]
        if self.conflicts:
            told.append(
                f"{self.conflicts} edges have unlike signs in two sources and are kept unsigned "
                f"({first_ten(self.conflicting)})."
            )
        if self.shared_pathways:
            told.append(
                f"{len(self.shared_pathways)} pathways stand in more than one source; their members were "
                f"put together ({first_ten(self.shared_pathways)})."
            )
        return told


def merge(name: str, topologies: Sequence[Topology]) -> tuple[Topology, MergeReport]:
    """Union of genes, edges, pathways and hierarchies, with every licence.

    An unknown sign gives way to a known one; unlike signs of one (source, target, relation) cancel to 0 and
    are reported. The title of a pathway is that of the first topology that has it.

    Raises
    ------
    TopologyError
        If nothing was given, or the hierarchies together have a cycle.
    """
    if not topologies:
        raise TopologyError("no topology was given to merge", do="Give at least one.")
    sets = [topology.gene_sets() for topology in topologies]
    titles = {pathway: title for each in reversed(sets) for pathway, title in each.titles.items()}
    together = GeneSets(
        membership={pair for each in sets for pair in each.membership},
        parents={pair for each in sets for pair in each.parents},
        titles=titles,
    )
    licences = [licence for topology in topologies for licence in topology.licences]
    merged, tally = topology_from_columns(name, _columns(topologies), together, licences)
    report = MergeReport(
        parts=tuple((topology.name, topology.n_edges) for topology in topologies),
        edges_kept=tally.kept,
        shared=tally.duplicates,
        conflicts=tally.conflicts,
        conflicting=tally.conflicting,
        shared_pathways=_shared([topology.pathways for topology in topologies]),
    )
    return merged, report


def _columns(topologies: Sequence[Topology]) -> EdgeColumns:
    genes = tuple(sorted({gene for topology in topologies for gene in topology.genes}))
    place = {gene: index for index, gene in enumerate(genes)}
    moved = [np.array([place[gene] for gene in topology.genes], dtype=np.int32) for topology in topologies]
    pairs = list(zip(moved, topologies, strict=True))
    return EdgeColumns(
        genes=genes,
        source=np.concatenate([to[topology.source] for to, topology in pairs]),
        target=np.concatenate([to[topology.target] for to, topology in pairs]),
        relation=np.concatenate([topology.relation for topology in topologies]),
        sign=np.concatenate([topology.sign for topology in topologies]),
    )


def _shared(names: Sequence[Sequence[str]]) -> tuple[str, ...]:
    seen: set[str] = set()
    again: set[str] = set()
    for listed in names:
        again |= seen & set(listed)
        seen |= set(listed)
    return tuple(sorted(again))
