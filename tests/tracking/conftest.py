"""A real bundle, as small as it can be, and a real sqlite registry that holds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from metarisk.config.evaluation import EvaluationSection
from metarisk.config.experiment import Experiment, SimulationSection, TaskSection
from metarisk.config.network import NetworkSection
from metarisk.config.training import TrainingSection
from metarisk.data.cohort import Cohort
from metarisk.models.bundle import ModelBundle, save_bundle
from metarisk.pathways.curated import curated_topology
from metarisk.simulate import simulate
from metarisk.tracking.registry import Published, publish_bundle
from metarisk.train.run import train_model


class Tiny(NamedTuple):
    """A model, where its bundle lies, and patients that it was not trained on."""

    bundle: ModelBundle
    folder: Path
    cohort: Cohort


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    tasks = TaskSection(sites=("bone", "liver"), min_events=5)
    experiment = Experiment(
        name="tiny",
        simulation=SimulationSection(samples=150),
        tasks=tasks,
        network=NetworkSection(width=2, direct_hidden=0),
        training=TrainingSection(folds=2, epochs=2),
        evaluation=EvaluationSection(bootstrap=50, controls=()),
    )
    topology = curated_topology()
    assert experiment.simulation is not None
    cohort = simulate(experiment.simulation, topology, tasks, experiment.seed).cohort
    trained = train_model(experiment, cohort, topology, lambda model, epoch: None)
    folder = tmp_path_factory.mktemp("models") / "bundle"
    return Tiny(save_bundle(trained.bundle, folder), folder, trained.test)


class Registered(NamedTuple):
    """A registry with one version of the tiny model."""

    uri: str
    published: Published


@pytest.fixture(scope="session")
def registered(
    tiny: Tiny, store_in: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> Registered:
    uri = store_in(tmp_path_factory.mktemp("registry"))
    return Registered(uri, publish_bundle(tiny.folder, name="metarisk", alias="champion", uri=uri))
