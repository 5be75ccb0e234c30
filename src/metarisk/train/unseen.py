"""Genes that no sample was learned from with: hidden while learning, and told when the held-out are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.config.benchmark import PanelStep
from metarisk.config.experiment import Experiment, FeatureSection
from metarisk.data.cohort import AssayTable, Cohort
from metarisk.data.split import Split
from metarisk.errors import ConfigError, first_ten
from metarisk.features.standardise import AssayScale
from metarisk.features.targets import targets_of
from metarisk.features.transform import FeatureTransform
from metarisk.models.pretrained import Start
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import ASSAYS
from metarisk.train.crossvalidate import Round
from metarisk.train.members import TrainingSet
from metarisk.train.run import Prepared, measured_genes, prune_to_measured
from metarisk.train.tasks import learnable_layout

PANEL = "panel"
# What a held-out sample is asked with: the hidden genes alone, all but these, or everything.
UNSEEN, LEARNED, BOTH = "unseen", "learned", "both"

Genes = frozenset[str]


class Hiding(NamedTuple):
    """What is kept from the fit.

    Attributes
    ----------
    genes
        Genes that are hidden in every sample that is learned from, in every assay.
    learned, asked
        Samples of the cohort that may be learned from, and asked, shape (N,).
    """

    genes: Genes
    learned: NDArray[np.bool_]
    asked: NDArray[np.bool_]


def hide_share(
    cohort: Cohort, topology: Topology, section: FeatureSection, share: float, seed: int
) -> Hiding:
    """A random share of the measured genes that are on the topology; a smaller one is within a larger one.

    Parameters
    ----------
    cohort
        All samples; which genes were measured is read, and no label.
    topology
        The graph.
    section
        Assays that are read.
    share
        Between 0 and 1.
    seed
        Equal seeds hide equal genes.
    """
    genes = sorted(measured_genes(cohort, section, topology) & set(topology.genes))
    order = np.random.default_rng(seed).permutation(len(genes))
    everybody = np.ones(len(cohort), dtype=bool)
    chosen = order[: round(share * len(genes))]
    return Hiding(frozenset(genes[index] for index in chosen), everybody, everybody)


def hide_newer(cohort: Cohort, section: FeatureSection, step: PanelStep) -> Hiding:
    """Learn from the samples of one panel; ask those of another, whose further genes are the hidden ones.

    Raises
    ------
    ConfigError
        If the cohort has no sample of a panel, or the second measures no gene that the first lacks.
    """
    names = cohort.clinical.reindex(columns=[PANEL])[PANEL].to_numpy(dtype=object)
    sides = []
    for panel in (step.learned, step.asked):
        rows = names == panel
        if not rows.any():
            known = sorted({str(name) for name in names if isinstance(name, str)})
            raise ConfigError(
                f"benchmark.unseen.panels names {panel!r}, which no sample was sequenced on",
                expected=f"among {first_ten(known)}" if known else "a cohort that names its panels",
                do="Name a panel of the cohort.",
            )
        sides.append((rows, _genes_of(cohort.take(rows), section)))
    (learned, older), (asked, newer) = sides
    if not newer - older:
        raise ConfigError(
            f"{step.asked} measures no gene that {step.learned} does not",
            do="Turn the two panels round, or name others.",
        )
    return Hiding(frozenset(newer - older), learned, asked)


def unseen_round(
    cohort: Cohort,
    topology: Topology,
    experiment: Experiment,
    split: Split,
    hiding: Hiding,
    start: Start | None = None,
) -> Round:
    """A fit without some genes, and its held-out samples three times: with these alone, without, with all.

    The graph keeps the hidden genes. What stands in for a hidden gene's scale comes from the training side's
    values, where its unit has a scale at all, and never from a label; nothing that is fitted to an answer
    has seen the gene.

    Parameters
    ----------
    cohort, topology, experiment
        All samples, the graph, the settings.
    split
        Rows to learn from and to ask.
    hiding
        What is kept from the fit.
    start
        Pretrained body that the networks begin with.

    Raises
    ------
    ConfigError
        If the training patients can answer no question.
    """
    side = cohort.take(split.train_rows)
    test = cohort.take(split.test_rows[hiding.asked[split.test_rows]])
    training = without_genes(side.take(hiding.learned[split.train_rows]), hiding.genes)
    layout, notes = learnable_layout(training.endpoints, experiment.tasks)
    topology, cut = prune_to_measured(topology, side, experiment)
    transform = _with_nodes_of(
        FeatureTransform.fit(training, topology, experiment.features),
        FeatureTransform.fit(only_genes(side, hiding.genes), topology, experiment.features),
    )
    targets = targets_of(training.endpoints, layout.binary, layout.bin_edges_days)
    training_set = TrainingSet(training, transform, transform.apply(training), targets, layout, start)
    thrice = {
        UNSEEN: only_genes(test, hiding.genes),
        LEARNED: without_genes(test, hiding.genes),
        BOTH: test,
    }
    told = np.repeat(list(thrice), len(test))
    return Round(
        Prepared(training_set, topology, (*notes, *cut)), _stacked(thrice.values()), experiment, told
    )


def without_genes(cohort: Cohort, genes: Genes) -> Cohort:
    """The samples as if nobody had measured these genes."""
    return _masked(cohort, lambda table: _on_genes(table) & np.isin(table.genes, list(genes)))


def only_genes(cohort: Cohort, genes: Genes) -> Cohort:
    """The samples as if nothing but these genes had been measured, by assays of genes."""
    return _masked(cohort, lambda table: ~(_on_genes(table) & np.isin(table.genes, list(genes))))


def _on_genes(table: AssayTable) -> bool:
    return ASSAYS[table.assay].level == "gene"


def _masked(cohort: Cohort, hidden: Callable[[AssayTable], NDArray[np.bool_]]) -> Cohort:
    tables = {}
    for assay, table in cohort.assays.items():
        values = table.values.copy()
        values[:, hidden(table)] = np.nan
        tables[assay] = replace(table, values=values)
    return replace(cohort, assays=tables)


def _genes_of(cohort: Cohort, section: FeatureSection) -> set[str]:
    """Genes that some sample measured in an assay of genes that is read."""
    tables = [cohort.assays[assay] for assay in section.assays if assay in cohort.assays]
    return {
        table.genes[at]
        for table in tables
        if _on_genes(table)
        for at in np.flatnonzero(table.measured.any(axis=0))
    }


def _with_nodes_of(seen: FeatureTransform, unseen: FeatureTransform) -> FeatureTransform:
    """The first, reading at the graph's nodes what the second reads too; the flat table stays the first's."""
    assays = dict.fromkeys([*seen.scales, *unseen.scales])
    scales = {
        assay: _joined([told.scales[assay] for told in (seen, unseen) if assay in told.scales])
        for assay in assays
    }
    return replace(seen, scales=scales, direct={assay: seen.direct.get(assay, ()) for assay in assays})


def _joined(scales: list[AssayScale]) -> AssayScale:
    return AssayScale(
        scales[0].assay,
        tuple(gene for scale in scales for gene in scale.genes),
        np.concatenate([scale.centre for scale in scales]),
        np.concatenate([scale.spread for scale in scales]),
    )


def _stacked(cohorts: Iterable[Cohort]) -> Cohort:
    """Cohorts of the same samples below each other: every sample id stands once for each."""
    parts = list(cohorts)
    rows = np.tile(np.arange(len(parts[0])), len(parts))
    whole = parts[0].take(rows)
    tables = {
        assay: replace(table, values=np.concatenate([part.assays[assay].values for part in parts]))
        for assay, table in whole.assays.items()
    }
    return replace(whole, assays=tables)
