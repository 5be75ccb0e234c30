"""First metastasis in an organ by a horizon, beside whether it ever comes; and PFS and OS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from metarisk.config import Experiment
from metarisk.config.experiment import TaskSection
from metarisk.data.cohort import Cohort
from metarisk.data.study import read_study
from metarisk.explain import pathway_importance
from metarisk.models.bundle import load_bundle, save_bundle
from metarisk.models.scoring import score_cohort
from metarisk.pathways.curated import curated_topology
from metarisk.schema.endpoints import event_column, time_column
from metarisk.train.run import Trained, choose_samples, train_model
from metarisk.train.tasks import learnable_layout

CONFIGS = Path(__file__).parents[2] / "configs" / "studies"
NETWORK = {
    "site_rank": 2,
    "copies": 2,
    "category_width": 2,
    "number_embedding": "periodic",
    "number_width": 2,
}


def dated(cohort: Cohort) -> Cohort:
    """The simulated patients with bone dated as metastasis is, brain hardly, and both survivals."""
    endpoints = cohort.endpoints.copy()
    time, event = (endpoints[f"metastasis.{part}"] for part in ("time_days", "event"))
    for name in ("site.bone", "site.brain", "pfs", "os"):
        endpoints[time_column(name)] = time
        endpoints[event_column(name)] = event
    endpoints[event_column("site.brain")] = np.where(np.arange(len(time)) < 60, event, 0.0)
    endpoints[event_column("pfs")] = (event > 0).astype(float)
    endpoints[event_column("os")] = (event == 2).astype(float)
    return replace(cohort, endpoints=endpoints)


@pytest.fixture(scope="module")
def organs(make: Any) -> tuple[Trained, pd.DataFrame]:
    timed = ["metastasis", "site.bone", "site.brain", "pfs", "os"]
    experiment = make.experiment(tasks={"timed": timed, "min_events": 25}, network=NETWORK)
    cohort = dated(make.cohort(experiment))
    trained = train_model(experiment, cohort, make.topology, lambda model, epoch: None)
    return trained, score_cohort(trained.bundle, trained.test)


def test_a_dated_organ_is_the_organs_task_with_a_horizon(organs: Any) -> None:
    _, scores = organs
    bone = scores[(scores["task"] == "site") & (scores["target"] == "bone")]
    assert bone["horizon_days"].fillna(0).unique().tolist() == [0.0, 365.0, 730.0]
    first = scores.drop_duplicates(["task", "target", "horizon_days"])
    assert set(first.loc[first["task"] == "site", "target"]) == {"bone", "liver"}  # no death of an organ
    assert not scores.duplicated(["sample_id", "task", "target", "horizon_days"]).any()
    wide = bone.pivot_table(index="sample_id", columns="horizon_days", values="probability")
    assert (wide[730.0] >= wide[365.0]).all()
    assert bone["probability"].between(0, 1).all()


def test_survival_and_progression_are_answered_by_their_horizons(organs: Any) -> None:
    _, scores = organs
    for task, target in (("os", "death"), ("pfs", "progression_or_death")):
        rows = scores[scores["task"] == task]
        assert set(rows["target"]) == {target}
        assert set(rows["horizon_days"]) == {365.0, 730.0}
        assert rows["probability"].between(0, 1).all()


def test_an_organ_with_few_dated_events_is_dropped_and_told(organs: Any) -> None:
    trained, _ = organs
    notes = [note for note in trained.notes if note.startswith("site.brain")]
    assert len(notes) == 1
    assert notes[0].endswith("training patients with the event")
    layout = trained.bundle.ensemble.plan.layout
    assert list(layout.timed) == ["metastasis", "site.bone", "pfs", "os"]


def test_both_questions_about_an_organ_are_dropped_in_words_that_tell_them_apart() -> None:
    table = pd.DataFrame(
        {
            "response": [0.0, 1.0] * 30,
            "site.bone": [0.0] * 60,
            "site.bone.time_days": np.arange(1.0, 61.0),
            "site.bone.event": [0.0] * 60,
        }
    )
    _, notes = learnable_layout(table, TaskSection(sites=("bone",), timed=("site.bone",)))
    assert notes == (
        "site.bone is not answered: 0 training patients with it, 60 without",
        "site.bone by time is not answered: 0 training patients with the event",
    )


def test_figures_judge_an_organ_ever_and_by_each_horizon_and_tell_the_graphs_share(organs: Any) -> None:
    trained, _ = organs
    figures = trained.figures[trained.figures["endpoint"] == "site.bone"]
    horizons = figures.groupby("metric")["horizon_days"].apply(lambda days: set(days.fillna(0.0)))
    assert horizons["auroc"] == {0.0, 365.0, 730.0}
    assert horizons["graph_share"] == {0.0, 365.0, 730.0}
    share = figures.loc[figures["metric"] == "graph_share", "value"]
    assert share.between(0, 1).all()
    assert figures["events"].dtype.kind == "i"
    assert trained.notes[-1].startswith("Of what moved an answer, ")
    assert trained.notes[-1] in trained.bundle.card


def test_importance_tells_an_organ_from_when_it_comes(organs: Any) -> None:
    trained, _ = organs
    columns = list(pathway_importance(trained.bundle, trained.test))
    assert columns[0] == "site.bone"
    assert columns.count("site.bone by time") == 1


def test_a_saved_model_with_all_of_these_answers_the_same(organs: Any, tmp_path: Path) -> None:
    trained, scores = organs
    save_bundle(trained.bundle, tmp_path / "bundle")
    again = score_cohort(load_bundle(tmp_path / "bundle"), trained.test)
    own = ["sample_id", "task", "target", "horizon_days", "probability", "lower", "upper", "flags"]
    pd.testing.assert_frame_equal(again[own], scores[own])


def test_a_dated_endpoint_that_is_not_one_is_refused() -> None:
    with pytest.raises(
        ValidationError, match=r"site\.heart not among the dated endpoints metastasis, pfs, os"
    ):
        TaskSection(timed=("site.heart",))
    with pytest.raises(ValidationError, match="named twice"):
        TaskSection(timed=("os", "os"))


@pytest.mark.slow
def test_dated_organs_of_lung_adenocarcinoma_are_answered_by_one_and_two_years(shared_data: Path) -> None:
    experiment = Experiment.model_validate(LUAD)
    cohort = read_study(CONFIGS / "luad_met_organotropism.yaml", data_root=shared_data)
    cohort = choose_samples(cohort, experiment.cohort)
    trained = train_model(experiment, cohort, curated_topology(), lambda model, epoch: None)
    assert "site.bone" in trained.bundle.ensemble.plan.layout.timed
    scores = score_cohort(trained.bundle, trained.test)
    bone = scores[(scores["task"] == "site") & (scores["target"] == "bone")]
    wide = bone.assign(horizon_days=bone["horizon_days"].fillna(0.0)).pivot_table(
        index="sample_id", columns="horizon_days", values="probability"
    )
    assert list(wide) == [0.0, 365.0, 730.0]
    assert (wide[730.0] > wide[365.0]).all()
    auroc = trained.figures[(trained.figures["metric"] == "auroc") & (trained.figures["stratum"] == "all")]
    judged = auroc.set_index(["endpoint", "horizon_days"])["value"]
    assert judged["site.bone", 730.0] > 0.5
    # The level of the answers is that of the patients: as many bone metastases as Aalen and Johansen count.
    assert wide[730.0].mean() == pytest.approx(incidence(trained.test, "site.bone", 730.0), abs=0.08)


def incidence(cohort: Cohort, endpoint: str, day: float) -> float:
    """Cumulative incidence of the first cause by a day, counted interval-free from the table itself."""
    table = cohort.endpoints[[time_column(endpoint), event_column(endpoint)]].dropna()
    time, event = table.to_numpy().T
    free, total = 1.0, 0.0
    for moment in np.unique(time[(event > 0) & (time <= day)]):
        at_risk, now = (time >= moment).sum(), time == moment
        total += free * (now & (event == 1)).sum() / at_risk
        free *= 1.0 - (now & (event > 0)).sum() / at_risk
    return total


LUAD = {
    "name": "luad",
    "cohort": {"study": "luad_met_organotropism.yaml", "one_sample_per_patient": True},
    "features": {
        "assays": ["mutation", "copy_number"],
        "numeric": ["age_years", "tmb_per_mb", "fga"],
        "categorical": ["sex", "stage"],
    },
    "tasks": {
        "sites": ["bone", "brain"],
        "binary": [],
        "timed": ["site.bone", "site.brain"],
        "bins": 8,
        "min_events": 15,
    },
    "network": {"width": 8, "state_layers": 0, "direct_hidden": 0, "site_rank": 2},
    "training": {
        "folds": 3,
        "epochs": 20,
        "batch_size": 64,
        "learning_rate": 0.01,
        "direct_prior": 0.3,
        "graph_prior": 0.3,
    },
    "evaluation": {"bootstrap": 50, "controls": []},
}
