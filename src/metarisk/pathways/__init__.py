"""Circuits and public resources to topology: signed, typed, directed, versioned."""

from metarisk.pathways.topology import RELATIONS, Topology

__all__ = ["RELATIONS", "Topology"]
