"""What a figure must be read beside: the same patients and inputs, without what is claimed to help."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from metarisk.config.experiment import Experiment
from metarisk.data.cohort import Cohort
from metarisk.features.batch import Batch
from metarisk.models.answers import probabilities
from metarisk.pathways.controls import rewired
from metarisk.pathways.topology import Topology
from metarisk.schema.endpoints import event_column, time_column
from metarisk.train.baselines import Baseline, fit_boosting, fit_boosting_horizon, fit_linear
from metarisk.train.figures import EVER, Answers, Question, answers_of
from metarisk.train.members import Learned, OnEpoch, TrainingSet, learn, without_graph

FitYesNo = Callable[..., Baseline]


def control_answers(
    name: str,
    training_set: TrainingSet,
    topology: Topology,
    experiment: Experiment,
    test: Cohort,
    on_epoch: OnEpoch,
) -> Answers:
    """Answers of one control for the test samples, trained on the same patients with the same inputs.

    Parameters
    ----------
    name
        ``no_graph``, ``rewired``, ``boosting`` or ``linear``.
    training_set
        Patients and features that our model was trained on.
    topology, experiment
        As for our model.
    test
        Held-out samples.
    on_epoch
        Told after every epoch of a network.
    """
    batch = training_set.transform.apply(test)
    if name == "no_graph":
        return model_answers(
            learn(training_set, topology, without_graph(experiment), on_epoch), batch, experiment
        )
    if name == "rewired":
        shuffled = rewired(topology, experiment.seed)
        return model_answers(learn(training_set, shuffled, experiment, on_epoch), batch, experiment)
    fit = fit_boosting if name == "boosting" else fit_linear
    return _baseline_answers(fit, training_set, experiment, batch)


def model_answers(learned: Learned, batch: Batch, experiment: Experiment) -> Answers:
    """Answers of a calibrated ensemble."""
    horizons = experiment.tasks.horizons_days
    return answers_of(probabilities(learned.ensemble, learned.calibration, batch, horizons))


def _baseline_answers(
    fit: FitYesNo, training_set: TrainingSet, experiment: Experiment, batch: Batch
) -> dict[Question, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """One model a question; dated questions only for boosting, which has a censoring-weighted form."""
    flat, patients = training_set.batch.flat, training_set.cohort.patient_ids
    endpoints: pd.DataFrame = training_set.cohort.endpoints
    answers = {}
    for name in training_set.layout.binary:
        labels = endpoints[name].to_numpy(np.float64)
        model = fit(flat, labels, seed=experiment.seed, groups=patients)
        answers[Question(name, EVER)] = model.predict(batch.flat)
    for name in training_set.layout.timed if fit is fit_boosting else ():
        time, event = (endpoints[column(name)].to_numpy(np.float64) for column in (time_column, event_column))
        known = np.flatnonzero(~np.isnan(time) & ~np.isnan(event))
        for horizon in experiment.tasks.horizons_days:
            dated = fit_boosting_horizon(
                flat[known],
                time[known],
                event[known].astype(np.int64),
                horizon=horizon,
                seed=experiment.seed,
                groups=patients[known],
            )
            answers[Question(name, horizon)] = dated.predict(batch.flat)
    return answers
