"""Controls that are fitted to a flat table: what each reads, and its answers for held-out samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from metarisk.config.experiment import Experiment, FeatureSection
from metarisk.data.cohort import Cohort
from metarisk.errors import ConfigError
from metarisk.features.columns import FlatColumn
from metarisk.features.transform import FeatureTransform
from metarisk.pathways.topology import Topology
from metarisk.schema.endpoints import event_column, time_column
from metarisk.train.baselines import BOOSTING, ELASTIC_NET, LINEAR, Fits
from metarisk.train.examples import Features
from metarisk.train.figures import EVER, Answers, Question
from metarisk.train.members import TrainingSet

FLAT_MODELS: Mapping[str, Fits] = {
    "boosting": BOOSTING,
    "linear": LINEAR,
    "elastic_net": ELASTIC_NET,
    "clinic_only": ELASTIC_NET,
    "assays_only": ELASTIC_NET,
    "panel_only": LINEAR,
    "type_only": LINEAR,
    "burden_only": BOOSTING,
}
# Baselines that read a confounder and nothing else, whatever the experiment reads.
CONFOUNDERS: Mapping[str, FeatureSection] = {
    "panel_only": FeatureSection(assays=(), numeric=(), categorical=("panel",)),
    "type_only": FeatureSection(assays=(), numeric=(), categorical=("cancer_type",)),
    "burden_only": FeatureSection(assays=(), numeric=("tmb_per_mb", "fga"), categorical=()),
}
_CLINIC = frozenset({"number", "category"})


class FlatInputs(NamedTuple):
    """What a baseline reads of the training and of the test samples, (N, F) each."""

    training: Features
    test: Features


def flat_inputs(name: str, training_set: TrainingSet, topology: Topology, test: Cohort) -> FlatInputs:
    """What a flat model reads: our model's flat inputs, some of their columns, or a confounder alone.

    Parameters
    ----------
    name
        One of `FLAT_MODELS`.
    training_set
        Patients and features that our model is trained on.
    topology
        The graph, for the transform's sake.
    test
        Held-out samples.

    Raises
    ------
    ConfigError
        If the training samples do not know what it reads.
    """
    if name in CONFOUNDERS:
        transform = FeatureTransform.fit(training_set.cohort, topology, CONFOUNDERS[name])
        section = CONFOUNDERS[name]
        _check_some(len(transform.columns), name, " or ".join((*section.numeric, *section.categorical)))
        return FlatInputs(transform.apply(training_set.cohort).flat, transform.apply(test).flat)
    inputs = FlatInputs(training_set.batch.flat, training_set.transform.apply(test).flat)
    if name not in _PARTS:
        return inputs
    belongs = [_PARTS[name](column) for column in training_set.transform.columns]
    _check_some(sum(belongs), name, _PARTS_IN_WORDS[name])
    return FlatInputs(inputs.training[:, belongs], inputs.test[:, belongs])


def flat_answers(
    name: str, training_set: TrainingSet, topology: Topology, experiment: Experiment, test: Cohort
) -> Answers:
    """Answers of one model a question, each with its own tuning on patients it holds out.

    Parameters
    ----------
    name
        One of `FLAT_MODELS`.
    training_set, topology, test
        As in `flat_inputs`.
    experiment
        Its seed and horizons.

    Raises
    ------
    ConfigError
        As `flat_inputs`.
    """
    fits, inputs = FLAT_MODELS[name], flat_inputs(name, training_set, topology, test)
    settings = {"seed": experiment.seed, "groups": training_set.cohort.patient_ids}
    endpoints: pd.DataFrame = training_set.cohort.endpoints
    horizons = experiment.tasks.horizons_days
    answers = {}
    for endpoint in training_set.layout.binary:
        labels = endpoints[endpoint].to_numpy(np.float64)
        answers[Question(endpoint, EVER)] = fits.ever(inputs.training, labels, **settings).predict(
            inputs.test
        )
    for endpoint in training_set.layout.timed:
        time = endpoints[time_column(endpoint)].to_numpy(np.float64)
        event = endpoints[event_column(endpoint)].to_numpy(np.float64)
        dated = fits.dated(inputs.training, time, event, horizons=horizons, **settings)
        for horizon in horizons:
            answers[Question(endpoint, horizon)] = dated.predict(inputs.test, horizon)
    return answers


def _is_clinic(column: FlatColumn) -> bool:
    """The panel is how a tumour was read, no fact of the patient."""
    return column.kind in _CLINIC and column.group != "panel"


def _is_assay(column: FlatColumn) -> bool:
    return column.kind not in _CLINIC


_PARTS: Mapping[str, Callable[[FlatColumn], bool]] = {"clinic_only": _is_clinic, "assays_only": _is_assay}
_PARTS_IN_WORDS: Mapping[str, str] = {
    "clinic_only": "a clinical number or category",
    "assays_only": "an assay",
}


def _check_some(columns: int, name: str, what: str) -> None:
    if not columns:
        raise ConfigError(
            f"no training sample knows {what}",
            expected=f"what the control {name} reads",
            do=f"Take {name} out of evaluation.controls.",
        )
