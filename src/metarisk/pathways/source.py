"""The topology that a configuration asks for: curated, a saved artefact, or a tidy folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from metarisk.errors import TopologyError
from metarisk.pathways.artefact import MANIFEST, load_topology
from metarisk.pathways.controls import control as apply_control
from metarisk.pathways.curated import curated_topology
from metarisk.pathways.tidy import EDGES, read_tidy
from metarisk.pathways.topology import Topology

CURATED = "curated"


def find_topology(
    source: str,
    layers: Collection[str] = ("core", "tf_target"),
    *,
    control: str = "none",
    seed: int = 0,
) -> Topology:
    """Topology of a configuration's ``topology`` section.

    Parameters
    ----------
    source
        ``curated``; a folder that `save_topology` wrote; or a tidy folder with ``edges.tsv.gz``.
    layers
        Of a tidy folder; the others have none.
    control, seed
        Control to apply, ``none`` for the graph itself.

    Raises
    ------
    TopologyError
        If the source is none of these, or cannot be read.
    """
    return apply_control(control, _plain(source, layers), seed)


def _plain(source: str, layers: Collection[str]) -> Topology:
    if source == CURATED:
        return curated_topology()
    folder = Path(source)
    if (folder / MANIFEST).is_file():
        return load_topology(folder)
    if (folder / EDGES).is_file():
        return read_tidy(folder, layers).topology
    raise TopologyError(
        f"topology source {source!r} is not there",
        expected=f"{CURATED!r}, a folder with {MANIFEST}, or a folder with {EDGES}",
        do="Correct topology.source in the configuration.",
    )
