from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from metarisk.data.cohort import Cohort
from metarisk.errors import ConfigError, InputError
from metarisk.train.controls import CONFOUNDERS, Lesson, flat_inputs, lesson_of
from metarisk.train.crossvalidate import Round, answer_table, gathered, hashed
from metarisk.train.figures import OURS
from metarisk.train.outer import OuterSplit, folds_by_patient
from metarisk.train.run import prepare

SETTINGS: dict[str, Any] = {
    "simulation": {"samples": 150},
    "training": {"epochs": 1},
    "tasks": {"sites": ["bone"], "timed": []},
}
FITTED = (OURS, "permuted_labels", "boosting", "linear", "panel_only")


@pytest.fixture(scope="module")
def samples(make: Any) -> Cohort:
    return make.cohort(make.experiment(**SETTINGS))


@pytest.fixture(scope="module")
def split(samples: Cohort) -> OuterSplit:
    return folds_by_patient(samples, 3, seed=0)


def round_of(make: Any, cohort: Cohort, split: OuterSplit, number: int = 0, **sections: Any) -> Round:
    experiment = make.experiment(**{**SETTINGS, **sections})
    return Round.of(cohort, make.topology, experiment, split.split(number))


def poisoned(cohort: Cohort, rows: np.ndarray) -> Cohort:
    """Rows whose every measurement and outcome is absurd, under the ids they had."""
    rng = np.random.default_rng(0)
    assays = {}
    for assay, table in cohort.assays.items():
        values = table.values.copy()
        values[rows] = rng.normal(0, 1e3, values[rows].shape)
        assays[assay] = replace(table, values=values)
    clinical, endpoints = cohort.clinical.copy(), cohort.endpoints.copy()
    clinical.loc[clinical.index[rows], ["age_years", "tmb_per_mb", "fga"]] = -1e6
    clinical.loc[clinical.index[rows], ["cancer_type", "panel"]] = "poison"
    for name in endpoints:
        endpoints.loc[endpoints.index[rows], name] = 1.0
    return replace(cohort, assays=assays, clinical=clinical, endpoints=endpoints)


def test_each_patient_is_held_out_once(samples: Cohort, split: OuterSplit) -> None:
    tested = np.concatenate([split.split(number).test_rows for number in range(3)])
    assert np.array_equal(np.sort(tested), np.arange(len(samples)))
    for number in range(3):
        sides = split.split(number)
        assert not set(samples.patient_ids[sides.train_rows]) & set(samples.patient_ids[sides.test_rows])


def test_a_patient_stays_in_its_fold_whatever_the_order_of_the_samples(
    samples: Cohort, split: OuterSplit
) -> None:
    order = np.random.default_rng(1).permutation(len(samples))
    again = folds_by_patient(samples.take(order), 3, seed=0)
    assert np.array_equal(again.part_of, split.part_of[order])
    assert not np.array_equal(folds_by_patient(samples, 3, seed=1).part_of, split.part_of)


@pytest.mark.parametrize("model", FITTED)
def test_poison_in_the_held_out_fold_moves_no_answer_for_its_other_patients(
    make: Any, samples: Cohort, split: OuterSplit, model: str
) -> None:
    """Half of the fold is poisoned, features and labels: the fit is judged by what it says of the rest."""
    held = split.split(0).test_rows
    half = len(held) // 2
    dirty = poisoned(samples, held[:half])
    clean_answers, answers = (
        round_of(make, cohort, split).answers(model, lambda epoch: None) for cohort in (samples, dirty)
    )
    assert clean_answers.keys() == answers.keys()
    for question, probability in clean_answers.items():
        np.testing.assert_array_equal(probability[half:], answers[question][half:])
        assert np.isfinite(answers[question]).all()


def test_poison_moves_no_number_of_the_training_side(make: Any, samples: Cohort, split: OuterSplit) -> None:
    dirty = poisoned(samples, split.split(0).test_rows)
    before, after = (round_of(make, cohort, split).prepared for cohort in (samples, dirty))
    assert before.topology == after.topology
    assert before.training_set.layout == after.training_set.layout
    assert before.training_set.transform.columns == after.training_set.transform.columns
    np.testing.assert_array_equal(before.training_set.batch.flat, after.training_set.batch.flat)
    np.testing.assert_array_equal(before.training_set.targets.binary, after.training_set.targets.binary)


def test_a_baselines_key_does_not_rest_on_the_network(make: Any, samples: Cohort, split: OuterSplit) -> None:
    first = round_of(make, samples, split)
    other = round_of(make, samples, split, network={"width": 6}, training={"epochs": 7})
    for model in ("boosting", "linear", "panel_only", "type_only", "burden_only"):
        assert first.key(model) == other.key(model)
    for model in (OURS, "no_graph", "rewired", "shuffled_signs", "permuted_labels"):
        assert first.key(model) != other.key(model)


def test_a_key_rests_on_data_fold_seed_and_model(make: Any, samples: Cohort, split: OuterSplit) -> None:
    first = round_of(make, samples, split)
    rounds = [
        round_of(make, samples, split, number=1),
        round_of(make, poisoned(samples, split.split(0).train_rows[:5]), split),
        round_of(make, poisoned(samples, split.split(0).test_rows[:5]), split),
        round_of(make, samples, split, features={"min_alterations": 1, "numeric": ["age_years"]}),
    ]
    for model in (OURS, "boosting"):
        keys = {first.key(model), *(other.key(model) for other in rounds)}
        assert len(keys) == 1 + len(rounds)
        assert first.key(model) == round_of(make, samples, split).key(model)
    assert first.key("boosting") != first.key("linear")


def test_answers_come_back_in_the_cohorts_order_under_hashed_names(
    make: Any, samples: Cohort, split: OuterSplit
) -> None:
    parts, expected = [], np.full(len(samples), np.nan)
    for number in (2, 0):
        round_ = round_of(make, samples, split, number)
        answers = round_.answers("linear", lambda epoch: None)
        ((question, probability),) = list(answers.items())[:1]
        expected[split.split(number).test_rows] = probability
        parts.append(answer_table(answers, round_.test))
    np.testing.assert_array_equal(gathered(parts, samples.sample_ids)[question], expected)
    assert not set(parts[0]["sample"]) & set(samples.sample_ids)
    assert set(parts[0]["sample"]) <= set(hashed(samples.sample_ids))
    with pytest.raises(ConfigError, match="predicted twice"):
        gathered([parts[0], parts[0]], samples.sample_ids)


def test_confounders_read_nothing_else(make: Any, samples: Cohort, split: OuterSplit) -> None:
    round_ = round_of(make, samples, split, features={"categorical": ["sex"], "numeric": []})
    training_set, topology, _ = round_.prepared
    for name, width in (("panel_only", "panel"), ("type_only", "cancer_type"), ("burden_only", "fga")):
        inputs = flat_inputs(name, training_set, topology, round_.test)
        known = samples.clinical[width].nunique()
        assert inputs.training.shape[1] == (2 if name == "burden_only" else known + 1)
        assert inputs.test.shape == (len(round_.test), inputs.training.shape[1])
    assert set(CONFOUNDERS) == {"panel_only", "type_only", "burden_only"}


def test_a_confounder_that_nobody_knows_is_refused(make: Any, samples: Cohort, split: OuterSplit) -> None:
    unknown = replace(samples, clinical=samples.clinical.assign(panel=None))
    round_ = round_of(make, unknown, split)
    with pytest.raises(ConfigError, match=r"no training sample knows panel.*evaluation\.controls"):
        round_.key("panel_only")


def test_permuted_labels_are_the_same_labels_of_other_patients(
    make: Any, samples: Cohort, split: OuterSplit
) -> None:
    training_set, topology, _ = round_of(make, samples, split).prepared
    ours = Lesson(training_set, topology, make.experiment(**SETTINGS))
    taught = lesson_of("permuted_labels", ours).training_set
    before, after = training_set.targets.binary, taught.targets.binary
    np.testing.assert_array_equal(training_set.batch.flat, taught.batch.flat)
    assert not np.array_equal(before, after, equal_nan=True)
    rows = [np.nan_to_num(table, nan=-1.0).tolist() for table in (before, after)]
    assert sorted(rows[0]) == sorted(rows[1])  # whole rows: the answers of a patient stay together


def test_a_model_of_no_name_is_refused(make: Any, samples: Cohort, split: OuterSplit) -> None:
    training_set, topology, _ = round_of(make, samples, split).prepared
    with pytest.raises(ConfigError, match="no model is named 'bosting'"):
        lesson_of("bosting", Lesson(training_set, topology, make.experiment(**SETTINGS)))


def test_more_folds_than_patients_are_refused(samples: Cohort) -> None:
    with pytest.raises(InputError, match="cannot fill"):
        folds_by_patient(samples.take(np.arange(2)), 3, seed=0)


def test_a_fold_is_prepared_from_its_training_rows_alone(
    make: Any, samples: Cohort, split: OuterSplit
) -> None:
    experiment = make.experiment(**SETTINGS)
    alone = prepare(samples.take(split.split(0).train_rows), make.topology, experiment)
    round_ = round_of(make, samples, split)
    np.testing.assert_array_equal(alone.training_set.batch.flat, round_.prepared.training_set.batch.flat)
