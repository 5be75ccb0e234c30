"""The null of a perturbation: the same done to genes that sit in the model as its targets do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metarisk.explain.interventions import STATES
from metarisk.explain.perturbations import Perturbation
from metarisk.features.batch import Batch
from metarisk.features.transform import FeatureTransform
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay

# Genes that one is compared with, the fewest that allow a p value, and sets drawn for several targets.
MATCHED, FEWEST, SETS = 50, 10, 40
SEED = 0


@dataclass(frozen=True)
class GenePlaces:
    """Where genes sit in a model and in some samples.

    Attributes
    ----------
    genes
        Symbols, length G.
    doors
        By which assays each gene was measured in any of the samples, and which of those the flat table has
        too: equal for genes whose interventions enter alike, shape (G,).
    degree
        Edges of each gene; 0 off the graph, shape (G,).
    """

    genes: tuple[str, ...]
    doors: NDArray[np.int64]
    degree: NDArray[np.int64]

    @classmethod
    def of(cls, transform: FeatureTransform, batch: Batch, topology: Topology) -> GenePlaces:
        """Places of every gene that the transform reads."""
        assays = [assay for assay in transform.scales if assay in STATES]
        genes = tuple(sorted({gene for assay in assays for gene in transform.scales[assay].genes}))
        index = {gene: at for at, gene in enumerate(genes)}
        doors = np.zeros((len(genes), 2 * len(assays)), dtype=np.int64)
        for place, assay in enumerate(assays):
            own = np.array([index[gene] for gene in transform.scales[assay].genes], dtype=np.intp)
            doors[own, 2 * place] = batch.assays[assay].measured.any(axis=0)
            flat = [index[gene] for gene in _in_table(transform, assay)]
            doors[flat, 2 * place + 1] = doors[flat, 2 * place]
        ends = np.concatenate([topology.source, topology.target])
        counts = np.bincount(ends, minlength=topology.n_genes)
        degree = np.array([counts[topology.gene_index[g]] if g in topology.gene_index else 0 for g in genes])
        return cls(genes, np.unique(doors, axis=0, return_inverse=True)[1].reshape(-1), degree)

    def matched(self, gene: str, count: int = MATCHED) -> list[str]:
        """Other genes measured alike, those nearest in degree first; fewer where there are not so many."""
        if gene not in self.genes:
            return []
        at = self.genes.index(gene)
        alike = np.flatnonzero((self.doors == self.doors[at]) & (np.arange(len(self.genes)) != at))
        away = np.abs(np.log1p(self.degree[alike]) - np.log1p(self.degree[at]))
        return [self.genes[other] for other in alike[np.argsort(away, kind="stable")[:count]]]


def _in_table(transform: FeatureTransform, assay: Assay) -> set[str]:
    return {column.gene for column in transform.direct[assay]}


@dataclass(frozen=True)
class NullPlan:
    """What has to be perturbed so that each perturbation has something to stand beside.

    Attributes
    ----------
    perturbations
        Those asked for first, then what only serves as a null.
    nulls
        Of each one asked for, places of its null among all.
    """

    perturbations: tuple[Perturbation, ...]
    nulls: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, asked: Sequence[Perturbation], places: GenePlaces) -> NullPlan:
        """Nulls of each perturbation; one that was asked for serves as another's where it fits."""
        rng = np.random.default_rng(SEED)
        every = list(asked)
        found = {perturbation.key: at for at, perturbation in enumerate(every)}
        nulls = []
        for perturbation in asked:
            own = []
            for null in _nulls(perturbation, places, rng):
                if null.key not in found:
                    found[null.key] = len(every)
                    every.append(null)
                own.append(found[null.key])
            nulls.append(np.array(sorted(set(own)), dtype=np.intp))
        return cls(tuple(every), tuple(nulls))


def _nulls(
    perturbation: Perturbation, places: GenePlaces, rng: np.random.Generator
) -> Iterator[Perturbation]:
    """The same effects on matched genes: each of them for one target, random sets of them for several."""
    alike = [places.matched(gene) for gene, _ in perturbation.targets]
    if len(perturbation.targets) == 1:
        for gene in alike[0]:
            yield _null([gene], perturbation)
        return
    own = {gene for gene, _ in perturbation.targets}
    for _ in range(SETS):
        chosen: list[str] = []
        for (target, _), others in zip(perturbation.targets, alike, strict=True):
            free = [gene for gene in others if gene not in own and gene not in chosen]
            chosen.append(free[int(rng.integers(len(free)))] if free else target)
        if len(set(chosen)) == len(chosen):
            yield _null(chosen, perturbation)


def _null(genes: Sequence[str], like: Perturbation) -> Perturbation:
    targets = tuple((gene, effect) for gene, (_, effect) in zip(genes, like.targets, strict=True))
    return Perturbation("null", ", ".join(genes), "matched genes", targets)
