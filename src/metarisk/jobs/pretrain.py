"""`metarisk pretrain`: one configuration to a pretrained body, a tracked run, and figures beside controls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from metarisk.config import load_experiment
from metarisk.files import check_free
from metarisk.jobs.train import flat_settings, write_figures

if TYPE_CHECKING:
    from metarisk.train.fit import Epoch

OnProgress = Callable[[str, int, int], None]
BODY, FIGURES, MANIFEST = "pretrained", "figures.tsv", "pretrained.json"


@dataclass(frozen=True)
class PretrainResult:
    """What a pretraining job left.

    Attributes
    ----------
    figures
        How well hidden values were found on held-out patients, beside controls.
    body
        Folder of the pretrained body, for ``training.pretrained``.
    sha256
        Its hash.
    run_id, tracking_uri
        Where the run stands in MLflow.
    wall_s
        Seconds that the job took.
    notes
        Sentences that a reader of the figures must know.
    """

    figures: pd.DataFrame
    body: Path
    sha256: str
    run_id: str
    tracking_uri: str
    wall_s: float
    notes: tuple[str, ...]


def pretrain(
    config: Path,
    *,
    out: Path,
    data_root: Path | None = None,
    overwrite: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> PretrainResult:
    """Fit a graph body to samples whose outcomes are not read.

    Parameters
    ----------
    config
        An experiment, YAML; its ``pretraining`` section says what is hidden.
    out
        Folder for the body and, without a tracking server, the run.
    data_root
        Folder that a study file's paths are relative to, in place of the configuration's.
    overwrite
        Replace a body that stands there.
    on_progress
        Told what is done, how far, and of how much.

    Raises
    ------
    MetariskError
        If the configuration, the study or the output folder cannot be used; nothing is left half-written.
    """
    from metarisk.jobs.source import read_experiment_cohort, read_experiment_topology
    from metarisk.models.pretrained import save_pretrained
    from metarisk.tracking.run import default_uri, open_run
    from metarisk.train.pretrain import pretrain_model

    started = time.perf_counter()
    experiment = load_experiment(config)
    check_free(out / BODY, overwrite=overwrite, marker=MANIFEST)
    base = config.resolve().parent
    on_progress("reading", 0, 1)
    topology = read_experiment_topology(experiment.topology, base=base)
    cohort = read_experiment_cohort(experiment, topology, base=base, data_root=data_root)
    on_progress("reading", 1, 1)
    uri = experiment.tracking.uri or default_uri(out)
    with open_run(experiment.tracking, uri=uri, name=experiment.name, spool=out) as run:
        run.params(flat_settings(experiment))

        def report(epoch: Epoch) -> None:
            losses = {"train_loss": epoch.train_loss, "valid_loss": epoch.valid_loss}
            run.metrics({f"pretraining/{name}": loss for name, loss in losses.items()}, step=epoch.epoch)
            on_progress("pretraining", epoch.epoch + 1, experiment.pretraining.epochs)

        recovered = pretrain_model(experiment, cohort, topology, report)
        saved = save_pretrained(recovered.pretrained, out / BODY, overwrite=overwrite)
        hashes = {
            "config_sha256": experiment.sha256,
            **{name: str(value) for name, value in saved.provenance.items() if name.endswith("sha256")},
            "pretrained_sha256": saved.sha256,
        }
        run.tags(hashes)
        write_figures(recovered.figures, out / FIGURES, {"experiment": experiment.name, **hashes})
        run.table("figures.json", recovered.figures)
        run.metrics(_headline(recovered.figures), step=0)
        run.folder(out / BODY, BODY)
        wall = time.perf_counter() - started
        return PretrainResult(
            recovered.figures, out / BODY, saved.sha256, run.run_id, run.uri, wall, recovered.notes
        )


def _headline(figures: pd.DataFrame) -> dict[str, float]:
    return {
        f"{row['model']}/{row['assay']}/{row['hidden']}/{row['metric']}": float(row["value"])
        for row in figures.to_dict("records")
    }
