from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from metarisk.config.evaluation import Control
from metarisk.data.split import Split
from metarisk.errors import ConfigError
from metarisk.schema.assays import Assay
from metarisk.train.controls import (
    _LESSONS,
    BASELINES,
    Lesson,
    baseline_inputs,
    control_answers,
    flat_inputs,
    lesson_of,
)
from metarisk.train.crossvalidate import Round
from metarisk.train.figures import OURS
from metarisk.train.published import SCORES


@pytest.fixture(scope="module")
def learning(make: Any) -> Round:
    """The small experiment, a quarter of its patients held out."""
    experiment = make.experiment()
    cohort = make.cohort(experiment)
    return Round.of(cohort, make.topology, experiment, Split(np.arange(60, 240), np.arange(60)))


def test_every_control_of_the_configuration_is_some_model() -> None:
    assert set(get_args(Control)) == {*BASELINES, *_LESSONS} - {OURS}


def test_clinic_and_assays_are_the_flat_inputs_without_the_panel(learning: Round) -> None:
    training_set, topology, _ = learning.prepared
    columns = training_set.transform.columns
    whole = flat_inputs("elastic_net", training_set, topology, learning.test)
    parts = {}
    for name in ("clinic_only", "assays_only"):
        parts[name] = flat_inputs(name, training_set, topology, learning.test)
        assert parts[name].test.shape == (60, parts[name].training.shape[1])
    numbers = [column.kind in {"number", "category"} and column.group != "panel" for column in columns]
    np.testing.assert_array_equal(parts["clinic_only"].training, whole.training[:, numbers])
    left = whole.training.shape[1] - sum(part.training.shape[1] for part in parts.values())
    assert left == sum(column.group == "panel" for column in columns) > 0


def test_a_part_that_the_experiment_does_not_read_is_refused(make: Any) -> None:
    experiment = make.experiment(features={"numeric": [], "categorical": ["panel"]})
    learning = Round.of(
        make.cohort(experiment), make.topology, experiment, Split(np.arange(60, 240), np.arange(60))
    )
    training_set, topology, _ = learning.prepared
    with pytest.raises(
        ConfigError, match="knows a clinical number or category; expected what the control cl"
    ):
        flat_inputs("clinic_only", training_set, topology, learning.test)
    with pytest.raises(ConfigError, match="reads no cell_fraction that a training sample has"):
        lesson_of("only_cell_fraction", Lesson(training_set, topology, experiment))


def test_the_network_with_one_assay_reads_that_assay_and_no_clinic(learning: Round) -> None:
    training_set, topology, _ = learning.prepared
    ours = Lesson(training_set, topology, learning.experiment)
    assay = next(iter(training_set.transform.scales))
    alone = lesson_of(f"only_{assay}", ours)
    assert set(alone.training_set.batch.assays) == {assay}
    assert {column.group for column in alone.training_set.transform.columns} == {str(assay)}
    np.testing.assert_array_equal(alone.training_set.targets.binary, training_set.targets.binary)
    answers = control_answers(f"only_{assay}", *ours, learning.test, lambda epoch: None)
    assert all(np.isfinite(answer).all() for answer in answers.values())


def test_elastic_nets_answer_every_question_between_zero_and_one(learning: Round) -> None:
    layout = learning.prepared.training_set.layout
    for name in ("elastic_net", "clinic_only"):
        answers = learning.answers(name, lambda epoch: None)
        assert {question.endpoint for question in answers} == {*layout.binary, *layout.timed}
        assert all(((answer >= 0) & (answer <= 1)).all() for answer in answers.values())


def test_what_a_baseline_reads_is_told_and_nothing_else_of_the_test_samples(learning: Round) -> None:
    training_set, topology, _ = learning.prepared
    for name in ("boosting", "clinic_only", "burden_only"):
        inputs = baseline_inputs(name, training_set, topology, learning.test)
        for told, read in zip(inputs, flat_inputs(name, training_set, topology, learning.test), strict=True):
            np.testing.assert_array_equal(told, read)
    (score,) = baseline_inputs("fga", training_set, topology, learning.test)
    np.testing.assert_array_equal(score, SCORES["fga"].of(learning.test))


def test_assays_of_the_schema_each_have_a_network_of_their_own() -> None:
    assert {f"only_{assay}" for assay in Assay} <= set(get_args(Control))
