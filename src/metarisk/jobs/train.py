"""`metarisk train`: one configuration to a bundle, a tracked run, and held-out figures beside controls."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from metarisk.config import load_experiment
from metarisk.config.experiment import Experiment
from metarisk.files import check_free, written

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.models.pretrained import Start
    from metarisk.pathways.topology import Topology
    from metarisk.tracking.run import Run
    from metarisk.train.fit import Epoch
    from metarisk.train.run import Trained

OnProgress = Callable[[str, int, int], None]
BUNDLE, FIGURES, MANIFEST = "bundle", "figures.tsv", "manifest.json"


@dataclass(frozen=True)
class TrainResult:
    """What a training job left.

    Attributes
    ----------
    figures
        Held-out figures of the model and its controls.
    bundle
        Folder of the bundle.
    run_id, tracking_uri
        Where the run stands in MLflow.
    wall_s
        Seconds that the job took.
    peak_gib
        Most memory that the process held, GiB.
    notes
        Sentences that a reader of the figures must know.
    """

    figures: pd.DataFrame
    bundle: Path
    run_id: str
    tracking_uri: str
    wall_s: float
    peak_gib: float
    notes: tuple[str, ...]


def train(
    config: Path,
    *,
    out: Path,
    data_root: Path | None = None,
    overwrite: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> TrainResult:
    """Train what a configuration describes.

    Parameters
    ----------
    config
        A complete experiment, YAML.
    out
        Folder for the bundle and, without a tracking server, the run.
    data_root
        Folder that the study file's paths are relative to, in place of the configuration's.
    overwrite
        Replace a bundle that stands there.
    on_progress
        Told what is done, how far, and of how much.

    Raises
    ------
    MetariskError
        If the configuration, the study or the output folder cannot be used; nothing is left half-written.
    """
    from metarisk.jobs.source import (
        read_experiment_cohort,
        read_experiment_start,
        read_experiment_topology,
    )

    experiment = load_experiment(config)
    check_free(out / BUNDLE, overwrite=overwrite, marker=MANIFEST)
    base = config.resolve().parent
    start = read_experiment_start(experiment, base=base)
    on_progress("reading", 0, 1)
    topology = read_experiment_topology(experiment.topology, base=base)
    cohort = read_experiment_cohort(experiment, topology, base=base, data_root=data_root)
    on_progress("reading", 1, 1)
    result, _ = train_tracked(
        experiment, cohort, topology, out=out, overwrite=overwrite, on_progress=on_progress, start=start
    )
    return result


def train_tracked(  # noqa: PLR0913
    experiment: Experiment,
    cohort: Cohort,
    topology: Topology,
    *,
    out: Path,
    overwrite: bool,
    on_progress: OnProgress,
    start: Start | None = None,
) -> tuple[TrainResult, Trained]:
    """Train on a cohort at hand, inside a tracked run; see `train`."""
    from metarisk.models.bundle import save_bundle
    from metarisk.tracking.run import default_uri, open_run
    from metarisk.train.run import train_model

    started = time.perf_counter()
    uri = experiment.tracking.uri or default_uri(out)
    with open_run(experiment.tracking, uri=uri, name=experiment.name, spool=out) as run:
        run.params(flat_settings(experiment))
        trained = train_model(experiment, cohort, topology, _reporter(experiment, run, on_progress), start)
        bundle = save_bundle(trained.bundle, out / BUNDLE, overwrite=overwrite)
        hashes = provenance_hashes(trained, bundle.sha256)
        run.tags(hashes)
        write_figures(trained.figures, out / FIGURES, {"experiment": experiment.name, **hashes})
        run.table("figures.json", trained.figures)
        run.metrics(headline(trained.figures), step=0)
        run.folder(out / BUNDLE, BUNDLE)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        wall = time.perf_counter() - started
        result = TrainResult(trained.figures, out / BUNDLE, run.run_id, run.uri, wall, peak, trained.notes)
    return result, trained


def write_figures(figures: pd.DataFrame, path: Path, heading: dict[str, str]) -> None:
    """Write held-out figures as a table; its first lines say what they rest on."""
    lines = [f"# {key}: {value}\n" for key, value in heading.items()]
    table = figures.to_csv(sep="\t", index=False, float_format="%.4f", lineterminator="\n")
    with written(path) as draft:
        draft.write_text("".join(lines) + table, encoding="utf-8")


def headline(figures: pd.DataFrame) -> dict[str, float]:
    """One metric a model, endpoint and stratum, named as MLflow allows."""
    chosen = figures[figures["metric"].isin(["auroc", "calibration_error"]) & figures["value"].notna()]
    names = {}
    for row in chosen.to_dict("records"):
        horizon = "" if pd.isna(row["horizon_days"]) else f".{row['horizon_days']:g}d"
        name = f"{row['model']}/{row['endpoint']}{horizon}/{row['metric']}/{row['stratum']}"
        names[name] = float(row["value"])
    return names


def flat_settings(experiment: Experiment) -> dict[str, str]:
    """The configuration as dotted keys, for a run's parameters."""
    flat: dict[str, str] = {}

    def walk(prefix: str, value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)
        else:
            flat[prefix] = str(value)[:500]

    walk("", experiment.model_dump(mode="json", exclude={"description"}))
    return flat


def _reporter(experiment: Experiment, run: Run, on_progress: OnProgress) -> Callable[[str, Epoch], None]:
    """One metric and one step of progress an epoch."""
    training = experiment.training
    most = training.folds * training.seeds * training.epochs

    def report(model: str, epoch: Epoch) -> None:
        losses = {"train_loss": epoch.train_loss, "valid_loss": epoch.valid_loss}
        run.metrics(
            {f"{model}/member{epoch.member}/{name}": loss for name, loss in losses.items()}, step=epoch.epoch
        )
        on_progress(f"fitting {model}", epoch.member * training.epochs + epoch.epoch + 1, most)

    return report


def provenance_hashes(trained: Trained, bundle_sha256: str) -> dict[str, str]:
    """Hashes of everything that a run rests on: configuration, data, topology, bundle."""
    import hashlib

    settings = trained.bundle.experiment.model_dump_json()
    return {
        "config_sha256": hashlib.sha256(settings.encode()).hexdigest(),
        "cohort_sha256": str(trained.bundle.provenance["cohort_sha256"]),
        "source_sha256": str(trained.bundle.provenance["source_sha256"]),
        "topology_sha256": trained.bundle.topology.sha256,
        "bundle_sha256": bundle_sha256,
    }
