"""The trials of a search, one after another: what to try next, what to stop, and all that was tried.

They stand in a sqlite file of Optuna's, so that a search that was killed goes on where it was. What is drawn
next depends on the seed and on the trials that ended, on nothing else: a search that was interrupted tries
the same settings as one that was not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pandas as pd

from metarisk import __version__
from metarisk.config.experiment import Experiment
from metarisk.config.search import SearchSection, Span, number_kind, setting
from metarisk.errors import ConfigError, OutputError
from metarisk.train.fit import Epoch

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

STUDY, STORE = "search", "search.db"
RANDOM_TRIALS = 8  # before the sampler has something to learn from
WARMUP_EPOCHS, COMPLETE_BEFORE_PRUNING = 3, 4
SEEDS_APART = 100_003  # trials that a search may have before it shares draws with the next seed
BASIS, ENDING, SECONDS, EPOCHS, BY_FOLD = "basis", "ending", "seconds", "epochs", "by_fold"

State = Literal["complete", "pruned", "refused", "diverged"]


class Tried(NamedTuple):
    """One trial that ended.

    Attributes
    ----------
    number
        Its place among those that ended, from 0.
    state
        ``complete``; ``pruned`` where it fell behind the others; ``refused`` where its settings do not go
        together; ``diverged`` where a loss was no number.
    value
        The search's metric, mean over the inner folds; NaN where it is not complete.
    by_fold
        The metric on each inner fold.
    settings
        What was tried.
    seconds, epochs
        What it cost.
    """

    number: int
    state: State
    value: float
    by_fold: tuple[float, ...]
    settings: Mapping[str, Any]
    seconds: float
    epochs: int


class Pruned(Exception):  # noqa: N818 - an ending, not an error
    """Raised in the middle of a trial that fell behind."""


def load_optuna() -> Any:
    """The optuna package, without its own lines on stderr; raises `ConfigError` where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(
            "Optuna is not installed, and a search needs it",
            do="Install it with: pip install 'metarisk[search]'.",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def open_trials(folder: Path, search: SearchSection, basis: str) -> Study:
    """Trials of a folder, new or as far as an earlier process came.

    Parameters
    ----------
    folder
        Where the store is.
    search
        Its metric says which way is better.
    basis
        Hash of everything that a value rests on, see `basis_of`.

    Raises
    ------
    OutputError
        If the folder holds trials of something else, which cannot be compared with new ones, or the store
        is none.
    """
    optuna = load_optuna()
    folder.mkdir(parents=True, exist_ok=True)
    study: Study = _opened(folder / STORE, search)
    if study.user_attrs.setdefault(BASIS, basis) != basis:
        raise OutputError(
            f"{folder} holds a search of another configuration, cohort or graph",
            do="Choose another folder, or start anew with --overwrite.",
        )
    study.set_user_attr(BASIS, basis)
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # its process is gone
    return study


def _opened(store: Path, search: SearchSection) -> Study:
    from sqlalchemy.exc import SQLAlchemyError

    optuna = load_optuna()
    try:
        study: Study = optuna.create_study(
            storage=f"sqlite:///{store.resolve()}",
            study_name=STUDY,
            direction="minimize" if search.metric == "valid_loss" else "maximize",
            pruner=optuna.pruners.MedianPruner(COMPLETE_BEFORE_PRUNING, WARMUP_EPOCHS),
            load_if_exists=True,
        )
    except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        raise OutputError(
            f"{store} is no store of trials ({str(error).splitlines()[0]})",
            do="Choose another folder, or start anew with --overwrite.",
        ) from error
    return study


def basis_of(experiment: Experiment, search: SearchSection, cohort_sha256: str, topology_sha256: str) -> str:
    """Hash of what makes trials comparable: all but how many there are, and where they are told."""
    unbound = search.model_copy(update={"trials": 1, "timeout_minutes": None, "found": None})
    shown = experiment.model_copy(update={"search": unbound})
    settings = shown.model_dump_json(exclude={"description", "tracking", "gates"})
    return hashlib.sha256(
        "\0".join((settings, cohort_sha256, topology_sha256, __version__)).encode()
    ).hexdigest()


def next_trial(study: Study, experiment: Experiment, search: SearchSection) -> tuple[Trial, dict[str, Any]]:
    """The next trial and its settings: first the configuration as it stands, then what TPE draws.

    The tree-structured Parzen estimator is that of Bergstra et al. 2011; it starts with random draws.
    """
    optuna = load_optuna()
    space = {
        key: _distribution(search, key, number_kind(type(experiment), key) is int) for key in search.space
    }
    ended = len(tried(study))
    # Of a study that goes on, a sampler with the seed alone would draw what it drew before.
    study.sampler = optuna.samplers.TPESampler(
        seed=experiment.seed * SEEDS_APART + ended, n_startup_trials=RANDOM_TRIALS
    )
    waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    as_it_stands = starting_point(experiment, search)
    if ended == 0 and not waiting and as_it_stands is not None:
        study.enqueue_trial(as_it_stands)
    trial = study.ask(space)
    return trial, _plain(trial.params, search)


def starting_point(experiment: Experiment, search: SearchSection) -> dict[str, Any] | None:
    """The configuration's own settings as Optuna keeps them; None where they lie outside the space."""
    point: dict[str, Any] = {}
    for key, dimension in search.space.items():
        value = setting(experiment, key)
        if isinstance(dimension, Span):
            if value is None or not dimension.holds(value):
                return None
            point[key] = value
        elif value in dimension.choices:
            point[key] = json.dumps(dimension.choices[dimension.choices.index(value)])
        else:
            return None
    return point


class Pruning:
    """Reports a trial's best loss on its first inner fold by epoch, and stops it where it falls behind.

    Parameters
    ----------
    trial
        What to report to.
    higher_is_better
        Of the study's metric; losses are then reported with a minus.
    """

    def __init__(self, trial: Trial, *, higher_is_better: bool) -> None:
        self.epochs_done = 0
        self._trial = trial
        self._sign = -1.0 if higher_is_better else 1.0
        self._best = float("inf")

    def __call__(self, epoch: Epoch) -> None:
        """Count an epoch; raises `Pruned` where the trial is worse than the median of those that ended."""
        self.epochs_done += 1
        if epoch.member == 0:
            self._best = min(self._best, epoch.valid_loss)
            self._trial.report(self._sign * self._best, epoch.epoch)
            if self._trial.should_prune():
                raise Pruned


def tell(
    study: Study, trial: Trial, state: State, by_fold: tuple[float, ...], cost: tuple[float, int]
) -> Tried:
    """Write down how a trial ended, and give it back as the table has it.

    Parameters
    ----------
    study, trial
        From `open_trials` and `next_trial`.
    state
        How it ended.
    by_fold
        The metric on each inner fold, empty where it did not come to its end.
    cost
        Seconds, and epochs over all folds.
    """
    states = load_optuna().trial.TrialState
    for name, value in ((ENDING, state), (SECONDS, cost[0]), (EPOCHS, cost[1]), (BY_FOLD, list(by_fold))):
        trial.set_user_attr(name, value)
    if state == "complete":
        study.tell(trial, sum(by_fold) / len(by_fold))
    else:
        study.tell(trial, state=states.PRUNED if state == "pruned" else states.FAIL)
    return tried(study)[-1]


def tried(study: Study) -> tuple[Tried, ...]:
    """Trials that ended, in their order; those whose process was killed are not among them."""
    ended = [trial for trial in study.get_trials(deepcopy=False) if _has_ended(trial)]
    return tuple(_tried(number, trial) for number, trial in enumerate(ended))


def best_of(trials: tuple[Tried, ...], search: SearchSection) -> Tried:
    """The best trial that came to its end, the first of equals.

    Raises
    ------
    ConfigError
        If none did.
    """
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        raise ConfigError(
            f"none of {len(trials)} trials came to its end",
            do="Allow more trials or time, or a space whose settings go together.",
        )
    sign = 1.0 if search.metric == "valid_loss" else -1.0
    return min(complete, key=lambda trial: sign * trial.value)


def trial_table(trials: tuple[Tried, ...]) -> pd.DataFrame:
    """One row a trial: number, state, value, value on each fold, its settings, epochs and seconds."""
    rows = [
        {
            "trial": trial.number,
            "state": trial.state,
            "value": trial.value,
            **trial.settings,
            "by_fold": " ".join(f"{value:.5f}" for value in trial.by_fold),
            "epochs": trial.epochs,
            "seconds": round(trial.seconds, 2),
        }
        for trial in trials
    ]
    return pd.DataFrame(rows)


def _has_ended(trial: FrozenTrial) -> bool:
    """True where it was told to its end; a killed process may leave an ending that was not."""
    if trial.state.name == "FAIL":
        return trial.user_attrs.get(ENDING) in {"refused", "diverged"}
    return trial.state.is_finished()


def _tried(number: int, trial: FrozenTrial) -> Tried:
    facts = trial.user_attrs
    complete = facts[ENDING] == "complete"
    settings = {
        key: json.loads(value) if isinstance(value, str) else value for key, value in trial.params.items()
    }
    return Tried(
        number,
        facts[ENDING],
        float(trial.value) if complete and trial.value is not None else float("nan"),
        tuple(facts[BY_FOLD]),
        settings,
        facts[SECONDS],
        facts[EPOCHS],
    )


def _distribution(search: SearchSection, key: str, whole: bool) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    dimension = search.space[key]
    if not isinstance(dimension, Span):
        # As text: Optuna keeps only plain values.
        return CategoricalDistribution([json.dumps(choice) for choice in dimension.choices])
    if whole:
        step = int(dimension.step or 1)
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log, step=step)
    return FloatDistribution(
        float(dimension.low), float(dimension.high), log=dimension.log, step=dimension.step
    )


def _plain(params: Mapping[str, Any], search: SearchSection) -> dict[str, Any]:
    """Settings as the experiment takes them."""
    return {
        key: value if isinstance(search.space[key], Span) else json.loads(value)
        for key, value in params.items()
    }
