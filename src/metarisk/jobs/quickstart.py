"""`metarisk quickstart`: the whole job on a simulated cohort whose truth is known."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk.config import load_experiment
from metarisk.config.experiment import Experiment
from metarisk.config.gates import GateSection
from metarisk.files import check_free
from metarisk.jobs.train import OnProgress, Output, train_tracked

if TYPE_CHECKING:
    from metarisk.explain.pathways import Rank
    from metarisk.simulate import Simulation
    from metarisk.train.run import Trained

HELD_OUT, SCORES, STORE = "held_out", "scores", "mlflow.db"


@dataclass(frozen=True)
class QuickstartResult:
    """What the quickstart left.

    Attributes
    ----------
    figures
        Held-out figures of the model and its controls.
    bundle, scores
        Folders of the bundle and of the held-out samples' scores.
    model
        Registered model that scored them.
    run_id, tracking_uri
        Where the run stands in MLflow.
    planted
        (endpoint, circuit) that carry the simulated truth.
    ranks
        Where the model ranks each of these circuits.
    recovery
        Mean over the planted circuits of the chance that one stands above another circuit; 0.5 is chance.
    coverage
        Share of the intervals that hold the true probability.
    wall_s
        Seconds it took.
    notes
        Sentences that a reader of the figures must know.
    page
        The report to open first.
    """

    figures: pd.DataFrame
    bundle: Path
    scores: Path
    model: str
    run_id: str
    tracking_uri: str
    planted: tuple[tuple[str, str], ...]
    ranks: tuple[Rank, ...]
    recovery: float
    coverage: float
    wall_s: float
    notes: tuple[str, ...]
    page: Path


def quickstart(
    out: Path,
    *,
    samples: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> QuickstartResult:
    """Simulate, train, track, register, and score the held-out patients through the registry.

    Parameters
    ----------
    out
        Folder for everything it makes.
    samples
        Simulated tumours, in place of the embedded configuration's.
    seed
        Of the simulation and the training; equal seeds give equal numbers.
    overwrite
        Replace what an earlier run left in ``out``.
    on_progress
        Told what is done, how far, and of how much.

    Raises
    ------
    MetariskError
        If ``out`` is taken or MLflow is not installed.
    """
    from metarisk.data.store import write_cohort
    from metarisk.jobs.publish import publish
    from metarisk.jobs.score import score
    from metarisk.pathways.curated import curated_topology
    from metarisk.simulate import simulate

    started = time.perf_counter()
    check_free(out, overwrite=overwrite, marker=STORE)
    experiment = embedded_experiment(samples, seed)
    topology = curated_topology()
    if experiment.simulation is None:
        raise AssertionError("the embedded experiment is a simulation")
    simulation = simulate(experiment.simulation, topology, experiment.tasks, seed)
    result, trained = train_tracked(
        experiment,
        simulation.cohort,
        topology,
        output=Output(out, overwrite=overwrite),
        on_progress=on_progress,
    )
    published = publish(result.bundle, alias="champion", uri=result.tracking_uri, run_id=result.run_id)
    model = f"models:/{published.name}@{published.alias}"
    on_progress("scoring held-out patients", 0, 1)
    write_cohort(trained.test, out / HELD_OUT, overwrite=overwrite)
    score(model, out / HELD_OUT, out / SCORES, tracking_uri=result.tracking_uri, overwrite=overwrite)
    on_progress("scoring held-out patients", 1, 1)
    ranks = recovered(trained, simulation)
    return QuickstartResult(
        figures=result.figures,
        bundle=result.bundle,
        scores=out / SCORES,
        model=model,
        run_id=result.run_id,
        tracking_uri=result.tracking_uri,
        planted=tuple((circuit.endpoint, circuit.pathway) for circuit in simulation.planted),
        ranks=tuple(ranks),
        recovery=float(np.mean([rank.auroc for rank in ranks])),
        coverage=interval_coverage(trained, simulation),
        wall_s=time.perf_counter() - started,
        notes=result.notes,
        page=result.page,
    )


def embedded_experiment(samples: int | None, seed: int) -> Experiment:
    """The configuration that ships with the package, with another size or seed.

    Its gates are meant for its own size; another size is published without them.
    """
    with as_file(files("metarisk.config") / "quickstart.yaml") as path:
        experiment = load_experiment(path)
    if samples is None or experiment.simulation is None:
        return experiment.model_copy(update={"seed": seed})
    simulation = experiment.simulation.model_copy(update={"samples": samples})
    return experiment.model_copy(update={"simulation": simulation, "seed": seed, "gates": GateSection()})


def recovered(trained: Trained, simulation: Simulation) -> list[Rank]:
    """Rank of each planted circuit among all circuits that carry no family's name."""
    from metarisk.explain.pathways import pathway_importance, planted_ranks
    from metarisk.pathways.curated import circuits

    importance = pathway_importance(trained.bundle, trained.test)
    planted = {circuit.endpoint: circuit.pathway for circuit in simulation.planted}
    return planted_ranks(importance, planted, {circuit.id for circuit in circuits()})


def interval_coverage(trained: Trained, simulation: Simulation) -> float:
    """Share of the held-out answers whose 95 % interval holds the true probability."""
    from metarisk.models.scoring import score_cohort

    scores = score_cohort(trained.bundle, trained.test)
    held, total = 0, 0
    for (task, target, horizon), rows in scores.groupby(["task", "target", "horizon_days"], dropna=False):
        name = f"{task}@{horizon:g}" if task == "metastasis" else f"site.{target}" if task == "site" else task
        if name not in simulation.truth or target == "death":
            continue
        truth = simulation.truth[name].reindex(rows["sample_id"]).to_numpy()
        held += int(((rows["lower"] <= truth) & (truth <= rows["upper"])).sum())
        total += len(rows)
    return held / max(total, 1)
