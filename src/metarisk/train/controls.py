"""What a figure must be read beside: the same patients and inputs, without what is claimed to help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.config.experiment import Experiment
from metarisk.data.cohort import Cohort
from metarisk.errors import ConfigError
from metarisk.features.batch import Batch
from metarisk.models.answers import Probability, probabilities
from metarisk.pathways.controls import rewired, shuffled_signs
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay
from metarisk.train.figures import OURS, Answers, answers_of
from metarisk.train.flat_models import CONFOUNDERS, FLAT_MODELS, flat_answers, flat_inputs
from metarisk.train.members import Learned, OnEpoch, TrainingSet, learn, without_graph
from metarisk.train.published import SCORES, score_answers

__all__ = [
    "BASELINES",
    "CONFOUNDERS",
    "Lesson",
    "baseline_inputs",
    "control_answers",
    "flat_inputs",
    "lesson_of",
    "model_answers",
    "probabilities_of",
]
# Controls that are no network: fitted to a flat table, or published and not fitted at all.
BASELINES = frozenset({*FLAT_MODELS, *SCORES})
# Two members show that nothing can be learned from labels of other patients as well as ten do.
PERMUTED_FOLDS = 2


class Lesson(NamedTuple):
    """What a network learns from."""

    training_set: TrainingSet
    topology: Topology
    experiment: Experiment


def control_answers(
    name: str,
    training_set: TrainingSet,
    topology: Topology,
    experiment: Experiment,
    test: Cohort,
    on_epoch: OnEpoch,
) -> Answers:
    """Answers of a model for the test samples, trained on the same patients.

    Parameters
    ----------
    name
        `OURS`, or a control of `metarisk.config.evaluation.EvaluationSection`.
    training_set
        Patients and features that our model was trained on.
    topology, experiment
        As for our model.
    test
        Held-out samples.
    on_epoch
        Told after every epoch of a network.

    Raises
    ------
    ConfigError
        If the training samples do not know what the control reads, or it answers none of the endpoints.
    """
    if name in FLAT_MODELS:
        return flat_answers(name, training_set, topology, experiment, test)
    if name in SCORES:
        return score_answers(name, training_set.layout, experiment.tasks.horizons_days, test)
    lesson = lesson_of(name, Lesson(training_set, topology, experiment))
    learned = learn(*lesson, on_epoch)
    return model_answers(learned, learned.transform.apply(test), experiment)


def model_answers(learned: Learned, batch: Batch, experiment: Experiment) -> Answers:
    """Answers of a calibrated ensemble."""
    return answers_of(probabilities_of(learned, batch, experiment))


def probabilities_of(learned: Learned, batch: Batch, experiment: Experiment) -> list[Probability]:
    """The same with intervals, sets and the graph's share."""
    return probabilities(learned.ensemble, learned.calibration, batch, experiment.tasks.horizons_days)


def lesson_of(name: str, ours: Lesson) -> Lesson:
    """What a network learns from in place of ours.

    Raises
    ------
    ConfigError
        If no network has that name.
    """
    if name not in _LESSONS:
        raise ConfigError(f"no model is named {name!r}", do=f"Choose among {', '.join((OURS, *_LESSONS))}.")
    return _LESSONS[name](ours)


def baseline_inputs(
    name: str, training_set: TrainingSet, topology: Topology, test: Cohort
) -> tuple[NDArray[Any], ...]:
    """All numbers that the answers of a control without a network rest on, beside labels and patients.

    Parameters
    ----------
    name
        One of `BASELINES`.
    training_set, topology, test
        As in `control_answers`.

    Returns
    -------
    tuple
        A flat model's training and test tables, (N, F) each; a published score of the test samples, (N,).

    Raises
    ------
    ConfigError
        If the training samples do not know what the control reads.
    """
    if name in SCORES:
        return (SCORES[name].of(test),)
    return tuple(flat_inputs(name, training_set, topology, test))


def _permuted(ours: Lesson) -> Lesson:
    """Each training sample with all the answers of another: the answers stay together."""
    cohort, experiment = ours.training_set.cohort, ours.experiment
    order = np.random.default_rng(experiment.seed).permutation(len(cohort))
    endpoints = cohort.endpoints.iloc[order].set_axis(cohort.endpoints.index)
    training = experiment.training.model_copy(update={"folds": PERMUTED_FOLDS, "seeds": 1})
    taught = TrainingSet.of(
        replace(cohort, endpoints=endpoints), ours.topology, ours.training_set.layout, experiment
    )
    taught = replace(taught, start=ours.training_set.start)
    return ours._replace(training_set=taught, experiment=experiment.model_copy(update={"training": training}))


def _single_assay(assay: Assay, ours: Lesson) -> Lesson:
    """Our network with one of the experiment's assays and no clinic, its features learned anew."""
    training_set, topology, experiment = ours
    if assay not in training_set.transform.scales:
        raise ConfigError(
            f"the experiment reads no {assay} that a training sample has",
            expected=f"one of {', '.join(training_set.transform.scales) or 'its assays'}",
            do=f"Take only_{assay} out of evaluation.controls.",
        )
    features = experiment.features.model_copy(update={"assays": (assay,), "numeric": (), "categorical": ()})
    experiment = experiment.model_copy(update={"features": features})
    taught = TrainingSet.of(training_set.cohort, topology, training_set.layout, experiment)
    return Lesson(replace(taught, start=training_set.start), topology, experiment)


_LESSONS: dict[str, Callable[[Lesson], Lesson]] = {
    OURS: lambda ours: ours,
    "no_graph": lambda ours: ours._replace(experiment=without_graph(ours.experiment)),
    "rewired": lambda ours: ours._replace(topology=rewired(ours.topology, ours.experiment.seed)),
    "shuffled_signs": lambda ours: ours._replace(
        topology=shuffled_signs(ours.topology, ours.experiment.seed)
    ),
    "permuted_labels": _permuted,
    **{f"only_{assay}": partial(_single_assay, assay) for assay in Assay},
}
