"""A small training job, on disk and as what it gives when nothing disturbs it; and a small comparison."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from metarisk.models.bundle import ModelBundle, load_bundle

SETTINGS: dict[str, Any] = {
    "name": "cut",
    "simulation": {"samples": 150},
    "features": {"direct_genes": 20},
    "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
    "network": {"width": 2, "readout": 2, "direct_hidden": 4, "dropout": 0.0},
    "training": {"folds": 2, "seeds": 2, "epochs": 8, "patience": 50, "batch_size": 32},
    "evaluation": {"bootstrap": 50, "controls": ["no_graph"]},
}
# Of `metarisk benchmark compare` with a folder "topology" beside the file.
COMPARISON: dict[str, Any] = {
    "name": "small",
    "simulation": {"samples": 120},
    "topology": {"source": "topology"},
    "features": {"direct_genes": 10, "numeric": ["age_years", "fga"], "categorical": ["cancer_type"]},
    "tasks": {"sites": ["bone"], "binary": [], "timed": [], "min_events": 5},
    "network": {"width": 2, "readout": 1, "direct_hidden": 0},
    "training": {"folds": 2, "epochs": 1, "batch_size": 64},
    "evaluation": {"bootstrap": 50, "controls": []},
    "benchmark": {"split": {"folds": 2}, "models": ["linear", "type_only"]},
}


@dataclass(frozen=True)
class Job:
    """A configuration, and the bundle that one undisturbed process makes of it."""

    folder: Path
    tracking_uri: str
    undisturbed: ModelBundle

    def config(self, **training: Any) -> Path:
        """The configuration with other keys of its training section, on disk."""
        return write_config(self.folder, self.tracking_uri, **training)

    def command(self, out: Path, *options: str, **training: Any) -> list[str]:
        """Words of `python -m metarisk train`, without the interpreter."""
        return ["-m", "metarisk", "train", str(self.config(**training)), "--out", str(out), *options]

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs to find the package, one thread each."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {
            **os.environ,
            "PATH": path,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OMP_NUM_THREADS": "1",
        }


def write_config(folder: Path, tracking_uri: str, **training: Any) -> Path:
    path = folder / f"{'-'.join(f'{key}-{value}' for key, value in training.items()) or 'x'}.yaml"
    settings = {
        **SETTINGS,
        "training": {**SETTINGS["training"], **training},
        "tracking": {"uri": tracking_uri},
    }
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory, store_in: Callable[[Path], str]) -> Job:
    from metarisk.jobs.train import train

    folder = tmp_path_factory.mktemp("job")
    uri = store_in(folder)
    train(write_config(folder, uri), out=folder / "undisturbed")
    return Job(folder, uri, load_bundle(folder / "undisturbed" / "bundle"))
