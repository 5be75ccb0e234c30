"""`metarisk train`: one configuration to a bundle, a tracked run, and held-out figures beside controls."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from metarisk import __version__
from metarisk.config import load_experiment
from metarisk.config.experiment import Experiment
from metarisk.files import check_free, written
from metarisk.jobs.drawings import DRAWN, Curves, check_drawings, tell_drawings, tell_report

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.models.pretrained import Start
    from metarisk.pathways.topology import Topology
    from metarisk.tracking.run import Run
    from metarisk.train.fit import Epoch
    from metarisk.train.run import Trained

OnProgress = Callable[[str, int, int], None]
BUNDLE, MANIFEST = "bundle", "manifest.json"
CHECKPOINTS = ".checkpoints"
AFTERWARDS = ("tracking.", "gates.")  # sections that come into play when the weights stand


class Output(NamedTuple):
    """Where a job's results go, and what may happen to those that are there."""

    folder: Path
    overwrite: bool = False
    resume: bool = False


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
    drawn
        Folder of the figures that were drawn, with their captions.
    page
        The report to open first.
    """

    figures: pd.DataFrame
    bundle: Path
    run_id: str
    tracking_uri: str
    wall_s: float
    peak_gib: float
    notes: tuple[str, ...]
    drawn: Path
    page: Path


def train(
    config: Path,
    *,
    out: Path,
    data_root: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> TrainResult | None:
    """Train what a configuration describes; None in a process that only helps another one.

    Parameters
    ----------
    config
        A complete experiment, YAML.
    out
        Folder for the bundle and, without a tracking server, the run.
    data_root
        Folder that the study file's paths are relative to, in place of the configuration's.
    overwrite
        Replace a bundle that stands there, and what a job that did not end left.
    resume
        Go on where a job with the same configuration and data ended before its time; start where none did.
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
    from metarisk.train.checkpoint import join_checkpoints
    from metarisk.train.processes import is_first, wait_for_all
    from metarisk.train.run import fit_networks

    experiment = load_experiment(config)
    on_progress = on_progress if is_first() else lambda what, done, of: None
    output = Output(out, overwrite=overwrite, resume=resume)
    if is_first():
        _check_output(output)
    base = config.resolve().parent
    start = read_experiment_start(experiment, base=base)
    on_progress("reading", 0, 1)
    topology = read_experiment_topology(experiment.topology, base=base)
    cohort = read_experiment_cohort(experiment, topology, base=base, data_root=data_root)
    on_progress("reading", 1, 1)
    if is_first():
        return train_tracked(
            experiment, cohort, topology, output=output, on_progress=on_progress, start=start
        )[0]
    wait_for_all()  # the first process has opened the checkpoints
    checkpoints = join_checkpoints(out / CHECKPOINTS, basis_of(experiment, cohort, topology, start))
    fit_networks(experiment, cohort, topology, lambda model, epoch: None, checkpoints, start)
    return None


def train_tracked(
    experiment: Experiment,
    cohort: Cohort,
    topology: Topology,
    *,
    output: Output,
    on_progress: OnProgress,
    start: Start | None = None,
) -> tuple[TrainResult, Trained]:
    """Train on a cohort at hand, inside a tracked run; see `train`."""
    from metarisk.models.bundle import save_bundle
    from metarisk.tracking.run import default_uri, open_run
    from metarisk.train.checkpoint import drop_checkpoints, holds_members, open_checkpoints
    from metarisk.train.processes import wait_for_all
    from metarisk.train.run import train_model

    started = time.perf_counter()
    out, kept = output.folder, output.folder / CHECKPOINTS
    resumed = output.resume and holds_members(kept)
    if not output.resume:
        drop_checkpoints(kept)
    checkpoints = open_checkpoints(kept, basis_of(experiment, cohort, topology, start))
    wait_for_all()
    uri = experiment.tracking.uri or default_uri(out)
    with open_run(experiment.tracking, uri=uri, name=experiment.name, spool=out) as run:
        run.params(flat_settings(experiment))
        curves: Curves = {}
        report = _reporter(experiment, run, on_progress, curves)
        trained = train_model(experiment, cohort, topology, report, checkpoints, start)
        bundle = save_bundle(trained.bundle, out / BUNDLE, overwrite=output.overwrite or resumed)
        trained = trained._replace(bundle=bundle)
        hashes = provenance_hashes(trained, bundle.sha256)
        heading = {"experiment": experiment.name, **hashes}
        run.tags(hashes)
        for name, table in tables_of(trained).items():
            write_figures(table, out / f"{name}.tsv", heading)
            run.table(f"{name}.json", table)
        run.metrics(headline(trained.figures), step=0)
        run.folder(out / BUNDLE, BUNDLE)
        tell_drawings(run, trained, curves, out / DRAWN)
        page = tell_report(run, trained, curves, heading, out)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        wall = time.perf_counter() - started
        result = TrainResult(
            trained.figures, out / BUNDLE, run.run_id, run.uri, wall, peak, trained.notes, out / DRAWN, page
        )
    drop_checkpoints(kept)
    return result, trained


def _check_output(output: Output) -> None:
    """Refuse, before the work, a folder that may not be written to."""
    from metarisk.train.checkpoint import check_unfinished, holds_members

    kept = output.folder / CHECKPOINTS
    if not (output.overwrite or output.resume):
        check_unfinished(kept)
    # A job that was killed between its bundle and its end is resumed over its own bundle.
    again = output.overwrite or (output.resume and holds_members(kept))
    check_free(output.folder / BUNDLE, overwrite=again, marker=MANIFEST)
    check_drawings(output.folder / DRAWN)


def basis_of(
    experiment: Experiment, cohort: Cohort, topology: Topology, start: Start | None = None
) -> dict[str, str]:
    """Everything that the weights rest on, by name: settings, hashes of data and topology, our version."""
    settings = {
        key: value for key, value in flat_settings(experiment).items() if not key.startswith(AFTERWARDS)
    }
    hashes = {"cohort_sha256": cohort.content_sha256(), "topology_sha256": topology.sha256}
    before = {} if start is None else {"pretrained_sha256": start.pretrained.sha256}
    return {**settings, **hashes, **before, "metarisk": __version__}


def tables_of(trained: Trained) -> dict[str, pd.DataFrame]:
    """Tables of a training by the names of their files."""
    return {"figures": trained.figures, "subgroups": trained.subgroups, "decisions": trained.decisions}


def write_figures(
    figures: pd.DataFrame, path: Path, heading: dict[str, str], *, numbers: str = "%.4f"
) -> None:
    """Write figures as a table whose first lines say what they rest on; ``numbers`` is their format."""
    lines = [f"# {key}: {value}\n" for key, value in heading.items()]
    table = figures.to_csv(sep="\t", index=False, float_format=numbers, lineterminator="\n")
    with written(path) as draft:
        draft.write_text("".join(lines) + table, encoding="utf-8")


def headline(figures: pd.DataFrame) -> dict[str, float]:
    """One metric a model, endpoint and stratum, named as MLflow allows."""
    ranked = figures["metric"].isin(["auroc", "calibration_error", "graph_share"])
    sets = figures["metric"].isin(["set_coverage", "set_decided", "decided_error", "free_coverage"])
    chosen = figures[(ranked | (sets & (figures["stratum"] == "all"))) & figures["value"].notna()]
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


def _reporter(
    experiment: Experiment, run: Run, on_progress: OnProgress, curves: Curves
) -> Callable[[str, Epoch], None]:
    """Losses and seconds as metrics and one step of progress an epoch; all epochs are kept in the curves."""
    training = experiment.training
    most = training.folds * training.seeds * training.epochs
    furthest: dict[str, int] = {}

    def report(model: str, epoch: Epoch) -> None:
        curves.setdefault(model, []).append(epoch)
        losses = {"train_loss": epoch.train_loss, "valid_loss": epoch.valid_loss, "seconds": epoch.seconds}
        run.metrics(
            {f"{model}/member{epoch.member}/{name}": loss for name, loss in losses.items()}, step=epoch.epoch
        )
        # Members that other processes fitted are told of late; progress never runs back.
        done = epoch.member * training.epochs + epoch.epoch + 1
        furthest[model] = max(done, furthest.get(model, 0))
        on_progress(f"fitting {model}", furthest[model], most)

    return report


def provenance_hashes(trained: Trained, bundle_sha256: str) -> dict[str, str]:
    """Hashes of everything that a run rests on: configuration, data, topology, bundle."""
    return {
        "config_sha256": trained.bundle.experiment.sha256,
        "cohort_sha256": str(trained.bundle.provenance["cohort_sha256"]),
        "source_sha256": str(trained.bundle.provenance["source_sha256"]),
        "topology_sha256": trained.bundle.topology.sha256,
        "bundle_sha256": bundle_sha256,
    }
