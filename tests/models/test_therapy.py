"""The class of therapy changes what the response reads of the pathways, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from metarisk.config import Experiment
from metarisk.data.cohort import Cohort
from metarisk.models.ensemble import tensors
from metarisk.models.network import Network, NetworkPlan
from metarisk.models.planning import fit_flat, plan_network
from metarisk.pathways.topology import Topology
from metarisk.simulate import simulate
from metarisk.train.members import TrainingSet, learn
from metarisk.train.tasks import learnable_layout

CLASSES = np.array(["anti_ctla4", "anti_pd1_pdl1"])
EXPERIMENT = Experiment.model_validate(
    {
        "name": "therapy",
        "simulation": {"samples": 900, "signal": 4.0, "treated": 1.0},
        "features": {
            "direct_genes": 0,
            "min_alterations": 900,
            "numeric": [],
            "categorical": ["therapy_class"],
        },
        "tasks": {"sites": ["bone"], "timed": [], "min_events": 5},
        "network": {"width": 4, "state_layers": 0, "readout": 2, "direct_hidden": 0, "therapy_width": 2},
        "training": {
            "folds": 2,
            "epochs": 25,
            "patience": 12,
            "batch_size": 64,
            "learning_rate": 0.02,
            "graph_prior": 2.0,
        },
    }
)


@dataclass(frozen=True)
class Treated:
    cohort: Cohort
    training_set: TrainingSet
    topology: Topology


@pytest.fixture(scope="module")
def treated(small_topology: Topology) -> Treated:
    """Half get another class, for whom the same circuits point the other way."""
    assert EXPERIMENT.simulation is not None
    cohort = simulate(EXPERIMENT.simulation, small_topology, EXPERIMENT.tasks, 4).cohort
    which = np.arange(len(cohort)) % 2
    endpoints = cohort.endpoints.copy()
    endpoints["response"] = np.where(which == 0, 1.0 - endpoints["response"], endpoints["response"])
    cohort = replace(
        cohort, clinical=cohort.clinical.assign(therapy_class=CLASSES[which]), endpoints=endpoints
    )
    training = cohort.take(np.arange(600))
    layout, _ = learnable_layout(training.endpoints, EXPERIMENT.tasks)
    return Treated(cohort, TrainingSet.of(training, small_topology, layout, EXPERIMENT), small_topology)


def learned_auroc(treated: Treated, **network: Any) -> float:
    experiment = EXPERIMENT.model_copy(update={"network": EXPERIMENT.network.model_copy(update=network)})
    learned = learn(treated.training_set, treated.topology, experiment, lambda _: None)
    others = treated.cohort.take(np.arange(600, 900))
    batch = learned.transform.apply(others)
    answers = learned.ensemble.answers(batch)["outputs"].mean(axis=0)
    column = learned.ensemble.plan.layout.binary.index("response")
    known = others.endpoints["response"].notna().to_numpy()
    return float(roc_auc_score(others.endpoints["response"][known], answers[known, column]))


@pytest.mark.slow
def test_a_circuit_that_helps_one_class_and_harms_another_is_learned_by_class(treated: Treated) -> None:
    assert learned_auroc(treated, therapy_width=2) > 0.75
    assert learned_auroc(treated, therapy_width=0) < 0.65


def planned(treated: Treated) -> NetworkPlan:
    made = treated.training_set
    flat = fit_flat(made.batch.flat, made.transform, 4)
    return plan_network(EXPERIMENT.network, made.layout, made.transform, treated.topology, flat)


def stirred_network(treated: Treated) -> tuple[Network, dict[str, Tensor], Tensor]:
    torch.manual_seed(0)
    network = Network(planned(treated), treated.topology).eval()
    torch.nn.init.normal_(network.graph.therapy.therapy)
    return network, *tensors(treated.training_set.batch.take(np.arange(8)), torch.device("cpu"))


@torch.no_grad()
def test_the_class_moves_the_response_alone_and_an_unknown_class_is_neutral(treated: Treated) -> None:
    network, assays, flat = stirred_network(treated)
    response = network.layout.binary.index("response")
    known, unknown = network.graph(assays, flat), network.graph(assays, torch.full_like(flat, torch.nan))
    others = [column for column in range(known.shape[1]) if column != response]
    torch.testing.assert_close(known[:, others], unknown[:, others])
    assert (known[:, response] - unknown[:, response]).abs().min() > 1e-4
    torch.testing.assert_close(unknown, network.graph(assays))
    network.graph.therapy = None
    torch.testing.assert_close(unknown, network.graph(assays, flat))


@torch.no_grad()
def test_what_pathways_add_sums_with_the_shift_to_the_answer(treated: Treated) -> None:
    network, assays, flat = stirred_network(treated)
    columns = list(range(network.layout.outputs))
    added = network.graph.contributions(assays, flat, columns).sum(dim=1)
    response = network.layout.binary.index("response")
    added[:, response] += network.graph.therapy(flat)[1]
    torch.testing.assert_close(added, network.graph(assays, flat), atol=1e-5, rtol=1e-4)


def test_without_the_class_among_the_features_nothing_is_modulated(treated: Treated) -> None:
    plan = planned(treated)
    assert Network(plan, treated.topology).graph.therapy is not None
    assert Network(replace(plan, categories={}), treated.topology).graph.therapy is None
