"""From a bundle folder to the registry, or a refusal with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from metarisk.config.evaluation import EvaluationSection
from metarisk.config.experiment import Experiment, SimulationSection, TaskSection
from metarisk.config.gates import GateSection
from metarisk.config.network import NetworkSection
from metarisk.config.training import TrainingSection
from metarisk.errors import GateRefusedError
from metarisk.jobs.publish import publish
from metarisk.models.bundle import ModelBundle, save_bundle
from metarisk.pathways.curated import curated_topology
from metarisk.simulate import simulate
from metarisk.tracking.registry import resolve
from metarisk.tracking.store import default_uri
from metarisk.train.run import train_model


@pytest.fixture(scope="module")
def trained() -> ModelBundle:
    experiment = Experiment(
        name="tiny",
        simulation=SimulationSection(samples=150),
        tasks=TaskSection(sites=("bone",), binary=(), timed=(), min_events=5),
        network=NetworkSection(width=2, direct_hidden=0),
        training=TrainingSection(folds=2, epochs=1),
        evaluation=EvaluationSection(bootstrap=50, controls=()),
    )
    topology = curated_topology()
    assert experiment.simulation is not None
    cohort = simulate(experiment.simulation, topology, experiment.tasks, 0).cohort
    return train_model(experiment, cohort, topology, lambda model, epoch: None).bundle


def saved(bundle: ModelBundle, folder: Path, gates: GateSection) -> Path:
    experiment = bundle.experiment.model_copy(update={"gates": gates})
    save_bundle(replace(bundle, experiment=experiment), folder)
    return folder


def test_a_bundle_is_published_beside_itself_under_the_name_of_its_configuration(
    trained: ModelBundle, store_in: Callable[[Path], str], tmp_path: Path
) -> None:
    store_in(tmp_path)
    published = publish(saved(trained, tmp_path / "bundle", GateSection(min_auroc={"site.bone": 0.01})))
    assert published[:4] == ("metarisk", "1", "champion", default_uri(tmp_path))
    assert resolve("models:/metarisk@champion", published.uri).version == "1"


def test_a_bundle_that_fails_its_gates_reaches_no_registry(trained: ModelBundle, tmp_path: Path) -> None:
    gates = GateSection(min_auroc={"site.bone": 1.0, "site.liver": 0.5})
    with pytest.raises(GateRefusedError, match=r"failed 2 gates: site.bone has AUROC 0\.\d+, required"):
        publish(saved(trained, tmp_path / "bundle", gates))
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
