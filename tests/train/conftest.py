"""Simulated patients on the small topology, as `fit_member` reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from metarisk.config import Experiment
from metarisk.data.cohort import Cohort
from metarisk.models.network import Network, NetworkPlan
from metarisk.models.planning import fit_flat, plan_network
from metarisk.pathways.topology import Topology
from metarisk.simulate import simulate
from metarisk.train.fit import Epoch, FoldRows, fit_member
from metarisk.train.members import TrainingSet
from metarisk.train.samples import Data, to_device
from metarisk.train.tasks import learnable_layout

SETTINGS: dict[str, Any] = {
    "name": "small",
    "simulation": {"samples": 240},
    "features": {"direct_genes": 20, "categorical": ["cancer_type", "panel"]},
    "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
    "network": {"width": 4, "readout": 2, "direct_hidden": 8, "dropout": 0.1},
    "training": {"folds": 2, "epochs": 4, "batch_size": 32},
    "evaluation": {"bootstrap": 50, "controls": []},
}


@dataclass(frozen=True)
class Ready:
    """Everything that a member is fitted with."""

    experiment: Experiment
    topology: Topology
    cohort: Cohort
    training_set: TrainingSet
    plan: NetworkPlan
    data: Data

    def fit(
        self,
        rows: FoldRows,
        *,
        seed: int = 0,
        on_epoch: Callable[[Epoch], None] = lambda _: None,
        **training: Any,
    ) -> Network:
        """One member, with other settings of the training where given."""
        section = self.experiment.training.model_copy(update=training)
        return fit_member(
            self.plan, self.topology, self.data, rows._replace(seed=seed), section, on_epoch=on_epoch
        )


@dataclass(frozen=True)
class Make:
    """Builds experiments over the small topology."""

    topology: Topology

    def experiment(self, **sections: Any) -> Experiment:
        """The small experiment with keys of its sections replaced."""
        merged = {**SETTINGS}
        for name, section in sections.items():
            merged[name] = {**merged.get(name, {}), **section}
        return Experiment.model_validate(merged)

    def cohort(self, experiment: Experiment) -> Cohort:
        """Its simulated patients."""
        assert experiment.simulation is not None
        return simulate(experiment.simulation, self.topology, experiment.tasks, experiment.seed).cohort

    def all_of(self, experiment: Experiment) -> Ready:
        """Every simulated patient, ready to be fitted on."""
        cohort = self.cohort(experiment)
        layout, _ = learnable_layout(cohort.endpoints, experiment.tasks)
        training_set = TrainingSet.of(cohort, self.topology, layout, experiment)
        flat = fit_flat(training_set.batch.flat, training_set.transform, experiment.features.numeric_bins)
        plan = plan_network(experiment.network, layout, training_set.transform, self.topology, flat)
        data = to_device(training_set.batch, training_set.targets, torch.device("cpu"))
        return Ready(experiment, self.topology, cohort, training_set, plan, data)


@pytest.fixture(scope="session")
def make(small_topology: Topology) -> Make:
    return Make(small_topology)


@pytest.fixture(scope="session")
def ready(make: Make) -> Ready:
    return make.all_of(make.experiment())


@pytest.fixture(scope="session")
def halves() -> FoldRows:
    return FoldRows(np.arange(160), np.arange(160, 240))
