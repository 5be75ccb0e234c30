"""Which circuits carry the truth, and what raising each of their genes does to a circuit's output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import TopologyError
from metarisk.pathways.influence import signed_influence
from metarisk.pathways.topology import Topology

WEAK = 0.2
MIN_GENES, MAX_GENES = 12, 120


@dataclass(frozen=True)
class PlantedCircuit:
    """A pathway whose activity moves one endpoint.

    Attributes
    ----------
    pathway
        Pathway id.
    endpoint
        What it moves: ``metastasis``, ``site.<name>`` or ``response`` (which it lowers).
    effect
        What raising each gene does to the circuit's output, -1 .. 1, 0 outside the circuit, shape (G,).
    """

    pathway: str
    endpoint: str
    effect: NDArray[np.float64]


def plant(topology: Topology, endpoints: Sequence[str], rng: np.random.Generator) -> list[PlantedCircuit]:
    """Give each endpoint a circuit of its own, sharing few genes with those chosen before.

    Raises
    ------
    TopologyError
        If the topology has too few circuits of a fit size.
    """
    effects = circuit_effects(topology)
    fit = [name for name, effect in effects.items() if MIN_GENES <= np.count_nonzero(effect) <= MAX_GENES]
    if len(fit) < len(endpoints):
        raise TopologyError(
            f"{topology.name} has {len(fit)} pathways with {MIN_GENES} to {MAX_GENES} connected genes",
            expected=f"at least {len(endpoints)}, one an endpoint",
            do="Simulate over a larger topology or with fewer sites.",
        )
    chosen: list[PlantedCircuit] = []
    taken = np.zeros(len(topology.genes), dtype=bool)
    waiting = [fit[index] for index in rng.permutation(len(fit))]
    for endpoint in endpoints:
        shared = [np.mean(taken[effects[name] != 0]) for name in waiting]
        name = waiting.pop(int(np.argmin(shared)))
        taken |= effects[name] != 0
        chosen.append(PlantedCircuit(name, endpoint, effects[name]))
    return chosen


def circuit_effects(topology: Topology) -> dict[str, NDArray[np.float64]]:
    """Effect of raising each gene on each circuit's output, -1 .. 1, 0 where it is weak, shape (G,) each.

    The effect is `signed_influence`, relative to the circuit's strongest gene. Circuits whose influence is
    all of one sign are left out: signs would have nothing to say in them.
    """
    influence = signed_influence(topology)
    effects = {}
    for index, pathway in enumerate(topology.pathways):
        members = topology.member_pathway == index
        relative = influence[members] / np.abs(influence[members]).max(initial=1e-9)
        relative[np.abs(relative) < WEAK] = 0.0
        if relative.min(initial=0.0) < 0.0 < relative.max(initial=0.0):
            effects[pathway] = np.zeros(len(topology.genes))
            effects[pathway][topology.member_gene[members]] = relative
    return effects
