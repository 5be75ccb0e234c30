"""What a figure must be read beside: the same patients and inputs, without what is claimed to help."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from metarisk.config.experiment import Experiment
from metarisk.features.batch import Batch
from metarisk.models.answers import Probability, probabilities
from metarisk.pathways.controls import rewired
from metarisk.pathways.topology import Topology
from metarisk.schema.endpoints import event_column, time_column
from metarisk.train.baselines import (
    Baseline,
    fit_boosting,
    fit_boosting_horizon,
    fit_linear,
    fit_linear_horizon,
)
from metarisk.train.figures import EVER, Answers, Question, answers_of
from metarisk.train.members import Learned, TrainingSet, without_graph

Fit = Callable[..., Baseline]

# How each baseline is fitted to a yes / no target, and to "the event by a horizon".
BASELINES: dict[str, tuple[Fit, Fit]] = {
    "boosting": (fit_boosting, fit_boosting_horizon),
    "linear": (fit_linear, fit_linear_horizon),
}


def network_control(name: str, topology: Topology, experiment: Experiment) -> tuple[Topology, Experiment]:
    """Graph and experiment of a control that is a network: ``no_graph`` or ``rewired``."""
    if name == "no_graph":
        return topology, without_graph(experiment)
    return rewired(topology, experiment.seed), experiment


def model_answers(learned: Learned, batch: Batch, experiment: Experiment) -> Answers:
    """Answers of a calibrated ensemble."""
    return answers_of(probabilities_of(learned, batch, experiment))


def probabilities_of(learned: Learned, batch: Batch, experiment: Experiment) -> list[Probability]:
    """The same with intervals, sets and the graph's share."""
    return probabilities(learned.ensemble, learned.calibration, batch, experiment.tasks.horizons_days)


def baseline_answers(
    name: str, training_set: TrainingSet, experiment: Experiment, batch: Batch
) -> dict[Question, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """One model a question, each with its own tuning; dated questions are weighted for censoring."""
    fit, fit_by = BASELINES[name]
    flat, patients = training_set.batch.flat, training_set.cohort.patient_ids
    endpoints: pd.DataFrame = training_set.cohort.endpoints
    answers = {}
    for endpoint in training_set.layout.binary:
        labels = endpoints[endpoint].to_numpy(np.float64)
        model = fit(flat, labels, seed=experiment.seed, groups=patients)
        answers[Question(endpoint, EVER)] = model.predict(batch.flat)
    for endpoint in training_set.layout.timed:
        time = endpoints[time_column(endpoint)].to_numpy(np.float64)
        event = endpoints[event_column(endpoint)].to_numpy(np.float64)
        for horizon in experiment.tasks.horizons_days:
            dated = fit_by(flat, time, event, horizon=horizon, seed=experiment.seed, groups=patients)
            answers[Question(endpoint, horizon)] = dated.predict(batch.flat)
    return answers
