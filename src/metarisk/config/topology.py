"""Which graph an experiment runs over."""

from __future__ import annotations

from typing import Literal

from metarisk.config.section import Section


class TopologySection(Section):
    """Which graph the network runs over.

    Attributes
    ----------
    source
        ``curated`` for the circuits in the package, a saved topology, or a folder with ``edges.tsv.gz``.
    layers
        Layers of a folder of tidy tables.
    control
        A control in place of the real graph.
    seed
        Seed of the control.
    prune
        Keep only the genes that the training samples measured; paths through the others become edges.
    """

    source: str = "curated"
    layers: tuple[str, ...] = ("core", "tf_target")
    control: Literal["none", "no_edges", "rewired", "shuffled_signs", "merged_types", "shuffled_members"] = (
        "none"
    )
    seed: int = 0
    prune: bool = True
