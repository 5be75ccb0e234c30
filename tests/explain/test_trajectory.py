"""Trajectories: which moments a patient has, paired changes, and what is due to what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config import Experiment
from metarisk.data import at_times, read_study
from metarisk.data.cohort import Cohort
from metarisk.data.dated import DATED_COLUMNS
from metarisk.errors import InputError
from metarisk.explain.answers_read import AnswerReader
from metarisk.explain.moments import SAMPLE_DAY, moments_of
from metarisk.explain.trajectory import DUE_TO_MEASURING, NOTHING_COMMON, ON_COMMON, trajectory
from metarisk.models.answers import probabilities
from metarisk.models.bundle import ModelBundle
from metarisk.models.fingerprint import TrainingIds
from metarisk.pathways.curated import curated_topology
from metarisk.schema.assays import Assay
from metarisk.train.members import TrainingSet, learn
from metarisk.train.tasks import learnable_layout

NAN = np.nan
READ = frozenset({"tmb_per_mb"})


def dated_of(*rows: tuple[str, float, str, float]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(DATED_COLUMNS)).astype(DATED_COLUMNS)


@pytest.fixture
def three(tiny_model: Any) -> Cohort:
    """Three samples of patient A on days 0, 100 and 40, and one of B."""
    cohort = tiny_model.new_samples.take(np.arange(4))
    clinical = cohort.clinical.assign(
        patient_id=["A", "A", "A", "B"], **{SAMPLE_DAY: [0.0, 100.0, 40.0, NAN]}
    )
    return replace(cohort, clinical=clinical)


def test_a_patients_moments_are_its_samples_in_the_order_of_time(three: Cohort) -> None:
    moments = moments_of(three, READ)
    ids = three.sample_ids
    assert moments.patient.tolist() == ["A"] * 3
    assert moments.sample.tolist() == [ids[0], ids[2], ids[1]]
    assert moments.since_first.tolist() == [0.0, 40.0, 100.0]
    assert moments.before.tolist() == [-1, 0, 1]
    assert moments.set_aside == {"B": "one dated moment"}


def test_a_sample_is_as_old_as_it_was_and_grows_older_until_a_later_value(three: Cohort) -> None:
    dated = dated_of(
        ("B", 365.25, "tmb_per_mb", 7.5), ("B", 20.0, "nlr", 3.0), ("B", -9.0, "tmb_per_mb", 1.0)
    )
    moments = moments_of(replace(three, dated=dated), READ)
    age = three.clinical["age_years"].to_numpy()
    found = moments.cohort.clinical["age_years"].to_numpy()
    np.testing.assert_allclose(found[:3], age[[0, 2, 1]])
    np.testing.assert_allclose(found[3:], [age[3], age[3] + 1.0])  # nlr is not read, so no moment
    assert moments.cohort.clinical["tmb_per_mb"].to_numpy()[4] == 7.5
    assert moments.cohort.clinical["tmb_per_mb"].to_numpy()[3] == three.clinical["tmb_per_mb"].to_numpy()[3]
    assert moments.sample[3:].tolist() == [three.sample_ids[3]] * 2


def test_a_value_on_the_day_of_a_sample_is_no_moment_of_its_own(three: Cohort) -> None:
    moments = moments_of(replace(three, dated=dated_of(("A", 40.0, "tmb_per_mb", 3.0))), READ)
    assert moments.day.tolist() == [0.0, 40.0, 100.0]
    assert moments.cohort.clinical["tmb_per_mb"].to_numpy()[1] == 3.0


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        (
            [0.0, NAN, NAN, NAN],
            r"none of 2 patients has two dated samples; A: one dated moment, 2 samples without",
        ),
        ([5.0, 5.0, NAN, NAN], r"A: two samples on day 5 \(SIM-\d+, SIM-\d+\)"),
        (
            [NAN, NAN, NAN, NAN],
            r"A: 3 samples without a date.*Date the samples with --dates or as extra\.sample_day",
        ),
        ([-1.0, 0.0, 3.0, NAN], r"A: samples dated before the baseline"),
    ],
)
def test_patients_without_a_sound_order_of_time_are_set_aside_with_the_reason(
    three: Cohort, days: list[float], sentence: str
) -> None:
    clinical = three.clinical.assign(**{SAMPLE_DAY: days})
    with pytest.raises(InputError, match=sentence):
        moments_of(replace(three, clinical=clinical), READ)


def test_answers_are_those_of_scoring_and_changes_are_paired_by_fold(tiny_model: Any, three: Cohort) -> None:
    bundle = tiny_model.bundle
    moments = moments_of(three, READ)
    table = trajectory(bundle, moments)
    batch = bundle.transform.apply(moments.cohort)
    horizons = bundle.experiment.tasks.horizons_days
    for answer in probabilities(bundle.ensemble, bundle.calibration, batch, horizons):
        own = table[table["endpoint"] == answer.endpoint]
        if answer.cause == "death":
            continue
        if answer.cause:
            own = own[own["horizon_days"] == answer.horizon_days]
        np.testing.assert_allclose(own["probability"], answer.value)
        np.testing.assert_allclose(own["lower"], answer.lower)
    reader = AnswerReader(bundle)
    read = reader.read(bundle.ensemble.answers(batch)["outputs"])
    change = np.diff(read, axis=2)  # (1 + K, A, 2)
    at = reader.asked.index(next(asked for asked in reader.asked if asked.endpoint == "site.bone"))
    bone = table[table["endpoint"] == "site.bone"]
    np.testing.assert_allclose(bone["change"].to_numpy()[1:], change[0, at], atol=1e-9)
    half = 12.7062 * np.sqrt(1 / 2 * change[1:, at].var(axis=0, ddof=1))  # Student's t on one degree
    np.testing.assert_allclose((bone["change_upper"] - bone["change"]).to_numpy()[1:], half, rtol=1e-4)
    assert np.isnan(bone["change"].iloc[0])


def with_other_measurements(cohort: Cohort) -> Cohort:
    """The same tumour twice; the second time without its expression."""
    again = cohort.take(np.array([0, 0]))
    ids = np.array(["S1", "S2"])
    expression = again.assays[Assay.EXPRESSION]
    values = expression.values.copy()
    values[1] = NAN
    units = np.array([expression.units[0], ""])
    assays = {assay: replace(table, sample_ids=ids) for assay, table in again.assays.items()}
    assays[Assay.EXPRESSION] = replace(expression, sample_ids=ids, values=values, units=units)
    index = pd.Index(ids, name="sample_id", dtype=object)
    clinical = again.clinical.set_axis(index).assign(patient_id="A", **{SAMPLE_DAY: [0.0, 30.0]})
    clinical["age_years"] += [0.0, 0.0]
    return replace(again, clinical=clinical, assays=assays, endpoints=again.endpoints.set_axis(index))


def test_a_change_that_only_what_was_measured_made_is_said_to_be_that(tiny_model: Any) -> None:
    measured = np.flatnonzero(tiny_model.new_samples.assays[Assay.EXPRESSION].units != "")
    cohort = with_other_measurements(tiny_model.new_samples.take(measured[:1]))
    table = trajectory(tiny_model.bundle, moments_of(cohort, READ))
    second = table[table["sample_id"] == "S2"]
    assert (second["change"].abs() > 1e-4).any()
    np.testing.assert_allclose(second["common_change"], 0.0, atol=1e-6)
    moved = second[second["change"].abs() > 1e-4]
    assert moved["comparable"].eq(DUE_TO_MEASURING).all()
    assert (
        second["measured"].eq("mutation, copy_number").all() or "expression" not in second["measured"].iloc[0]
    )


def test_a_change_that_stays_on_what_both_have_can_be_read(tiny_model: Any) -> None:
    measured = np.flatnonzero(tiny_model.new_samples.assays[Assay.EXPRESSION].units != "")
    cohort = with_other_measurements(tiny_model.new_samples.take(measured[:1]))
    dna = cohort.assays[Assay.MUTATION]
    values = dna.values.copy()
    values[1, :400, 1] = 1.0  # hundreds of mutations: whatever the expression, the answers move
    changed = {**cohort.assays, Assay.MUTATION: replace(dna, values=values)}
    table = trajectory(tiny_model.bundle, moments_of(replace(cohort, assays=changed), READ))
    second = table[table["sample_id"] == "S2"]
    kept = second["comparable"] == ON_COMMON
    assert kept.any()
    same_way = np.sign(second["change"]) == np.sign(second["common_change"])
    assert same_way[kept].all()


def test_samples_with_nothing_in_common_are_not_compared(tiny_model: Any) -> None:
    whole = np.all([table.units != "" for table in tiny_model.new_samples.assays.values()], axis=0)
    cohort = with_other_measurements(tiny_model.new_samples.take(np.flatnonzero(whole)[:1]))
    assays = {}
    for place, (assay, table) in enumerate(cohort.assays.items()):
        values = table.values.copy()
        values[place % 2] = NAN
        assays[assay] = replace(table, values=values)
    clinical = cohort.clinical[["patient_id", SAMPLE_DAY]]
    table = trajectory(tiny_model.bundle, moments_of(replace(cohort, assays=assays, clinical=clinical), READ))
    assert table.loc[table["sample_id"] == "S2", "comparable"].eq(NOTHING_COMMON).all()


@pytest.fixture(scope="module")
def liquid(shared_data: Path) -> tuple[ModelBundle, Cohort]:
    """A clinical model of the real ctDNA cohort that reads the change of size at each visit."""
    study = Path(__file__).parents[2] / "configs" / "studies" / "liquid.yaml"
    cohort = read_study(study, data_root=shared_data)
    experiment = Experiment.model_validate(
        {
            "name": "liquid",
            "cohort": {"study": str(study)},
            "features": {
                "assays": [],
                "numeric": ["age_years", "ctdna_mtm_per_ml", "extra.size_change_percent", "extra.lesions_mm"],
                "categorical": ["sex"],
            },
            "tasks": {"sites": [], "binary": ["response"], "timed": ["os"], "min_events": 5, "bins": 4},
            "network": {"graph": False, "direct_hidden": 0, "width": 4},
            "training": {"folds": 3, "epochs": 10, "learning_rate": 0.05, "batch_size": 32},
        }
    )
    visits = at_times(cohort, [0.0, 90.0])  # so that training meets the change of size
    layout, _ = learnable_layout(visits.endpoints, experiment.tasks)
    training_set = TrainingSet.of(visits, curated_topology(), layout, experiment)
    learned = learn(training_set, curated_topology(), experiment, lambda epoch: None)
    return (
        ModelBundle(
            experiment,
            curated_topology(),
            learned.transform,
            learned.ensemble,
            learned.calibration,
            TrainingIds.of(cohort.patient_ids, "liquid"),
            {},
            (),
            "",
        ),
        cohort,
    )


def test_real_serial_visits_make_a_trajectory_for_each_patient(liquid: Any) -> None:
    bundle, cohort = liquid
    read = frozenset(bundle.transform.numeric)
    moments = moments_of(cohort, read)
    dated = cohort.dated[cohort.dated["variable"].isin(read) & (cohort.dated["time_days"] > 0)]
    visits = dated.groupby("patient_id")["time_days"].nunique()
    assert len(set(moments.patient)) == len(visits)
    assert len(moments) == len(visits) + visits.sum()
    assert len(moments.set_aside) == cohort.clinical["patient_id"].nunique() - len(visits)
    table = trajectory(bundle, moments)
    known = table.dropna(subset="probability")
    assert known["lower"].le(known["probability"]).all()
    assert known["probability"].le(known["upper"]).all()
    assert known.loc[known["days_since_first"] > 0, "change"].notna().any()
    assert known["flags"].str.contains("training-patient").all()
