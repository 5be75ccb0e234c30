"""Gradients reach every part of the graph path, and the graph path alone can learn patients by heart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from metarisk.models.network import Network
from metarisk.train.objective import set_base_rates, task_losses

ASSAYS = ("mutation", "copy_number", "expression")
PATIENTS = 64


def alone(make: Any, assays: tuple[str, ...]) -> tuple[Network, Any]:
    """A network whose direct path is fixed at nothing, and 64 patients who have these assays."""
    experiment = make.experiment(
        simulation={"samples": 400},
        features={"assays": assays},
        network={"width": 8, "readout": 4, "direct_hidden": 0, "dropout": 0.0, "state_layers": 1},
    )
    ready = make.all_of(experiment)
    told = torch.stack([values.flatten(1).any(dim=1) for values in ready.data.assays.values()]).all(dim=0)
    data = ready.data.take(torch.nonzero(told)[:PATIENTS, 0])
    torch.manual_seed(0)
    network = Network(ready.plan, ready.topology)
    set_base_rates(network, data, torch.arange(PATIENTS))
    network.direct.requires_grad_(False)
    return network, data


def learn_by_heart(network: Network, data: Any, steps: int = 150) -> None:
    free = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(free, lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        task_losses(network, data).sum().backward()
        optimiser.step()


@pytest.mark.parametrize("assays", [ASSAYS, *((assay,) for assay in ASSAYS)], ids="+".join)
def test_the_graph_path_alone_learns_64_patients_by_heart(make: Any, assays: tuple[str, ...]) -> None:
    network, data = alone(make, assays)
    learn_by_heart(network, data)
    with torch.no_grad():
        answer = network(data.assays, data.flat)
        direct = answer.outputs - answer.graph - network.bias
    assert direct.abs().max() < 1e-5  # the graph said it all
    distinct = distinct_rows(data)
    for column in range(data.binary.shape[1]):
        known = distinct & ~torch.isnan(data.binary[:, column]).numpy()
        labels = data.binary[known, column].numpy()
        assert roc_auc_score(labels, answer.graph[known, column].numpy()) > 0.99


def distinct_rows(data: Any) -> np.ndarray:
    """Patients whose record nobody else has; two alike cannot be told apart by anyone."""
    table = torch.cat([values.flatten(1) for values in data.assays.values()], dim=1).numpy()
    _, place, times = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    distinct: np.ndarray = times[place.ravel()] == 1
    assert distinct.sum() > PATIENTS / 2
    return distinct


def test_gradients_reach_every_weight_of_the_graph_path(make: Any) -> None:
    network, data = alone(make, ASSAYS)
    task_losses(network, data).sum().backward()
    assert network.graph is not None
    for name, parameter in network.graph.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    assert all(parameter.grad is None for parameter in network.direct.parameters())
