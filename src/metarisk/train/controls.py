"""What a figure must be read beside: the same patients and inputs, without what is claimed to help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from metarisk.config.experiment import Experiment, FeatureSection
from metarisk.data.cohort import Cohort
from metarisk.errors import ConfigError
from metarisk.features.batch import Batch
from metarisk.features.transform import FeatureTransform
from metarisk.models.answers import Probability, probabilities
from metarisk.pathways.controls import rewired, shuffled_signs
from metarisk.pathways.topology import Topology
from metarisk.schema.endpoints import event_column, time_column
from metarisk.train.baselines import (
    Baseline,
    fit_boosting,
    fit_boosting_horizon,
    fit_linear,
    fit_linear_horizon,
)
from metarisk.train.examples import Features
from metarisk.train.figures import EVER, OURS, Answers, Question, answers_of
from metarisk.train.members import Learned, OnEpoch, TrainingSet, learn, without_graph

Fit = Callable[..., Baseline]

# How each baseline is fitted to a yes / no target, and to "the event by a horizon".
BOOSTING: tuple[Fit, Fit] = (fit_boosting, fit_boosting_horizon)
LINEAR: tuple[Fit, Fit] = (fit_linear, fit_linear_horizon)
BASELINES: dict[str, tuple[Fit, Fit]] = {
    "boosting": BOOSTING,
    "linear": LINEAR,
    "panel_only": LINEAR,
    "type_only": LINEAR,
    "burden_only": BOOSTING,
}
# Baselines that read a confounder and nothing else, whatever the experiment reads.
CONFOUNDERS: dict[str, FeatureSection] = {
    "panel_only": FeatureSection(assays=(), numeric=(), categorical=("panel",)),
    "type_only": FeatureSection(assays=(), numeric=(), categorical=("cancer_type",)),
    "burden_only": FeatureSection(assays=(), numeric=("tmb_per_mb", "fga"), categorical=()),
}
# Two members show that nothing can be learned from labels of other patients as well as ten do.
PERMUTED_FOLDS = 2


class Lesson(NamedTuple):
    """What a network learns from."""

    training_set: TrainingSet
    topology: Topology
    experiment: Experiment


class FlatInputs(NamedTuple):
    """What a baseline reads of the training and of the test samples, (N, F) each."""

    training: Features
    test: Features


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
        If the training samples do not know what the control reads.
    """
    if name in BASELINES:
        inputs = flat_inputs(name, training_set, topology, test)
        return _baseline_answers(BASELINES[name], training_set, experiment, inputs)
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


def flat_inputs(name: str, training_set: TrainingSet, topology: Topology, test: Cohort) -> FlatInputs:
    """What a baseline reads: our model's flat inputs, or a confounder alone.

    Raises
    ------
    ConfigError
        If the training samples do not know the confounder.
    """
    if name not in CONFOUNDERS:
        return FlatInputs(training_set.batch.flat, training_set.transform.apply(test).flat)
    transform = FeatureTransform.fit(training_set.cohort, topology, CONFOUNDERS[name])
    if not transform.columns:
        section = CONFOUNDERS[name]
        raise ConfigError(
            f"no training sample knows {' or '.join((*section.numeric, *section.categorical))}",
            expected=f"what the control {name} reads",
            do=f"Take {name} out of evaluation.controls.",
        )
    return FlatInputs(transform.apply(training_set.cohort).flat, transform.apply(test).flat)


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


_LESSONS: dict[str, Callable[[Lesson], Lesson]] = {
    OURS: lambda ours: ours,
    "no_graph": lambda ours: ours._replace(experiment=without_graph(ours.experiment)),
    "rewired": lambda ours: ours._replace(topology=rewired(ours.topology, ours.experiment.seed)),
    "shuffled_signs": lambda ours: ours._replace(
        topology=shuffled_signs(ours.topology, ours.experiment.seed)
    ),
    "permuted_labels": _permuted,
}


def _baseline_answers(
    fits: tuple[Fit, Fit], training_set: TrainingSet, experiment: Experiment, inputs: FlatInputs
) -> Answers:
    """One model a question, each with its own tuning; dated questions are weighted for censoring."""
    fit, fit_by = fits
    patients = training_set.cohort.patient_ids
    endpoints: pd.DataFrame = training_set.cohort.endpoints
    answers = {}
    for endpoint in training_set.layout.binary:
        labels = endpoints[endpoint].to_numpy(np.float64)
        model = fit(inputs.training, labels, seed=experiment.seed, groups=patients)
        answers[Question(endpoint, EVER)] = model.predict(inputs.test)
    for endpoint in training_set.layout.timed:
        time = endpoints[time_column(endpoint)].to_numpy(np.float64)
        event = endpoints[event_column(endpoint)].to_numpy(np.float64)
        for horizon in experiment.tasks.horizons_days:
            dated = fit_by(
                inputs.training, time, event, horizon=horizon, seed=experiment.seed, groups=patients
            )
            answers[Question(endpoint, horizon)] = dated.predict(inputs.test)
    return answers
