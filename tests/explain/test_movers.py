from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config import Experiment
from metarisk.explain import CohortTally
from metarisk.explain import movers as movers_module
from metarisk.explain.movers import FEWEST, NO_GRAPH, NOT_MEASURED, TOO_FEW, TOO_LARGE, Movers, movers_of
from metarisk.explain.moving_edges import edge_table, take_apart
from metarisk.explain.parts import Subject
from metarisk.explain.questions import questions_of
from metarisk.features.batch import AssayInput, Batch
from metarisk.pathways.topology import Topology
from metarisk.simulate import simulate
from metarisk.train.run import train_model

SHOWN = 25
ENDPOINT = {"metastasis@365": "metastasis", "metastasis@730": "metastasis"}


@pytest.fixture(scope="module")
def judged(easy: Any) -> tuple[Any, Batch]:
    bundle = easy[0].bundle
    return bundle, bundle.transform.apply(easy[0].test)


@pytest.fixture(scope="module")
def movers(judged: Any) -> Movers:
    return movers_of(*judged)


def test_the_planted_circuit_of_each_answer_stands_first_and_moves_it_the_way_it_was_planted(
    easy: Any, movers: Movers
) -> None:
    planted = {circuit.endpoint: circuit.pathway for circuit in easy[1].planted}
    first = movers.circuits[movers.circuits["rank"] == 1].set_index("answer")
    assert set(first.index) == set(movers.answers["answer"]) >= {"site.bone", "response", "metastasis@365"}
    for answer, row in first.iterrows():
        endpoint = ENDPOINT.get(str(answer), str(answer))
        assert row["circuit"] == planted[endpoint]
        # Activity raises risk and blocks response.
        assert row["direction"] * (-1 if endpoint == "response" else 1) > 0.8
        assert row["sign_agreement"] > 0.8


def test_most_of_the_drawn_edges_lie_within_the_planted_circuit(easy: Any, movers: Movers) -> None:
    planted = {circuit.endpoint: circuit.pathway for circuit in easy[1].planted}
    for answer, edges in movers.edges.groupby("answer"):
        inside = edges.head(10)["circuit"] == planted[ENDPOINT.get(str(answer), str(answer))]
        assert inside.mean() >= 0.8


def test_circuits_and_edges_have_the_sizes_that_explaining_the_cohort_gives(easy: Any, judged: Any) -> None:
    bundle, batch = judged
    few = batch.take(np.arange(30))
    found = movers_of(bundle, few)
    tally = CohortTally(Subject(bundle, questions_of(bundle)), permutations=0)
    for _ in tally.portion(easy[0].test.take(np.arange(30)), few):
        pass
    tables = tally.tables()
    for answer, circuits in found.circuits.groupby("answer"):
        whole = _of(tables["pathway"], answer).set_index("name")["mean_size"]
        np.testing.assert_allclose(circuits["mean_size"], whole[circuits["circuit"]], rtol=1e-4)
    signs = {1: "->", -1: "-|", 0: "--"}
    for answer, edges in found.edges.groupby("answer"):
        whole = _of(tables["edge"], answer).set_index(["name", "relation"])["mean_size"]
        keys = [(f"{row.source} {signs[row.sign]} {row.target}", row.relation) for row in edges.itertuples()]
        np.testing.assert_allclose(edges["mean_size"], whole[keys], rtol=0.05)
    assert found.answers["gap"].max() < 0.02


def _of(table: pd.DataFrame, answer: object) -> pd.DataFrame:
    return table[table["answer"] == answer]


def test_the_parts_of_all_circuits_and_of_what_came_past_them_are_a_whole(movers: Movers) -> None:
    for answer, circuits in movers.circuits.groupby("answer"):
        direct = movers.answers.set_index("answer").loc[answer, "direct_size"]
        whole = circuits["mean_size"].iloc[0] / circuits["part"].iloc[0]
        assert circuits["part"].sum() + direct / whole <= 1.0 + 1e-6
    assert movers.answers["graph_share"].between(0, 1).all()


def test_genes_are_the_ends_of_the_edges(movers: Movers) -> None:
    for answer, genes in movers.genes.groupby("answer"):
        edges = movers.edges[movers.edges["answer"] == answer]
        assert set(genes["gene"]) <= {*edges["source"], *edges["target"]}
        assert (genes["raised"].abs() <= genes["mean_size"] * 2 + 1e-6).all()


def test_nothing_is_told_of_fewer_than_ten_patients(judged: Any) -> None:
    bundle, batch = judged
    found = movers_of(bundle, batch.take(np.arange(FEWEST - 1)))
    assert found.notes == (TOO_FEW,)
    assert not found.tables
    assert len(movers_of(bundle, batch.take(np.arange(FEWEST))).circuits)


def test_an_edge_that_moves_too_few_patients_is_not_told(judged: Any) -> None:
    bundle, batch = judged
    subject = Subject(bundle, questions_of(bundle), ("gene", "edge"))
    few = batch.take(np.arange(12))
    circuits = pd.DataFrame(columns=["answer", "circuit", "title"])
    assert len(edge_table(subject, take_apart(subject, few, 6), circuits, SHOWN))
    assert edge_table(subject, take_apart(subject, few, 13), circuits, SHOWN).empty


def test_where_no_gene_was_measured_it_says_so(judged: Any) -> None:
    bundle, batch = judged
    blank = {
        assay: AssayInput(np.zeros_like(entry.values), np.zeros_like(entry.measured))
        for assay, entry in batch.assays.items()
    }
    found = movers_of(bundle, Batch(blank, batch.flat))
    assert (found.notes, dict(found.tables)) == ((NOT_MEASURED,), {})


def test_where_edges_would_take_minutes_circuits_are_told_without_them(
    judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movers_module, "WORK", 1000)
    found = movers_of(*judged)
    assert found.notes == (TOO_LARGE,)
    assert set(found.tables) == {"moves_answers", "moves_circuits"}


def test_a_model_without_a_graph_says_so(small_topology: Topology) -> None:
    settings = {
        "name": "flat",
        "simulation": {"samples": 80},
        "features": {"direct_genes": 20},
        "tasks": {"sites": ["bone"], "binary": [], "timed": [], "min_events": 5},
        "network": {"graph": False, "direct_hidden": 0},
        "training": {"folds": 2, "epochs": 1},
        "evaluation": {"bootstrap": 50, "controls": []},
    }
    experiment = Experiment.model_validate(settings)
    assert experiment.simulation is not None
    cohort = simulate(experiment.simulation, small_topology, experiment.tasks, 0).cohort
    trained = train_model(experiment, cohort, small_topology, lambda model, epoch: None)
    found = movers_of(trained.bundle, trained.bundle.transform.apply(trained.test))
    assert found.notes == (NO_GRAPH,)
