"""What is said of held-out patients must not move the model: their values and outcomes are made garbage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.data.cohort import AssayTable, Cohort
from metarisk.data.split import Split, holdout, patient_folds
from metarisk.features.states import state_scores
from metarisk.models.bundle import load_bundle, save_bundle
from metarisk.models.state_reference import fit_states
from metarisk.pathways.curated import curated_topology
from metarisk.schema.clinical import CATEGORICAL, NUMERIC
from metarisk.train.controls import BASELINES, Lesson, lesson_of
from metarisk.train.crossvalidate import Round
from metarisk.train.figures import OURS, Answers
from metarisk.train.members import Learned, learn
from metarisk.train.run import HOLDOUT_SALT, Trained, train_model

pytestmark = pytest.mark.slow

# The held-out samples that keep their values: what each model says of them is a probe of its fit.
PROBES = 6
# What a bundle says of the held-out patients, and the hash over all files.
TOLD = {"card.md", "figures.json", "subgroups.json", "provenance.json", "manifest.json"}
SETTINGS: dict[str, Any] = {
    "simulation": {"samples": 200, "treated": 0.8},
    "training": {"epochs": 2},
    "tasks": {"sites": ["bone", "liver"], "binary": ["response"], "timed": ["metastasis"]},
    "evaluation": {"controls": ["no_graph", "linear"], "test_fraction": 0.3},
}


def poisoned(cohort: Cohort, rows: np.ndarray) -> Cohort:
    """Rows with other values and outcomes, each of which could be true, under the ids they had."""
    rng = np.random.default_rng(7)
    clinical, endpoints = cohort.clinical.copy(), cohort.endpoints.copy()
    for name in clinical.columns.intersection(list(NUMERIC)):
        clinical.loc[clinical.index[rows], name] = rng.uniform(
            NUMERIC[name].low, NUMERIC[name].high, len(rows)
        )
    for name in clinical.columns.intersection(CATEGORICAL):
        values = [*clinical[name].dropna().unique(), "never seen", None]
        clinical[name] = clinical[name].astype(object)
        clinical.loc[clinical.index[rows], name] = pd.array(rng.choice(values, len(rows)), dtype=object)
    for name in endpoints:
        high = {"time_days": 5000.0, "event": 3.0}.get(name.split(".")[-1], 2.0)
        drawn = rng.uniform(0.0, high, len(rows))
        endpoints.loc[endpoints.index[rows], name] = drawn if high > 3 else np.floor(drawn)
    assays = {assay: _dealt_anew(table, rows, rng) for assay, table in cohort.assays.items()}
    return replace(cohort, assays=assays, clinical=clinical, endpoints=endpoints)


def second_of_three(cohort: Cohort) -> Split:
    """The second fold of three held out."""
    fold = patient_folds(cohort.patient_ids, 3, "outer")
    return Split(np.flatnonzero(fold != 1), np.flatnonzero(fold == 1))


def _dealt_anew(table: AssayTable, rows: np.ndarray, rng: np.random.Generator) -> AssayTable:
    """Each number of the rows from anywhere in the assay, a tenth of the genes no longer measured."""
    values, known = table.values.copy(), table.values[table.measured]
    shape = values[rows].shape[:2]
    values[rows] = known[rng.integers(0, len(known), shape)]
    values[rows[:, None], rng.integers(0, shape[1], (len(rows), shape[1] // 10))] = np.nan
    return replace(table, values=values)


@pytest.fixture(scope="module")
def pair(make: Any) -> tuple[Trained, Trained]:
    experiment = make.experiment(**SETTINGS)
    cohort = make.cohort(experiment)
    rows = holdout(cohort, experiment.evaluation.test_fraction, HOLDOUT_SALT).test_rows
    dirty = poisoned(cohort, rows[PROBES:])
    clean, poison = (
        train_model(experiment, samples, make.topology, lambda model, epoch: None)
        for samples in (cohort, dirty)
    )
    return clean, poison


def test_the_poison_is_in_the_test_set_and_nowhere_else(pair: tuple[Trained, Trained]) -> None:
    clean, dirty = pair
    assert clean.test.sample_ids.tolist() == dirty.test.sample_ids.tolist()
    assert clean.test.content_sha256() != dirty.test.content_sha256()
    probes = np.arange(PROBES)
    assert clean.test.take(probes).content_sha256() == dirty.test.take(probes).content_sha256()
    assert not clean.figures.equals(dirty.figures)


def test_every_file_of_the_bundle_that_scores_is_the_same_to_the_byte(
    pair: tuple[Trained, Trained], tmp_path: Path
) -> None:
    """Transform, weights, calibration, conformal limits, topology, layout and training ids."""
    for name, trained in zip(("clean", "dirty"), pair, strict=True):
        save_bundle(trained.bundle, tmp_path / name)
    files = {
        path.relative_to(tmp_path / "clean") for path in (tmp_path / "clean").rglob("*") if path.is_file()
    }
    differ = {
        str(file)
        for file in files
        if (tmp_path / "clean" / file).read_bytes() != (tmp_path / "dirty" / file).read_bytes()
    }
    assert differ == TOLD
    same = {str(file) for file in files} - TOLD
    assert {"weights.safetensors", "calibration.safetensors", "conformal.json", "transform.json"} <= same
    assert {"reference.json", "reference.safetensors"} <= same
    sets = load_bundle(tmp_path / "dirty").calibration.sets
    assert sets.limits
    assert sets.free


def test_every_model_says_the_same_of_the_probes_to_the_bit(pair: tuple[Trained, Trained]) -> None:
    clean, dirty = pair
    assert set(clean.answers) == {OURS, "no_graph", "linear"}
    for model, answers in clean.answers.items():
        assert_same_probes(answers, dirty.answers[model])


def assert_same_probes(clean: Answers, dirty: Answers) -> None:
    assert clean.keys() == dirty.keys()
    assert any(question.horizon_days > 0 for question in clean)
    for question, answer in clean.items():
        np.testing.assert_array_equal(answer[:PROBES], dirty[question][:PROBES])
        assert not np.array_equal(answer[PROBES:], dirty[question][PROBES:])  # the others did change


@pytest.fixture(scope="module")
def rounds(make: Any) -> tuple[Round, Round]:
    experiment = make.experiment(**SETTINGS)
    cohort = make.cohort(experiment)
    split = second_of_three(cohort)
    dirty = poisoned(cohort, split.test_rows[PROBES:])
    clean, poison = (Round.of(samples, make.topology, experiment, split) for samples in (cohort, dirty))
    return clean, poison


@pytest.mark.parametrize("model", ["boosting", "linear", "type_only"])
def test_a_baseline_of_a_fold_says_the_same_of_the_probes(rounds: tuple[Round, Round], model: str) -> None:
    assert model in BASELINES
    clean, dirty = (one.answers(model, lambda epoch: None) for one in rounds)
    assert_same_probes(clean, dirty)


def test_our_network_of_a_fold_is_the_same_to_the_bit(rounds: tuple[Round, Round]) -> None:
    def fit(one: Round) -> Learned:
        training_set, topology, _ = one.prepared
        return learn(*lesson_of(OURS, Lesson(training_set, topology, one.experiment)), lambda epoch: None)

    clean, dirty = (fit(one) for one in rounds)
    weights = dirty.ensemble.state_dict()
    for name, tensor in clean.ensemble.state_dict().items():
        assert tensor.numpy().tobytes() == weights[name].numpy().tobytes(), name
    before, after = clean.calibration, dirty.calibration
    assert before.slope.tobytes() == after.slope.tobytes()
    assert before.offset.tobytes() == after.offset.tobytes()
    assert before.sets == after.sets
    assert before.missing_spread.keys() == after.missing_spread.keys()
    for assay, spread in before.missing_spread.items():
        assert spread.tobytes() == after.missing_spread[assay].tobytes()
    assert_same_probes(*(one.answers(OURS, lambda epoch: None) for one in rounds))


def test_the_same_poison_in_one_training_sample_is_found_out(make: Any, rounds: tuple[Round, Round]) -> None:
    clean, _ = rounds
    cohort = make.cohort(clean.experiment)
    split = second_of_three(cohort)
    dirty = Round.of(poisoned(cohort, split.train_rows[:1]), make.topology, clean.experiment, split)
    assert (
        dirty.prepared.training_set.batch.flat.tobytes() != clean.prepared.training_set.batch.flat.tobytes()
    )
    said = [one.answers("linear", lambda epoch: None) for one in (clean, dirty)]
    assert not all(np.array_equal(answer, said[1][question]) for question, answer in said[0].items())


def test_where_training_patients_states_lie_is_the_same_and_the_poison_would_have_moved_it(make: Any) -> None:
    """On the curated topology, whose genes the states are read from."""
    experiment = make.experiment(**SETTINGS, features={"assays": ["expression"]})
    named = replace(make, topology=curated_topology())
    cohort = named.cohort(experiment)
    split = second_of_three(cohort)
    dirty = poisoned(cohort, split.test_rows)
    clean, poison = (
        Round.of(samples, named.topology, experiment, split).prepared.training_set
        for samples in (cohort, dirty)
    )
    before, after = (fit_states(each.transform, each.batch) for each in (clean, poison))
    assert before.cells
    assert before == after
    said = [
        state_scores(clean.transform, clean.transform.apply(samples)).score for samples in (cohort, dirty)
    ]
    told = [scores[split.test_rows] for scores in said]
    assert not np.array_equal(told[0], told[1], equal_nan=True)
    whole = [fit_states(clean.transform, clean.transform.apply(samples)) for samples in (cohort, dirty)]
    assert whole[0] != whole[1]
