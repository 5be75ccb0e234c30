from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config import Experiment
from metarisk.errors import InputError
from metarisk.explain.parts import Subject, explain, explain_rows
from metarisk.explain.patients import average_patient, filled
from metarisk.explain.questions import choose_questions, questions_of
from metarisk.explain.tables import MISSING_DRIVES, answer_rows, attribution_rows
from metarisk.models.answers import probabilities
from metarisk.pathways.topology import Topology
from metarisk.simulate import simulate
from metarisk.train.run import train_model


@pytest.fixture(scope="module")
def subject(tiny_model: Any) -> Subject:
    return Subject(tiny_model.bundle, questions_of(tiny_model.bundle))


@pytest.fixture(scope="module")
def batch(tiny_model: Any) -> Any:
    return tiny_model.bundle.transform.apply(tiny_model.new_samples.take(np.arange(12)))


@pytest.fixture(scope="module")
def found(subject: Subject, batch: Any) -> Any:
    return explain_rows(subject, batch)


def test_the_answers_that_are_explained_are_those_that_are_scored(
    tiny_model: Any, subject: Subject, batch: Any, found: Any
) -> None:
    bundle = tiny_model.bundle
    horizons = bundle.experiment.tasks.horizons_days
    scored = {
        answer.asked: answer.value
        for answer in probabilities(bundle.ensemble, bundle.calibration, batch, horizons)
    }
    assert set(subject.questions) == {
        "site.bone",
        "site.liver",
        "response",
        "metastasis@365",
        "metastasis@730",
    }
    for place, asked in enumerate(subject.questions.values()):
        odds = np.log(scored[asked]) - np.log1p(-scored[asked])
        np.testing.assert_allclose(found.log_odds[place], odds, atol=1e-5)


def test_every_way_of_taking_an_answer_apart_adds_up(found: Any) -> None:
    assert set(found.shares) == {"assay", "gene", "edge", "pathway"}
    for kind in found.shares:
        assert found.gap(kind).max() < 0.02
    exact = found.shares["pathway"].sum(axis=3).mean(axis=0)
    np.testing.assert_allclose(exact, found.distance, atol=1e-4)


def test_the_average_patient_is_nowhere_from_itself(subject: Subject) -> None:
    found = explain_rows(subject, average_patient(subject.ensemble.plan))
    np.testing.assert_allclose(found.distance, 0.0, atol=1e-6)
    assert all(np.abs(shares).max() < 1e-5 for shares in found.shares.values())


def test_chunks_of_samples_do_not_show(
    subject: Subject, batch: Any, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metarisk.explain.parts.BUDGET", 1)  # a sample at a time
    assert subject.samples_at_a_time == 1
    parts = [part for _, part in explain(subject, batch)]
    assert len(parts) == len(batch)
    for kind, shares in found.shares.items():
        one_by_one = np.concatenate([part.shares[kind] for part in parts], axis=2)
        np.testing.assert_allclose(one_by_one, shares, atol=1e-5)


@pytest.mark.parametrize("top", [1, 3, 10_000])
def test_rows_of_a_sample_add_up_whatever_is_kept(subject: Subject, found: Any, top: int) -> None:
    ids = np.array([f"S{at}" for at in range(12)])
    rows = attribution_rows(subject, found, ids, top)
    totals = rows.groupby(["sample_id", "answer", "kind"])["share"].sum()
    answers = answer_rows(subject, found, ids).set_index(["sample_id", "answer"])
    distance = answers["log_odds"] - answers["reference"]
    for kind in subject.parts:
        total = totals.xs(kind, level="kind").reindex(distance.index)
        np.testing.assert_allclose(total, distance, atol=0.01)
    kept = rows[(rows["kind"] == "pathway") & ~rows["name"].isin(["other", "direct"])]
    assert kept.groupby(["sample_id", "answer"]).size().max() <= top


def test_an_unknown_question_is_refused_with_the_nearest_and_an_endpoint_means_its_horizons(
    tiny_model: Any,
) -> None:
    with pytest.raises(InputError, match=r"answers no question 'site\.bonne'\. Did you mean 'site\.bone'\?"):
        choose_questions(tiny_model.bundle, ["response", "site.bonne"])
    assert list(choose_questions(tiny_model.bundle, ["metastasis"])) == ["metastasis@365", "metastasis@730"]
    assert list(choose_questions(tiny_model.bundle, ["metastasis@730"])) == ["metastasis@730"]


def test_a_model_without_a_graph_is_explained_by_assays_and_genes_alone(small_topology: Topology) -> None:
    trained, cohort = missing_matters(small_topology)
    subject = Subject(trained.bundle, questions_of(trained.bundle))
    assert set(subject.parts) == {"assay", "gene"}
    found = explain_rows(subject, trained.bundle.transform.apply(cohort.take(np.arange(20))))
    assert found.gap("gene").max() < 0.05


def missing_matters(small_topology: Topology) -> Any:
    """A model of patients who respond where nobody wrote down their age, and such patients."""
    experiment = Experiment.model_validate(
        {
            "name": "missing",
            "simulation": {"samples": 400, "signal": 0.0, "background": 0.0, "treated": 1.0},
            "features": {
                "assays": ["mutation"],
                "direct_genes": 5,
                "numeric": ["age_years", "tmb_per_mb"],
                "categorical": [],
            },
            "tasks": {"sites": ["bone"], "binary": ["response"], "timed": [], "horizons_days": [365]},
            "network": {"graph": False, "direct_hidden": 0},
            "training": {"folds": 2, "epochs": 30, "learning_rate": 0.05, "batch_size": 64},
            "evaluation": {"bootstrap": 50, "controls": []},
        }
    )
    assert experiment.simulation is not None
    cohort = simulate(experiment.simulation, small_topology, experiment.tasks, 0).cohort
    unknown = np.random.default_rng(0).random(len(cohort)) < 0.3
    clinical = cohort.clinical.copy()
    clinical.loc[unknown, "age_years"] = np.nan
    endpoints = cohort.endpoints.copy()
    endpoints["response"] = unknown.astype(float)
    cohort = replace(cohort, clinical=clinical, endpoints=endpoints)
    return train_model(experiment, cohort, small_topology, lambda model, epoch: None), cohort


def test_an_answer_that_comes_from_what_is_missing_is_flagged_and_others_are_not(
    small_topology: Topology,
) -> None:
    trained, cohort = missing_matters(small_topology)
    subject = Subject(trained.bundle, choose_questions(trained.bundle, ["response"]))
    batch = trained.bundle.transform.apply(cohort)
    found = explain_rows(subject, batch)
    unknown = cohort.clinical["age_years"].isna().to_numpy()
    assert (found.missing_share[0][unknown] >= MISSING_DRIVES).mean() > 0.95
    assert not found.missing_share[0][~unknown].any()  # they lack nothing
    missing = found.shares["assay"].mean(axis=0)[0, :, -1]
    assert missing[unknown].min() > 0.0
    known = filled(batch, subject.ensemble.plan)
    assert not explain_rows(subject, known).missing_share.any()
    rows = answer_rows(subject, found, cohort.sample_ids)
    flagged = pd.Series(rows["flag"].to_numpy() != "", index=rows["sample_id"])
    assert flagged[cohort.sample_ids[unknown]].mean() > 0.95
