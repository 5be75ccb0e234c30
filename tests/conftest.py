"""Fixtures that every storey's tests share."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

# Before torch is imported: two threads on a busy machine wait for each other, and where a test asks for two
# the one that waits sleeps; to spin takes three times the work.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A busy machine is slow, not wrong.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.models.bundle import ModelBundle
    from metarisk.pathways.topology import Topology
    from tests.browser import Chromium, Window


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real cohorts and topologies; tests that need them are skipped where they are absent."""
    folder = Path(os.environ.get("METARISK_SHARED", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder.name}: set METARISK_SHARED to the folder of cohorts")
    return folder.resolve()


@pytest.fixture(scope="session")
def small_topology() -> Topology:
    """Six circuits of fourteen genes, in each one gene that the others raise or lower; two are a family."""
    from metarisk.pathways.topology import RELATIONS, Edge, assemble

    edges, membership = [], []
    for circuit in range(6):
        genes = [f"G{circuit}{letter}" for letter in "ABCDEFGHIJKLMN"]
        membership += [(f"circuit_{circuit}", gene) for gene in genes]
        for place, gene in enumerate(genes[1:]):
            sign = 1 if place % 3 else -1
            edges.append(Edge(gene, genes[0], RELATIONS[place % 3], sign))
        edges.append(Edge(genes[0], f"G{(circuit + 1) % 6}B", "association", 0))
    parents = [("circuit_0", "family"), ("circuit_1", "family")]
    return assemble("small", edges, membership, parents=parents)


@dataclass(frozen=True)
class TinyModel:
    """A real bundle, fitted in seconds on simulated patients, and samples that it has not seen."""

    folder: Path
    new_samples: Cohort
    bundle: ModelBundle  # as it was before it was saved


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    from metarisk.config import Experiment
    from metarisk.models.bundle import ModelBundle, save_bundle
    from metarisk.models.fingerprint import TrainingIds
    from metarisk.pathways.curated import curated_topology
    from metarisk.simulate import simulate
    from metarisk.train.members import TrainingSet, learn, reference_of
    from metarisk.train.tasks import learnable_layout

    experiment = Experiment.model_validate(TINY_EXPERIMENT)
    topology = curated_topology()
    assert experiment.simulation is not None
    cohort = simulate(experiment.simulation, topology, experiment.tasks, experiment.seed).cohort
    training, new_samples = cohort.take(np.arange(100)), cohort.take(np.arange(100, len(cohort)))
    layout, _ = learnable_layout(training.endpoints, experiment.tasks)
    training_set = TrainingSet.of(training, topology, layout, experiment)
    learned = learn(training_set, topology, experiment, lambda _: None)
    bundle = ModelBundle(
        experiment=experiment,
        topology=topology,
        transform=learned.transform,
        ensemble=learned.ensemble,
        calibration=learned.calibration,
        training_ids=TrainingIds.of(training.patient_ids, "tiny"),
        provenance={"study": cohort.provenance.name, "cohort_sha256": training.content_sha256()},
        figures=(),
        card="# tiny\n",
        reference=reference_of(training_set, learned, experiment),
    )
    folder = tmp_path_factory.mktemp("model") / "bundle"
    save_bundle(bundle, folder)
    return TinyModel(folder, new_samples, bundle)


@pytest.fixture(scope="session")
def store_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Puts a real, empty sqlite store of MLflow into a folder: making its tables anew takes six seconds."""
    from metarisk.tracking.store import connect, default_uri

    template = tmp_path_factory.mktemp("template")
    connect(default_uri(template), write=True).search_experiments()

    def copy_into(folder: Path) -> str:
        shutil.copy(template / "mlflow.db", folder / "mlflow.db")
        return default_uri(folder)

    return copy_into


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A real browser for every test that shows a page; skipped where none is installed."""
    from tests.browser import chromium_in

    with chromium_in(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Window]:
    """A new window of it, as nobody has used it before."""
    window = chromium.window()
    yield window
    window.close()


@dataclass(frozen=True)
class FileServer:
    """A folder that this machine serves over HTTP."""

    base_url: str
    folder: Path


@pytest.fixture
def file_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A real server of files, for what is fetched from public ones."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield FileServer(f"http://127.0.0.1:{made.server_port}", folder)
        made.shutdown()
        thread.join()


TINY_EXPERIMENT = {
    "name": "tiny",
    "simulation": {"samples": 130},
    "features": {"direct_genes": 20},
    "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
    "network": {"width": 4, "effect_layers": 1, "readout": 2, "direct_hidden": 4},
    "training": {"folds": 2, "epochs": 1},
}


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    """A small, sound study folder of the portal, to score or to break."""
    folder = tmp_path / "two"
    folder.mkdir()
    for name, text in STUDY_FILES.items():
        (folder / name).write_text(text)
    return folder


STUDY_FILES = {
    "meta_study.txt": "cancer_study_identifier: two\nname: Two\ntype_of_cancer: mixed\n",
    "meta_clinical_sample.txt": (
        "cancer_study_identifier: two\ngenetic_alteration_type: CLINICAL\ndatatype: SAMPLE_ATTRIBUTES\n"
        "data_filename: data_clinical_sample.txt\n"
    ),
    "data_clinical_sample.txt": (
        "#a\n#b\n#c\n#d\nSAMPLE_ID\tPATIENT_ID\tONCOTREE_CODE\nS1\tP1\tLUAD\nS2\tP2\tBRCA\n"
    ),
    "meta_mutations.txt": (
        "cancer_study_identifier: two\ngenetic_alteration_type: MUTATION_EXTENDED\ndatatype: MAF\n"
        "data_filename: data_mutations.txt\n"
    ),
    "data_mutations.txt": (
        "Hugo_Symbol\tVariant_Classification\tReference_Allele\tTumor_Seq_Allele2\tTumor_Sample_Barcode\n"
        "TP53\tNonsense_Mutation\tC\tT\tS1\nKRAS\tMissense_Mutation\tC\tA\tS2\n"
    ),
}
