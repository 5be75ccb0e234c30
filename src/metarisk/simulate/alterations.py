"""Alterations of simulated tumours: drivers that follow the planted circuits, and passengers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metarisk.simulate.planting import PlantedCircuit

PERTURBED = 0.4
SEEN_IN_DNA = 0.85
ACTIVITY_NOISE = 0.25
PASSENGER_RATE = 0.006
BROAD_RATE = 0.10

DoubleArray = NDArray[np.float64]


@dataclass(frozen=True)
class Alterations:
    """What happened to the genes of N tumours.

    Attributes
    ----------
    truncating, missense
        True where a gene carries such a mutation, shape (N, G).
    copy_number
        Discrete level -2 .. 2, shape (N, G).
    """

    truncating: NDArray[np.bool_]
    missense: NDArray[np.bool_]
    copy_number: NDArray[np.int8]


def draw_activities(
    circuits: list[PlantedCircuit], n_samples: int, rng: np.random.Generator
) -> dict[str, DoubleArray]:
    """Activity of each planted circuit, on or off plus noise: endpoint -> (N,), mean 0, deviation 1."""
    activities = {}
    for circuit in circuits:
        raw = (rng.random(n_samples) < PERTURBED) + rng.normal(0.0, ACTIVITY_NOISE, n_samples)
        activities[circuit.endpoint] = (raw - raw.mean()) / raw.std()
    return activities


def draw_alterations(
    circuits: list[PlantedCircuit],
    activities: dict[str, DoubleArray],
    n_genes: int,
    rng: np.random.Generator,
) -> Alterations:
    """Passengers everywhere, and one to three drivers in most circuits that are on in a tumour.

    A driver is an alteration that turns its circuit on: a gene that raises the output is amplified or gains a
    missense mutation, one that lowers it is truncated or deleted. Which gene it is differs from tumour to
    tumour; the rest of the active circuits have no cause in the DNA.
    """
    n_samples = len(next(iter(activities.values())))
    shape = (n_samples, n_genes)
    missense = rng.random(shape) < PASSENGER_RATE * rng.gamma(2.0, 0.5, size=(n_samples, 1))
    truncating = rng.random(shape) < PASSENGER_RATE / 4
    levels = np.array([-1, 0, 1], np.int8)
    broad = rng.choice(levels, shape, p=[BROAD_RATE / 2, 1 - BROAD_RATE, BROAD_RATE / 2])
    altered = Alterations(truncating, missense, broad)
    for circuit in circuits:
        genes = np.flatnonzero(circuit.effect)
        seen = (activities[circuit.endpoint] > 0) & (rng.random(n_samples) < SEEN_IN_DNA)
        for sample in np.flatnonzero(seen):
            count = min(1 + rng.poisson(0.7), 3, len(genes))
            for gene in rng.choice(genes, size=count, replace=False):
                _drive(altered, int(sample), int(gene), circuit.effect[gene] > 0, by_copy=rng.random() < 0.4)
    return altered


def _drive(altered: Alterations, sample: int, gene: int, raise_it: bool, *, by_copy: bool) -> None:
    if by_copy:
        altered.copy_number[sample, gene] = 2 if raise_it else -2
    elif raise_it:
        altered.missense[sample, gene] = True
    else:
        altered.truncating[sample, gene] = True
