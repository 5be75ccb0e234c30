"""Which circuits carry the truth, and what raising each of their genes does to a circuit's output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from metarisk.errors import TopologyError
from metarisk.pathways.influence import signed_adjacency
from metarisk.pathways.topology import Topology

STEPS = 4
DECAY = 0.8
MIN_GENES, MAX_GENES = 10, 150


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
    effects = {pathway: circuit_effect(topology, pathway) for pathway in topology.pathways}
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


def circuit_effect(topology: Topology, pathway: str) -> NDArray[np.float64]:
    """Effect of raising each gene on the circuit's output, the gene that most of the circuit's edges end at.

    The output has effect 1; a gene that raises another inherits its effect, one that lowers it the negative,
    each step weaker by `DECAY`. Genes without a signed path to the output have none, shape (G,).
    """
    members = np.flatnonzero(topology.member_pathway == topology.pathways.index(pathway))
    genes = topology.member_gene[members]
    signed = signed_adjacency(topology)[genes][:, genes]  # target x source
    effect = np.zeros(len(topology.genes))
    if signed.nnz:
        effect[genes] = _effect_on_hub(signed)
    return effect


def _effect_on_hub(signed: sparse.csr_array) -> NDArray[np.float64]:
    incoming = np.asarray(abs(signed).sum(axis=1)).ravel()
    step = np.zeros(len(incoming))
    step[int(np.argmax(incoming))] = 1.0
    total = step.copy()
    for _ in range(STEPS):
        step = np.clip(DECAY * (signed.T @ step), -1.0, 1.0)
        total = np.where(total == 0.0, step, total)
    return total
