"""Learning from several cohorts at once: what one does not know costs it nothing and teaches it nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from metarisk.data.cohort import Cohort
from metarisk.data.union import Part, join_cohorts
from metarisk.models.fingerprint import TrainingIds
from metarisk.models.network import Network
from metarisk.schema.assays import Assay
from metarisk.train.fit import FoldRows
from metarisk.train.members import TrainingSet
from metarisk.train.objective import task_losses
from metarisk.train.run import training_ids_of
from metarisk.train.samples import to_device
from metarisk.train.tasks import learnable_layout

ONLY_A = 150


@pytest.fixture(scope="module")
def both(make: Any) -> tuple[Any, Cohort]:
    """A does not know response and has no expression, and its panel lacks a circuit; B is whole."""
    experiment = make.experiment(simulation={"samples": 500, "signal": 3.0, "treated": 1.0})
    cohort = make.cohort(experiment)
    first, second = cohort.take(np.arange(ONLY_A)), cohort.take(np.arange(ONLY_A, len(cohort)))
    mutation = first.assays[Assay.MUTATION]
    kept = [at for at, gene in enumerate(mutation.genes) if not gene.startswith("G0")]
    narrow = replace(
        mutation, genes=tuple(mutation.genes[at] for at in kept), values=mutation.values[:, kept]
    )
    bare = replace(first, assays={Assay.MUTATION: narrow}, endpoints=first.endpoints.drop(columns="response"))
    return experiment, join_cohorts([Part("a", bare), Part("b", second)], [])


@pytest.fixture(scope="module")
def learning(make: Any, both: Any) -> Any:
    experiment, cohort = both
    layout, _ = learnable_layout(cohort.endpoints, experiment.tasks)
    return TrainingSet.of(cohort, make.topology, layout, experiment)


def test_a_gene_outside_a_cohorts_panel_is_masked_for_it_alone(learning: Any) -> None:
    entry = learning.batch.assays[Assay.MUTATION]
    genes = learning.transform.scales[Assay.MUTATION].genes
    absent = np.array([gene.startswith("G0") for gene in genes])
    assert not entry.measured[:ONLY_A, absent].any()
    assert entry.measured[ONLY_A:, absent].any()
    flat = [
        at
        for at, column in enumerate(learning.transform.columns)
        if column.name.startswith("mutation") and ":G0" in column.name
    ]
    assert np.isnan(learning.batch.flat[:ONLY_A, flat]).all()  # unknown, not wild type


def test_rows_without_an_answer_add_nothing_to_its_loss(make: Any, learning: Any, ready: Any) -> None:
    data = to_device(learning.batch, learning.targets, torch.device("cpu"))
    network = _network(make, learning, ready)
    response = learning.layout.binary.index("response")
    alone = data.take(torch.arange(ONLY_A, len(learning.cohort)))
    torch.testing.assert_close(task_losses(network, data)[response], task_losses(network, alone)[response])
    of_a = task_losses(network, data.take(torch.arange(ONLY_A)))
    assert of_a[response] == 0
    gradients = torch.autograd.grad(of_a[response], list(network.parameters()), allow_unused=True)
    assert not any(gradient.any() for gradient in gradients if gradient is not None)


def test_a_question_that_only_one_cohort_answers_is_learned(make: Any, both: Any) -> None:
    experiment, cohort = both
    asked = experiment.model_copy(
        update={
            "tasks": experiment.tasks.model_copy(update={"sites": (), "timed": ()}),
            "features": experiment.features.model_copy(update={"direct_genes": 84}),
        }
    )
    layout, _ = learnable_layout(cohort.endpoints, asked.tasks)
    training_set = TrainingSet.of(cohort, make.topology, layout, asked)
    fresh = make.all_of(experiment)
    data = to_device(training_set.batch, training_set.targets, torch.device("cpu"))
    plan = _plan(make, training_set, asked)
    rows = FoldRows(np.arange(380), np.arange(380, 500))
    network = replace(fresh, plan=plan, data=data).fit(rows, epochs=40, patience=10, learning_rate=0.01)
    with torch.no_grad():
        told = network(data.assays, data.flat).outputs.numpy()[rows.valid, 0]
    labels = cohort.endpoints["response"].to_numpy()[rows.valid]
    assert roc_auc_score(labels, told) > 0.6


def test_a_patient_trained_on_is_known_by_the_id_of_its_own_study(both: Any) -> None:
    _, cohort = both
    known = TrainingIds.of(training_ids_of(cohort), "salt")
    assert known.contains(np.array(["PT-000003", "a:PT-000003", "PT-999999"])).tolist() == [True, True, False]


def _plan(make: Any, training_set: TrainingSet, experiment: Any) -> Any:
    from metarisk.models.planning import fit_flat, plan_network

    flat = fit_flat(training_set.batch.flat, training_set.transform, experiment.features.numeric_bins)
    return plan_network(experiment.network, training_set.layout, training_set.transform, make.topology, flat)


def _network(make: Any, training_set: TrainingSet, ready: Any) -> Network:
    torch.manual_seed(0)
    return Network(_plan(make, training_set, ready.experiment), make.topology).eval()
