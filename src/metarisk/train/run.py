"""One experiment from a cohort to a bundle with its held-out figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from metarisk.config.experiment import CohortSection, Experiment, FeatureSection
from metarisk.data.cohort import Cohort
from metarisk.data.split import holdout
from metarisk.data.union import own_patient_ids, strictest_licence
from metarisk.errors import InputError
from metarisk.features.columns import nodes_of
from metarisk.models.bundle import ModelBundle
from metarisk.models.fingerprint import TrainingIds
from metarisk.models.network import levels_on_graph
from metarisk.models.pretrained import Start
from metarisk.pathways.prune import prune_to
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import ASSAYS
from metarisk.train.card import model_card
from metarisk.train.checkpoint import Checkpoints
from metarisk.train.concordance_figures import concordance_figures
from metarisk.train.controls import (
    BASELINES,
    Lesson,
    control_answers,
    lesson_of,
    model_answers,
    probabilities_of,
)
from metarisk.train.figures import OURS, Answers, answers_of, joined
from metarisk.train.fit import Epoch
from metarisk.train.graph_shares import graph_share_note, with_graph_shares
from metarisk.train.held_out import HeldOut
from metarisk.train.judgement import judge
from metarisk.train.members import Learned, TrainingSet, in_words, learn, reference_of
from metarisk.train.probability_figures import probability_figures
from metarisk.train.tasks import learnable_layout

OnModelEpoch = Callable[[str, Epoch], None]
HOLDOUT_SALT = "metarisk-holdout"
OFF_THE_GRAPH = (
    "Nothing that was measured is a gene or pathway of the topology: the direct path answers alone."
)


class Trained(NamedTuple):
    """What training gave.

    Attributes
    ----------
    bundle
        The model, not yet on disk.
    figures
        Held-out figures of the model and its controls, see `held_out_figures`.
    test
        The held-out samples.
    notes
        Sentences that a reader of the figures must know.
    answers
        Model -> question -> probability of each held-out sample, shape (N,).
    subgroups, decisions
        The same models in groups of patients, and what acting on them would gain, see
        `metarisk.train.judgement.Judgement`.
    training_endpoints
        What happened to the training samples, whose censoring weights the figures have.
    """

    bundle: ModelBundle
    figures: pd.DataFrame
    test: Cohort
    notes: tuple[str, ...]
    answers: Mapping[str, Answers]
    subgroups: pd.DataFrame
    decisions: pd.DataFrame
    training_endpoints: pd.DataFrame


class Fitted(NamedTuple):
    """What several processes fit together, before one of them judges it.

    Attributes
    ----------
    training_set
        Patients that were learned from.
    test
        Patients held out.
    topology
        The graph, pruned where that was asked for.
    learned
        Ours, and the controls that are networks, by name.
    notes
        Sentences that a reader of the figures must know.
    """

    training_set: TrainingSet
    test: Cohort
    topology: Topology
    learned: Mapping[str, Learned]
    notes: tuple[str, ...]


def train_model(
    experiment: Experiment,
    cohort: Cohort,
    topology: Topology,
    on_epoch: OnModelEpoch,
    checkpoints: Checkpoints | None = None,
    start: Start | None = None,
) -> Trained:
    """Hold patients out, learn on the others, judge beside the controls.

    Parameters
    ----------
    experiment
        The whole configuration.
    cohort
        All samples that it may use.
    topology
        The graph.
    on_epoch
        Told the model's name and what each epoch gave.
    checkpoints
        Where members are kept from epoch to epoch; nowhere if None.
    start
        Pretrained body that every network with a graph begins with.

    Raises
    ------
    ConfigError, InputError
        If no question can be learned from the patients, or nobody is left on a side of the split.
    ResourceError
        If memory does not suffice for a single sample, or another process is gone.
    """
    fitted = fit_networks(experiment, cohort, topology, on_epoch, checkpoints, start)
    training_set, test, ours = fitted.training_set, fitted.test, fitted.learned[OURS]
    batch = training_set.transform.apply(test)
    answered = probabilities_of(ours, batch, experiment)
    models = {OURS: answers_of(answered), **_control_answers(fitted, experiment)}
    held_out = HeldOut(test.endpoints, training_set.cohort.endpoints, test.clinical, experiment.evaluation)
    figures, subgroups, decisions = judge(models, answered, held_out)
    figures = with_graph_shares(figures, ours.ensemble, batch, experiment.tasks.horizons_days)
    mine = {OURS: models[OURS]}
    further = (probability_figures(mine, held_out), concordance_figures(mine[OURS], held_out))
    figures = joined(figures, *further)
    notes = (*fitted.notes, *graph_share_note(figures))
    provenance = {**_provenance(cohort, training_set.cohort, test), **_started_from(cohort, start)}
    bundle = ModelBundle(
        experiment=experiment,
        topology=fitted.topology,
        transform=ours.transform,
        ensemble=ours.ensemble,
        calibration=ours.calibration,
        training_ids=TrainingIds.of(
            training_ids_of(training_set.cohort), f"{experiment.name}-{experiment.seed}"
        ),
        provenance=provenance,
        figures=tuple(_json_rows(figures)),
        subgroups=tuple(_json_rows(subgroups[subgroups["model"] == OURS])),
        card=model_card(experiment, provenance, figures, notes, subgroups),
        reference=reference_of(training_set, ours, experiment),
    )
    return Trained(bundle, figures, test, notes, models, subgroups, decisions, training_set.cohort.endpoints)


def _control_answers(fitted: Fitted, experiment: Experiment) -> dict[str, Answers]:
    """Answers of each control for the held-out samples; the baselines are fitted here."""
    training_set, test = fitted.training_set, fitted.test
    answers: dict[str, Answers] = {}
    for name in experiment.evaluation.controls:
        control = fitted.learned.get(name)
        answers[name] = (
            control_answers(name, training_set, fitted.topology, experiment, test, _no_epoch)
            if control is None
            else model_answers(control, control.transform.apply(test), experiment)
        )
    return answers


def fit_networks(
    experiment: Experiment,
    cohort: Cohort,
    topology: Topology,
    on_epoch: OnModelEpoch,
    checkpoints: Checkpoints | None = None,
    start: Start | None = None,
) -> Fitted:
    """Fit ours and the controls that are networks: all that several processes do together; see `train_model`.

    Every process of a job calls it, and all get the same.
    """
    split = holdout(cohort, experiment.evaluation.test_fraction, HOLDOUT_SALT)
    training, test = cohort.take(split.train_rows), cohort.take(split.test_rows)
    training_set, topology, notes = prepare(training, topology, experiment, start)
    ours = Lesson(training_set, topology, experiment)
    networks = [name for name in experiment.evaluation.controls if name not in BASELINES]
    learned = {
        name: learn(*lesson_of(name, ours), partial(on_epoch, name), checkpoints and checkpoints.of(name))
        for name in (OURS, *networks)
    }
    if experiment.network.graph and not levels_on_graph(learned[OURS].ensemble.plan):
        notes = (*notes, OFF_THE_GRAPH)
    notes = (*notes, *in_words(learned[OURS], experiment))
    return Fitted(training_set, test, topology, learned, notes)


def _no_epoch(epoch: Epoch) -> None:
    """A baseline has no epochs to tell of."""


class Prepared(NamedTuple):
    """What training patients are learned from.

    Attributes
    ----------
    training_set
        Their features and targets.
    topology
        Cut to what they measured, where asked.
    notes
        Questions that they cannot answer, and what was cut.
    """

    training_set: TrainingSet
    topology: Topology
    notes: tuple[str, ...]


def prepare(
    training: Cohort, topology: Topology, experiment: Experiment, start: Start | None = None
) -> Prepared:
    """Questions, graph and features of training patients, and nothing else; a body to begin with.

    Raises
    ------
    ConfigError
        If no question can be learned from them.
    """
    layout, notes = learnable_layout(training.endpoints, experiment.tasks)
    topology, cut = prune_to_measured(topology, training, experiment)
    notes = (*notes, *cut)
    training_set = replace(TrainingSet.of(training, topology, layout, experiment), start=start)
    if start is not None:
        notes = (*notes, start.pretrained.note(topology))
    return Prepared(training_set, topology, notes)


def prune_to_measured(
    topology: Topology, training: Cohort, experiment: Experiment
) -> tuple[Topology, tuple[str, ...]]:
    """Topology cut to the genes that training patients measured, where asked, and what was lost in words."""
    genes = measured_genes(training, experiment.features, topology)
    if not (experiment.topology.prune and genes):
        return topology, ()
    topology, report = prune_to(topology, genes)
    return topology, tuple(report.lines()) if report.genes_kept < report.genes_before else ()


def choose_samples(cohort: Cohort, section: CohortSection) -> Cohort:
    """Samples that an experiment may use: those its ``keep`` and ``measured`` accept, one a patient if asked.

    Raises
    ------
    InputError
        If a column of ``keep`` is unknown, or no sample is left.
    """
    kept = np.ones(len(cohort), dtype=bool)
    for column, accepted in section.keep.items():
        if column not in cohort.clinical:
            raise InputError(
                f"cohort.keep names {column!r}, which {cohort.provenance.name} does not have",
                do="Use a clinical column of the schema.",
            )
        kept &= cohort.clinical[column].isin(accepted).to_numpy(dtype=bool)
    if section.measured:
        tables = [cohort.assays[assay] for assay in section.measured if assay in cohort.assays]
        kept &= np.any([np.zeros(len(cohort), bool), *(t.measured.any(axis=1) for t in tables)], axis=0)
    if section.one_sample_per_patient:
        first = cohort.clinical["patient_id"].where(kept).sort_index().dropna().drop_duplicates().index
        kept &= cohort.clinical.index.isin(first)
    if not kept.any():
        raise InputError(
            f"no sample of {cohort.provenance.name} passes cohort.keep ({dict(section.keep)})"
            + (f" and was measured by {', '.join(section.measured)}" if section.measured else ""),
            do="Check the accepted values against the study.",
        )
    return cohort.take(kept)


def measured_genes(cohort: Cohort, section: FeatureSection, topology: Topology) -> set[str]:
    """Genes that some sample measured in some assay that may be read, and those of measured signatures.

    A signature enters at its pathway, so the pathway must not be pruned for want of measured genes.
    """
    genes: set[str] = set()
    for assay in section.assays:
        level = ASSAYS[assay].level
        if assay not in cohort.assays or level == "feature":
            continue
        table = cohort.assays[assay]
        names = {table.genes[at] for at in np.flatnonzero(table.measured.any(axis=0))}
        genes |= names if level == "gene" else _members(nodes_of(assay, topology), names, topology)
    return genes


def _members(nodes: Mapping[str, int], names: set[str], topology: Topology) -> set[str]:
    """Genes of the pathways that these names stand for."""
    known = np.isin(topology.member_pathway, [nodes[name] for name in names if name in nodes])
    return {topology.genes[gene] for gene in topology.member_gene[known]}


def _provenance(cohort: Cohort, training: Cohort, test: Cohort) -> dict[str, object]:
    return {
        "study": cohort.provenance.name,
        "licence": cohort.provenance.licence,
        "source_sha256": cohort.provenance.sha256,
        "cohort_sha256": cohort.content_sha256(),
        "training_samples": len(training),
        "training_patients": len(np.unique(training.patient_ids)),
        "held_out_samples": len(test),
        "held_out_patients": len(np.unique(test.patient_ids)),
    }


def _started_from(cohort: Cohort, start: Start | None) -> dict[str, object]:
    """What pretraining adds to where a model comes from: its hash, its cohort, and terms that bind both."""
    if start is None:
        return {}
    before, ours = start.pretrained.provenance, cohort.provenance.licence
    strictest = strictest_licence([ours, str(before["licence"])])
    return {
        "licence": f"{strictest} (labelled: {ours}; pretraining: {before['licence']})",
        "pretrained_sha256": start.pretrained.sha256,
        "pretrained_study": before["study"],
        "finetune": start.finetune,
    }


def training_ids_of(cohort: Cohort) -> list[str]:
    """Patient ids as they stand here, and as each study of a joined cohort has them."""
    return [*cohort.patient_ids, *own_patient_ids(cohort)]


def _json_rows(figures: pd.DataFrame) -> list[dict[str, object]]:
    """Rows as plain values, NaN as null."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in figures.to_dict("records")
    ]
