"""A small model on the small topology, fitted in a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from metarisk.config import Experiment
from metarisk.data.cohort import Cohort
from metarisk.models.bundle import ModelBundle
from metarisk.models.fingerprint import TrainingIds
from metarisk.pathways.topology import Topology
from metarisk.simulate import simulate
from metarisk.train.members import TrainingSet, learn, reference_of
from metarisk.train.tasks import learnable_layout

EXPERIMENT = Experiment.model_validate(
    {
        "name": "small",
        "simulation": {"samples": 240},
        "features": {"direct_genes": 20, "categorical": ["cancer_type", "panel"]},
        "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
        "network": {"width": 4, "readout": 2, "direct_hidden": 4},
        "training": {"folds": 3, "epochs": 3},
    }
)


@dataclass(frozen=True)
class Small:
    """A bundle that was never saved, the patients it was trained on, and others."""

    bundle: ModelBundle
    training: Cohort
    new_samples: Cohort


@pytest.fixture(scope="session")
def small(small_topology: Topology) -> Small:
    assert EXPERIMENT.simulation is not None
    cohort = simulate(EXPERIMENT.simulation, small_topology, EXPERIMENT.tasks, 0).cohort
    training, new_samples = cohort.take(np.arange(180)), cohort.take(np.arange(180, 240))
    layout, _ = learnable_layout(training.endpoints, EXPERIMENT.tasks)
    training_set = TrainingSet.of(training, small_topology, layout, EXPERIMENT)
    learned = learn(training_set, small_topology, EXPERIMENT, lambda _: None)
    bundle = ModelBundle(
        experiment=EXPERIMENT,
        topology=small_topology,
        transform=learned.transform,
        ensemble=learned.ensemble,
        calibration=learned.calibration,
        training_ids=TrainingIds.of(training.patient_ids, "small"),
        provenance={"study": cohort.provenance.name, "cohort_sha256": training.content_sha256()},
        figures=({"model": "metarisk", "value": None},),
        card="# small\n",
        reference=reference_of(training_set, learned, EXPERIMENT),
    )
    return Small(bundle, training, new_samples)
