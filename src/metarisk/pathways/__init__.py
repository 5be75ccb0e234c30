"""Circuits and public resources to topology: signed, typed, directed, versioned."""

from metarisk.pathways.curated import (
    Circuit,
    CuratedEdge,
    TherapyTarget,
    circuits,
    curated_edges,
    curated_pairs,
    curated_topology,
    references,
    therapies,
)
from metarisk.pathways.edges import RELATIONS, EdgeColumns, EdgeTally, settle
from metarisk.pathways.hierarchy import GeneSets
from metarisk.pathways.topology import Edge, Topology, assemble, topology_from_columns

__all__ = [
    "RELATIONS",
    "Circuit",
    "CuratedEdge",
    "Edge",
    "EdgeColumns",
    "EdgeTally",
    "GeneSets",
    "TherapyTarget",
    "Topology",
    "assemble",
    "circuits",
    "curated_edges",
    "curated_pairs",
    "curated_topology",
    "references",
    "settle",
    "therapies",
    "topology_from_columns",
]
