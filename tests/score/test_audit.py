"""A job's input and scores against the training patients: silent where they are alike, right where not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metarisk.config import Experiment
from metarisk.data.cohort import Cohort
from metarisk.models.bundle import ModelBundle
from metarisk.models.fingerprint import TrainingIds
from metarisk.models.scoring import score_cohort
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay
from metarisk.score.audit import ALARM, FEWEST, LOOK, Audit, audit_of, chance, stability_index
from metarisk.score.counts import InputCounts, ScoreCounts
from metarisk.score.report import ScoreReport, Tally
from metarisk.simulate import simulate
from metarisk.train.members import TrainingSet, learn, reference_of
from metarisk.train.tasks import learnable_layout

EXPERIMENT = Experiment.model_validate(
    {
        "name": "audited",
        "simulation": {"samples": 2400},
        "features": {"direct_genes": 20, "categorical": ["cancer_type", "panel"]},
        "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
        "network": {"width": 4, "readout": 2, "direct_hidden": 0},
        "training": {"folds": 3, "epochs": 25, "patience": 4, "learning_rate": 0.008},
    }
)
TRAINED = 600


@dataclass(frozen=True)
class Model:
    """A bundle of 600 patients, 1,800 others of the same population, and their scores."""

    bundle: ModelBundle
    training: Cohort
    new: Cohort
    scores: pd.DataFrame


@pytest.fixture(scope="module")
def model(small_topology: Topology) -> Model:
    assert EXPERIMENT.simulation is not None
    cohort = simulate(EXPERIMENT.simulation, small_topology, EXPERIMENT.tasks, 0).cohort
    training, new = cohort.take(np.arange(TRAINED)), cohort.take(np.arange(TRAINED, len(cohort)))
    layout, _ = learnable_layout(training.endpoints, EXPERIMENT.tasks)
    training_set = TrainingSet.of(training, small_topology, layout, EXPERIMENT)
    learned = learn(training_set, small_topology, EXPERIMENT, lambda _: None)
    bundle = ModelBundle(
        experiment=EXPERIMENT,
        topology=small_topology,
        transform=learned.transform,
        ensemble=learned.ensemble,
        calibration=learned.calibration,
        training_ids=TrainingIds.of(training.patient_ids, "audited"),
        provenance={},
        figures=(),
        card="",
        reference=reference_of(training_set, learned, EXPERIMENT),
    )
    return Model(bundle, training, new, score_cohort(bundle, new))


def audited(bundle: ModelBundle, parts: Iterable[tuple[Cohort, pd.DataFrame]]) -> Audit:
    """Audit of a job whose input and scores came in these parts."""
    summary = bundle.reference.summary
    seen, scored, tally = InputCounts(summary, bundle.transform), ScoreCounts(summary), Tally()
    for cohort, scores in parts:
        seen.add(cohort)
        scored.add(scores)
        tally.add(scores)
    return audit_of(summary, seen, scored, report_of(bundle, cohort, tally))


def report_of(bundle: ModelBundle, cohort: Cohort, tally: Tally) -> ScoreReport:
    return tally.report(bundle, cohort.provenance, Path("scores"), "", 0)


def rows_of(model: Model, rows: np.ndarray) -> tuple[Cohort, pd.DataFrame]:
    """Some of the new samples with the scores that they have."""
    each = len(model.scores) // len(model.new)
    places = (rows[:, None] * each + np.arange(each)).ravel()
    return model.new.take(rows), model.scores.iloc[places]


def scored(model: Model, cohort: Cohort) -> Audit:
    return audited(model.bundle, [(cohort, score_cohort(model.bundle, cohort))])


def found(audit: Audit, verdict: str) -> set[tuple[str, str]]:
    return {(check.kind, check.name) for check in audit.checks if check.verdict == verdict}


def test_cohorts_of_the_same_population_raise_few_alarms(model: Model) -> None:
    rng = np.random.default_rng(0)
    verdicts = []
    for number in range(60):
        rows = rng.permutation(len(model.new))[: (60, 150, 400)[number % 3]]
        verdicts.append(audited(model.bundle, [rows_of(model, rows)]).verdict)
    assert verdicts.count("alarm") == 0
    assert verdicts.count("look") <= 3


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("age_years", lambda values: values + 12),
        ("tmb_per_mb", lambda values: 3 * values),
        ("fga", lambda values: values / 2),
        ("cancer_type", lambda values: values.where(values != "BRCA", "SKCM")),
        ("panel", lambda values: values.where(values != "PANEL_LARGE", "PANEL_NEW")),
    ],
)
def test_a_column_that_moved_is_named(model: Model, column: str, change: object) -> None:
    assert callable(change)
    cohort = model.new.take(np.arange(400))
    clinical = cohort.clinical.assign(**{column: change(cohort.clinical[column])})
    audit = scored(model, replace(cohort, clinical=clinical))
    kind = "number" if column in {"age_years", "tmb_per_mb", "fga"} else "category"
    assert (kind, column) in found(audit, "alarm") | found(audit, "look")
    inputs = {
        name for name in found(audit, "alarm") | found(audit, "look") if name[0] in {"number", "category"}
    }
    assert inputs == {(kind, column)}
    assert audit.verdict == "alarm"


def test_a_column_that_was_lost_is_named(model: Model) -> None:
    cohort = model.new.take(np.arange(400))
    lost = cohort.clinical["age_years"].where(np.arange(400) % 2 == 0)
    audit = scored(model, replace(cohort, clinical=cohort.clinical.assign(age_years=lost)))
    assert ("known", "age_years") in found(audit, "alarm")
    assert ("number", "age_years") in found(audit, "ok")


def test_an_assay_that_was_lost_is_named(model: Model) -> None:
    cohort = model.new.take(np.arange(400))
    kept = {name: table for name, table in cohort.assays.items() if name is not Assay.EXPRESSION}
    audit = scored(model, replace(cohort, assays=kept))
    assert found(audit, "alarm") >= {("assay", "expression")}
    check = next(check for check in audit.checks if check.name == "expression")
    assert (check.now, check.n) == (0.0, 400)
    assert check.training == pytest.approx(0.65, abs=0.05)


def test_values_that_no_clinical_column_shows_are_seen_by_their_distance(model: Model) -> None:
    cohort = model.new.take(np.arange(400))
    table = cohort.assays[Assay.EXPRESSION]
    mixed = table.values[:, np.random.default_rng(0).permutation(table.values.shape[1])]
    assays = {**cohort.assays, Assay.EXPRESSION: replace(table, values=mixed)}
    audit = scored(model, replace(cohort, assays=assays))
    assert ("far", "distance_p") in found(audit, "alarm")
    assert audit.far / audit.compared > 0.5
    assert audit.flags["far:expression"] > 200


def test_training_patients_are_to_be_looked_at_even_if_few(model: Model) -> None:
    met = [
        (cohort, score_cohort(model.bundle, cohort))
        for cohort in (model.new, model.training.take(np.array([5])))
    ]
    audit = audited(model.bundle, met)
    assert found(audit, "look") >= {("training patients", "patient_id")}
    assert audit.flags["training-patient"] == 1


def test_a_small_cohort_gets_no_verdict(model: Model) -> None:
    clinical = model.new.clinical.assign(age_years=110.0)
    few = replace(model.new, clinical=clinical).take(np.arange(FEWEST - 1))
    audit = scored(model, few)
    assert audit.verdict == "ok" or found(audit, "alarm") == set()
    assert ("number", "age_years") in found(audit, "too few")
    assert not found(audit, "alarm") | found(audit, "look")


def test_neither_order_nor_cut_changes_a_byte(model: Model) -> None:
    whole = audited(model.bundle, [rows_of(model, np.arange(300))])
    shuffled = np.random.default_rng(0).permutation(300)
    for rows, size in ((np.arange(300), 1), (shuffled, 7), (shuffled, 128)):
        parts = [rows_of(model, rows[start : start + size]) for start in range(0, 300, size)]
        cut = audited(model.bundle, parts)
        assert cut.table() == whole.table()
        # What is counted is the same; a question that was first met later stands later.
        assert json.dumps(cut.tree(), sort_keys=True) == json.dumps(whole.tree(), sort_keys=True)


def test_the_counts_are_those_of_the_table(model: Model) -> None:
    cohort, scores = rows_of(model, np.arange(200))
    blank = scores["task"] == "response"
    scores = scores.assign(
        probability=scores["probability"].mask(blank),
        flags=scores["flags"].mask(blank, "abstained:never-met:therapy_class;unknown:fga"),
    )
    audit = audited(model.bundle, [(cohort, scores)])
    assert audit.abstained == {"never-met:therapy_class": 200}
    told = {answers.name: answers for answers in audit.answers}
    assert told["response"].answered == 0
    assert told["response"].abstained == {"never-met:therapy_class": 200}
    bone = scores[scores["target"] == "bone"]
    assert told["site.bone"].answered == sum(told["site.bone"].now) == 200
    assert told["site.bone"].mean_now == pytest.approx(bone["probability"].mean(), abs=1e-6)
    assert told["site.bone"].undecided == bone["flags"].str.contains("undecided").sum()
    assert sum(told["site.bone"].training) == TRAINED
    assert audit.compared == bone["distance_p"].notna().sum()


def test_the_index_is_the_formula_and_chance_is_exact_for_two_cells() -> None:
    before, now = np.array([700, 300]), np.array([50, 50])
    p, q = np.array([0.7, 0.3]), np.array([0.5, 0.5])
    assert stability_index(before, now) == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=0.02)
    assert chance(np.array([3, 1]), np.array([1, 3])) == pytest.approx(34 / 70)  # the lady tasting tea
    assert chance(np.array([5, 0]), np.array([7, 0])) == 1.0
    assert np.isfinite(stability_index(np.array([100, 0]), np.array([0, 100])))


def test_of_counts_drawn_from_one_population_chance_is_uniform_enough() -> None:
    rng = np.random.default_rng(0)
    p = np.array(
        [chance(rng.multinomial(600, [0.1] * 10), rng.multinomial(80, [0.1] * 10)) for _ in range(1500)]
    )
    assert (p < 0.01).mean() < 0.02
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.02)


def test_the_tree_names_its_thresholds_and_is_json(model: Model) -> None:
    tree = audited(model.bundle, [rows_of(model, np.arange(80))]).tree()
    assert tree["thresholds"]["psi"] == {"look": LOOK, "alarm": ALARM}
    again = json.loads(json.dumps(tree, allow_nan=False))
    assert again["samples"] == 80
    assert again["training_patients"] == TRAINED
    assert {check["verdict"] for check in again["checks"]} <= {"ok", "look", "alarm", "too few"}
