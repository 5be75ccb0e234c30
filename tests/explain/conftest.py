"""A model of an easy cohort on the small topology, and the cohort's truth."""

from __future__ import annotations

import pytest

from metarisk.config import Experiment
from metarisk.pathways.topology import Topology
from metarisk.simulate import Simulation, simulate
from metarisk.train.run import Trained, train_model

EASY = {
    "name": "easy",
    "simulation": {"samples": 900, "signal": 4.0},
    "features": {"direct_genes": 0, "min_alterations": 900, "numeric": [], "categorical": ["panel"]},
    "tasks": {"sites": ["bone", "liver"]},
    "network": {"width": 4, "effect_layers": 1, "state_layers": 0, "readout": 2, "direct_hidden": 0},
    "training": {"folds": 2, "epochs": 8, "learning_rate": 0.02, "batch_size": 64},
    "evaluation": {"bootstrap": 50, "controls": []},
}


@pytest.fixture(scope="session")
def easy(small_topology: Topology) -> tuple[Trained, Simulation]:
    experiment = Experiment.model_validate(EASY)
    assert experiment.simulation is not None
    drawn = simulate(experiment.simulation, small_topology, experiment.tasks, 1)
    return train_model(experiment, drawn.cohort, small_topology, lambda model, epoch: None), drawn
