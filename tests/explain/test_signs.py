"""Signed edges matter: on a simulator, lowering what raises a circuit agrees with raising what lowers it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from metarisk.config import Experiment
from metarisk.explain.interventions import Effect
from metarisk.explain.perturbations import Library
from metarisk.explain.screen import screen
from metarisk.metrics.intervals import Interval
from metarisk.pathways.controls import shuffled_signs
from metarisk.pathways.topology import RELATIONS, Edge, Topology, assemble
from metarisk.simulate import simulate
from metarisk.simulate.planting import PlantedCircuit
from metarisk.train.run import train_model

# So few patients that no gene's own sign can be learned from its level alone.
FEW = {
    "name": "few",
    "simulation": {"samples": 240, "signal": 2.0},
    "features": {"direct_genes": 0, "min_alterations": 900, "numeric": [], "categorical": ["panel"]},
    "tasks": {"sites": ["bone", "liver"], "min_events": 5},
    "network": {"width": 4, "effect_layers": 1, "state_layers": 0, "readout": 2, "direct_hidden": 0},
    "training": {"folds": 2, "epochs": 8, "learning_rate": 0.02, "batch_size": 64},
    "evaluation": {"bootstrap": 50, "controls": []},
}
SEEDS = range(1, 6)


@pytest.fixture(scope="module")
def signed_topology() -> Topology:
    """Six circuits of fourteen genes: half raise the first and half lower it, along every relation."""
    edges, membership = [], []
    for circuit in range(6):
        genes = [f"G{circuit}{letter}" for letter in "ABCDEFGHIJKLMN"]
        membership += [(f"circuit_{circuit}", gene) for gene in genes]
        for place, gene in enumerate(genes[1:]):
            edges.append(Edge(gene, genes[0], RELATIONS[place % 3], 1 if place % 2 else -1))
        edges.append(Edge(genes[0], f"G{(circuit + 1) % 6}B", "association", 0))
    return assemble("signed", edges, membership)


def sides(topology: Topology, circuit: PlantedCircuit, bundle: Any, cohort: Any) -> list[np.ndarray]:
    """Whether each gene's perturbation moves the planted answer as it truly would: activators, inhibitors."""
    library = Library(topology, frozenset(topology.genes))
    truly = -1.0 if circuit.endpoint != "response" else 1.0  # the circuit lowers the response
    right = []
    for sign, effect in ((1, Effect.KNOCK_DOWN), (-1, Effect.ACTIVATE)):
        genes = [
            gene for gene, raised in zip(topology.genes, circuit.effect, strict=True) if sign * raised > 0
        ]
        moves = screen(bundle, cohort, [library.named(gene, effect) for gene in genes])
        at = next(at for at, asked in enumerate(moves.reader.asked) if asked.endpoint == circuit.endpoint)
        right.append(np.sign(moves.mean(moves.shift)[:, at]) == truly)
    return right


def fractions(topology: Topology, shown: Any) -> tuple[np.ndarray, np.ndarray]:
    """Share of genes moved the true way and of pairs across that agree, one each a circuit and seed."""
    experiment = Experiment.model_validate(FEW)
    assert experiment.simulation is not None
    right, agreed = [], []
    for seed in SEEDS:
        drawn = simulate(experiment.simulation, topology, experiment.tasks, seed)
        bundle_and_test = train_model(experiment, drawn.cohort, shown(seed), lambda model, epoch: None)
        bundle, test = bundle_and_test.bundle, bundle_and_test.test
        asked = {*bundle.ensemble.plan.layout.binary, *bundle.ensemble.plan.layout.timed}
        for circuit in (circuit for circuit in drawn.planted if circuit.endpoint in asked):
            lowered, raised = sides(topology, circuit, bundle, test)
            right.append(np.concatenate([lowered, raised]).mean())
            agreed.append((lowered[:, None] == raised).mean())
    return np.array(right), np.array(agreed)


def mean_of(values: np.ndarray) -> Interval:
    half = 2.1 * values.std(ddof=1) / np.sqrt(len(values))
    return Interval(values.mean(), values.mean() - half, values.mean() + half, len(values), 0)


@pytest.mark.slow
def test_lowering_an_activator_agrees_with_raising_an_inhibitor_and_with_the_truth(
    signed_topology: Topology,
) -> None:
    right, agreed = fractions(signed_topology, lambda seed: signed_topology)
    shuffled = fractions(signed_topology, lambda seed: shuffled_signs(signed_topology, seed))
    told = [mean_of(values) for values in (right, agreed, *shuffled)]
    print(*[f"{one.value:.3f} [{one.lower:.3f}-{one.upper:.3f}] n={one.n}" for one in told], sep="\n")
    assert told[0].lower > 0.75  # of the genes move the planted answer as they truly would
    assert told[1].lower > 0.7  # of the pairs agree in direction
    assert told[2].lower < 0.5 < told[2].upper  # with the signs dealt anew it is chance
    assert told[0].lower > told[2].upper
    assert told[1].lower > told[3].upper
