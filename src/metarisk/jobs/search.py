"""`metarisk search`: try settings on folds of the training patients, and write the best experiment."""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from metarisk.config import load_experiment
from metarisk.config.experiment import Experiment
from metarisk.config.search import FoundSection, SearchSection, setting, with_settings
from metarisk.errors import ConfigError, OutputError
from metarisk.files import check_free, written
from metarisk.jobs.drawings import DRAWN, check_drawings
from metarisk.jobs.train import (
    BUNDLE,
    MANIFEST,
    OnProgress,
    Output,
    TrainResult,
    flat_settings,
    train_tracked,
)

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.pathways.topology import Topology
    from metarisk.tracking.run import ChildRun, Ending, Run
    from metarisk.train.fit import Epoch
    from metarisk.train.search import Ground
    from metarisk.train.trials import State, Tried

BEST, TRIALS, LOCK = "best.yaml", "trials.tsv", "search.lock"
ENDINGS: dict[State, Ending] = {
    "complete": "FINISHED",
    "pruned": "KILLED",
    "refused": "FAILED",
    "diverged": "FAILED",
}


@dataclass(frozen=True)
class SearchResult:
    """What a search left.

    Attributes
    ----------
    trials
        Every trial: state, value, settings, epochs, seconds.
    best
        Number of the best trial.
    metric
        What it is best in.
    before, after
        Its value for the configuration as it stands (None where that was not tried), and for the best trial.
    changed
        Setting -> value in the configuration, value in the best trial.
    experiment
        File of the best experiment.
    run_id, tracking_uri
        Where the parent run stands in MLflow.
    trained
        The best experiment trained, where that was asked for.
    wall_s
        Seconds that this process took.
    notes
        Sentences that a reader of the result must know.
    """

    trials: pd.DataFrame
    best: int
    metric: str
    before: float | None
    after: float
    changed: Mapping[str, tuple[Any, Any]]
    experiment: Path
    run_id: str
    tracking_uri: str
    trained: TrainResult | None
    wall_s: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SearchOptions:
    """How a search is run, beyond what its configuration says.

    Attributes
    ----------
    data_root
        Folder that the study file's paths are relative to, in place of the configuration's.
    trials
        Trials in place of the configuration's, those of an earlier process among them.
    train
        Train the best experiment at the end.
    overwrite
        Start anew where a search stands, instead of going on with it.
    """

    data_root: Path | None = None
    trials: int | None = None
    train: bool = False
    overwrite: bool = False


def search(
    config: Path,
    *,
    out: Path,
    options: SearchOptions = SearchOptions(),
    on_progress: OnProgress = lambda what, done, of: None,
) -> SearchResult:
    """Search the settings that a configuration names; a search that was interrupted goes on.

    Parameters
    ----------
    config
        A complete experiment with a ``search`` section, YAML.
    out
        Folder for the trials, the best experiment and, without a tracking server, the runs.
    options
        How it is run.
    on_progress
        Told what is done, how far, and of how much.

    Raises
    ------
    MetariskError
        If the configuration, the study or the folder cannot be used, or no trial came to its end.
    """
    from metarisk.jobs.source import read_experiment_cohort, read_experiment_topology

    started = time.perf_counter()
    experiment = load_experiment(config)
    section = _section(experiment, config, options.trials)
    if options.train:
        check_free(out / BUNDLE, overwrite=options.overwrite, marker=MANIFEST)
        check_drawings(out / DRAWN)
    base = config.resolve().parent
    with _alone(out):
        _clear(out, overwrite=options.overwrite)
        on_progress("reading", 0, 1)
        topology = read_experiment_topology(experiment.topology, base=base)
        cohort = read_experiment_cohort(experiment, topology, base=base, data_root=options.data_root)
        on_progress("reading", 1, 1)
        found = _tracked_search(experiment, section, cohort, topology, out, on_progress)
        best, file = _write_best(found, experiment, section, config, out)
        trained = None
        if options.train:
            trained, _ = train_tracked(
                best,
                cohort,
                topology,
                output=Output(out, overwrite=options.overwrite),
                on_progress=on_progress,
            )
    changed = {key: (setting(experiment, key), setting(best, key)) for key in section.space}
    return SearchResult(
        trials=found.table,
        best=found.best.number,
        metric=section.metric,
        before=found.before,
        after=found.best.value,
        changed=changed,
        experiment=file,
        run_id=found.run_id,
        tracking_uri=found.uri,
        trained=trained,
        wall_s=time.perf_counter() - started,
        notes=found.notes + (() if trained is None else trained.notes),
    )


@dataclass(frozen=True)
class _Found:
    """Trials that ended, the best of them, and the run that tells of them."""

    trials: tuple[Tried, ...]
    table: pd.DataFrame
    best: Tried
    before: float | None
    run_id: str
    uri: str
    notes: tuple[str, ...]


def _tracked_search(
    experiment: Experiment,
    section: SearchSection,
    cohort: Cohort,
    topology: Topology,
    out: Path,
    on_progress: OnProgress,
) -> _Found:
    """Run the trials that are still to run, inside a tracked run with a child each."""
    from metarisk.tracking.run import default_uri, open_run
    from metarisk.train.search import ground_of
    from metarisk.train.trials import basis_of, best_of, open_trials, starting_point, trial_table, tried

    ground = ground_of(experiment, section, cohort, topology)
    basis = basis_of(experiment, section, ground.cohort.content_sha256(), topology.sha256)
    study = open_trials(out, section, basis)
    earlier = len(tried(study))
    notes = [f"{earlier} trials were there from an earlier process"] if earlier else []
    inside = starting_point(experiment, section) is not None
    if not inside:
        notes.append("the configuration's own settings lie outside the space and were not tried")
    uri = experiment.tracking.uri or default_uri(out)
    with open_run(experiment.tracking, uri=uri, name=f"{experiment.name} search", spool=out) as run:
        run.params(flat_settings(experiment))
        run.tags({"metarisk.search_basis": basis, "metarisk.trials_before": str(earlier)})
        _run_trials(study, ground, run, out, on_progress)
        trials = tried(study)
        best = best_of(trials, section)
        table = trial_table(trials)
        run.table("trials.json", table)
        run.params({f"best.{key}": str(value) for key, value in best.settings.items()})
        run.metrics({f"best/{section.metric}": best.value, "best/trial": best.number}, step=0)
    before = trials[0].value if inside and trials[0].state == "complete" else None
    return _Found(trials, table, best, before, run.run_id, run.uri, tuple(notes))


def _run_trials(study: Any, ground: Ground, run: Run, out: Path, on_progress: OnProgress) -> None:
    """Trials until there are enough, or the time is up."""
    from metarisk.train.trials import trial_table, tried

    section, started = ground.search, time.monotonic()
    limit_s = math.inf if section.timeout_minutes is None else 60.0 * section.timeout_minutes
    ended = tried(study)
    while len(ended) < section.trials and time.monotonic() - started < limit_s:
        on_progress("searching", len(ended), section.trials)
        with _child(run, f"trial-{len(ended)}") as child:
            trial = _run_trial(study, ground, child)
            child.close(ENDINGS[trial.state])
        ended = tried(study)
        _write_table(trial_table(ended), out / TRIALS)
    on_progress("searching", len(ended), section.trials)


def _run_trial(study: Any, ground: Ground, child: ChildRun) -> Tried:
    """One trial, from its settings to how it ended."""
    from metarisk.train.search import judge
    from metarisk.train.trials import Pruned, Pruning, next_trial, tell

    trial, settings = next_trial(study, ground.experiment, ground.search)
    child.params({key: str(value) for key, value in settings.items()})
    started = time.perf_counter()
    by_fold: tuple[float, ...] = ()
    state: State = "complete"
    pruning = Pruning(trial, higher_is_better=ground.search.metric == "auroc")

    def on_epoch(epoch: Epoch) -> None:
        losses = {"train_loss": epoch.train_loss, "valid_loss": epoch.valid_loss}
        child.metrics({f"fold{epoch.member}/{name}": loss for name, loss in losses.items()}, epoch.epoch)
        pruning(epoch)

    try:
        chosen = with_settings(ground.experiment.model_copy(update={"search": None}), settings)
        by_fold = judge(ground, chosen, on_epoch)
        if not all(map(math.isfinite, by_fold)):
            state = "diverged"
    except Pruned:
        state = "pruned"
    except ConfigError as refused:
        state = "refused"
        child.tags({"metarisk.refused": str(refused)})
    ended = tell(study, trial, state, by_fold, (time.perf_counter() - started, pruning.epochs_done))
    child.tags({"metarisk.state": ended.state})
    if ended.state == "complete":
        child.metrics({ground.search.metric: ended.value}, step=0)
    return ended


@contextmanager
def _child(run: Run, name: str) -> Iterator[ChildRun]:
    """A child that is FAILED where the block raises; otherwise the block closes it."""
    child = run.child(name)
    try:
        yield child
    except BaseException:
        child.close("FAILED")
        raise


def _write_best(
    found: _Found, experiment: Experiment, section: SearchSection, config: Path, out: Path
) -> tuple[Experiment, Path]:
    """The best experiment, complete and runnable from where it stands; the file's leading comment stays."""
    plain = with_settings(experiment.model_copy(update={"search": None}), found.best.settings)
    left = FoundSection(
        trials=sum(trial.state == "complete" for trial in found.trials),
        pruned=sum(trial.state == "pruned" for trial in found.trials),
        trial=found.best.number,
        value=found.best.value,
    )
    best = plain.model_copy(update={"search": section.model_copy(update={"found": left})})
    tree = _rebased(best.model_dump(mode="json"), config.resolve().parent, out.resolve())
    with written(out / BEST) as draft:
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=110)
        draft.write_text(_leading_comment(config) + text, encoding="utf-8")
    return best, out / BEST


def _rebased(tree: dict[str, Any], base: Path, out: Path) -> dict[str, Any]:
    """The same settings with paths that are relative to another folder."""
    from metarisk.pathways.source import CURATED

    for section, key in (("cohort", "study"), ("cohort", "data_root"), ("topology", "source")):
        place = tree[section][key]
        if place is not None and place != CURATED:
            tree[section][key] = os.path.relpath(base / place, out)
    return tree


def _leading_comment(config: Path) -> str:
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    end = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[:end])


def _write_table(table: pd.DataFrame, path: Path) -> None:
    with written(path) as draft:
        draft.write_text(table.to_csv(sep="\t", index=False, lineterminator="\n"), encoding="utf-8")


def _section(experiment: Experiment, config: Path, trials: int | None) -> SearchSection:
    if experiment.search is None:
        raise ConfigError(
            f"{config.name} has no search section",
            expected="search: {trials: 30, space: {training.learning_rate: {low: .., high: .., log: true}}}",
            do="Add one, see configs/search_simulated.yaml, or use `metarisk train`.",
        )
    return experiment.search if trials is None else experiment.search.model_copy(update={"trials": trials})


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep other processes out of a folder; the system lets go when this one ends, however it ends."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / LOCK).open("a")
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written ({error.strerror or error})", do="Choose another folder."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"another process searches in {out}", do="Wait for it, or choose another folder."
            ) from error
        yield


def _clear(out: Path, *, overwrite: bool) -> None:
    """Take an earlier search away where that is allowed; leave it to be gone on with where not."""
    from metarisk.train.trials import STORE

    if overwrite:
        for name in (STORE, TRIALS, BEST):
            (out / name).unlink(missing_ok=True)
