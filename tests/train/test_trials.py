from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metarisk.config import Experiment
from metarisk.config.search import SearchSection
from metarisk.errors import ConfigError, OutputError
from metarisk.train.fit import Epoch
from metarisk.train.trials import (
    COMPLETE_BEFORE_PRUNING,
    STORE,
    WARMUP_EPOCHS,
    Pruned,
    Pruning,
    Tried,
    basis_of,
    best_of,
    next_trial,
    open_trials,
    starting_point,
    tell,
    trial_table,
    tried,
)

SPACE: dict[str, Any] = {
    "training.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "network.width": {"low": 4, "high": 32, "step": 4},
    "network.graph": {"choices": [True, False]},
    "features.numeric": {"choices": [["age_years"], ["age_years", "fga"]]},
}


def searching(space: dict[str, Any] = SPACE, **sections: Any) -> tuple[Experiment, SearchSection]:
    settings = {"name": "x", "simulation": {}, "features": {"numeric": ["age_years"]}, **sections}
    experiment = Experiment.model_validate({**settings, "search": {"space": space}})
    assert experiment.search is not None
    return experiment, experiment.search


def far_from_one_hundredth(settings: dict[str, Any]) -> float:
    """A value with its least at a learning rate of 0.01 and a width of 20."""
    return abs(math.log10(settings["training.learning_rate"]) + 2) + abs(settings["network.width"] - 20) / 32


def run_some(folder: Path, number: int, basis: str = "b") -> tuple[Tried, ...]:
    experiment, section = searching()
    study = open_trials(folder, section, basis)
    for _ in range(number):
        trial, settings = next_trial(study, experiment, section)
        tell(study, trial, "complete", (far_from_one_hundredth(settings),), (1.0, 1))
    return tried(study)


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tried, ...]:
    return run_some(tmp_path_factory.mktemp("twelve"), 12)


def test_the_first_trial_is_the_configuration_as_it_stands(twelve: Any) -> None:
    assert twelve[0].settings == {
        "training.learning_rate": 3e-3,
        "network.width": 16,
        "network.graph": True,
        "features.numeric": ["age_years"],
    }


def test_a_configuration_outside_its_own_space_is_not_tried() -> None:
    assert starting_point(*searching(network={"width": 17})) is None
    assert starting_point(*searching(network={"width": 64})) is None
    assert starting_point(*searching(features={"numeric": ["fga"]})) is None
    assert starting_point(*searching()) is not None


def test_every_draw_lies_in_the_space(twelve: Any) -> None:
    for trial in twelve:
        assert 1e-4 <= trial.settings["training.learning_rate"] <= 1e-1
        assert trial.settings["network.width"] in range(4, 33, 4)
        assert isinstance(trial.settings["network.width"], int)
        assert trial.settings["network.graph"] in (True, False)
        assert trial.settings["features.numeric"] in (["age_years"], ["age_years", "fga"])


def test_equal_seeds_draw_equal_settings_and_others_do_not(twelve: Any, tmp_path: Path) -> None:
    assert run_some(tmp_path / "again", 3) == twelve[:3]
    experiment, section = searching(seed=1)
    study = open_trials(tmp_path / "other", section, "b")
    for _ in range(2):
        trial, settings = next_trial(study, experiment, section)
        tell(study, trial, "complete", (far_from_one_hundredth(settings),), (1.0, 1))
    assert tried(study)[1] != twelve[1]


def test_a_search_that_stopped_goes_on_as_if_it_had_not(twelve: Any, tmp_path: Path) -> None:
    run_some(tmp_path, 4)
    experiment, section = searching()
    next_trial(open_trials(tmp_path, section, "b"), experiment, section)  # asked, and never told
    assert run_some(tmp_path, 4) == twelve[:8]


def test_a_process_that_dies_on_its_first_trial_loses_nothing(twelve: Any, tmp_path: Path) -> None:
    experiment, section = searching()
    for _ in range(2):
        trial, _ = next_trial(open_trials(tmp_path, section, "b"), experiment, section)
        trial.set_user_attr("ending", "complete")  # it died before the value was told
    assert run_some(tmp_path, 3) == twelve[:3]


def test_what_is_learned_is_used(twelve: Any) -> None:
    drawn, learned = twelve[1:8], twelve[8:]
    assert np.mean([trial.value for trial in learned]) < np.mean([trial.value for trial in drawn])
    best = best_of(twelve, searching()[1])
    assert best.value == min(trial.value for trial in twelve)
    higher = searching()[1].model_copy(update={"metric": "auroc"})
    assert best_of(twelve, higher).value == max(trial.value for trial in twelve)


def test_trials_of_something_else_are_not_mixed_in(tmp_path: Path) -> None:
    run_some(tmp_path, 1)
    with pytest.raises(OutputError, match="holds a search of another configuration, cohort or graph"):
        run_some(tmp_path, 1, basis="other")


def test_a_file_that_is_no_store_is_told_and_left(tmp_path: Path) -> None:
    (tmp_path / STORE).write_bytes(b"not a database, but long enough to be taken for one" * 40)
    with pytest.raises(OutputError, match=r"search\.db is no store of trials .*--overwrite"):
        run_some(tmp_path, 1)
    assert (tmp_path / STORE).read_bytes().startswith(b"not a database")


def test_the_basis_is_everything_but_how_long_and_where_to() -> None:
    experiment, section = searching()
    basis = basis_of(experiment, section, "cohort", "graph")
    longer = section.model_copy(update={"trials": 99, "timeout_minutes": 5.0})
    elsewhere = experiment.model_copy(update={"description": "again", "search": longer})
    assert basis_of(elsewhere, longer, "cohort", "graph") == basis
    assert basis_of(experiment.model_copy(update={"seed": 1}), section, "cohort", "graph") != basis
    assert basis_of(experiment, section, "other", "graph") != basis
    assert basis_of(experiment, section, "cohort", "other") != basis


@pytest.mark.parametrize("higher_is_better", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_trial_that_falls_behind_the_median_is_stopped_on_its_first_fold(
    tmp_path: Path, higher_is_better: bool
) -> None:
    experiment, section = searching()
    section = section.model_copy(update={"metric": "auroc" if higher_is_better else "valid_loss"})
    study = open_trials(tmp_path, section, "b")

    def epochs(pruning: Pruning, loss: float, member: int = 0) -> None:
        for number in range(8):
            pruning(Epoch(member, number, 0.0, loss, False))

    for number in range(COMPLETE_BEFORE_PRUNING):
        trial, _ = next_trial(study, experiment, section)
        epochs(Pruning(trial, higher_is_better=higher_is_better), 1.0 + number / 10)
        tell(study, trial, "complete", (0.5,), (0.0, 8))
    trial, _ = next_trial(study, experiment, section)
    worse = Pruning(trial, higher_is_better=higher_is_better)
    with pytest.raises(Pruned):
        epochs(worse, 2.0)
    assert worse.epochs_done == WARMUP_EPOCHS + 1
    ended = tell(study, trial, "pruned", (), (0.1, worse.epochs_done))
    assert (ended.state, math.isnan(ended.value)) == ("pruned", True)
    trial, _ = next_trial(study, experiment, section)
    better = Pruning(trial, higher_is_better=higher_is_better)
    epochs(better, 0.9)
    epochs(better, 5.0, member=1)  # a harder fold is no reason
    assert better.epochs_done == 16


def test_a_search_in_which_no_trial_ended_well_says_so(tmp_path: Path) -> None:
    experiment, section = searching()
    study = open_trials(tmp_path, section, "b")
    for state in ("refused", "diverged"):
        trial, _ = next_trial(study, experiment, section)
        tell(study, trial, state, (), (0.0, 0))  # type: ignore[arg-type]
    assert [trial.state for trial in tried(study)] == ["refused", "diverged"]
    with pytest.raises(ConfigError, match="none of 2 trials came to its end"):
        best_of(tried(study), section)


def test_the_table_has_a_row_a_trial_and_a_column_a_setting(twelve: Any) -> None:
    table = trial_table(twelve)
    assert len(table) == 12
    assert set(SPACE) <= set(table.columns)
    assert table["value"].tolist() == [trial.value for trial in twelve]


def test_the_store_holds_no_pickle(tmp_path: Path) -> None:
    run_some(tmp_path, 2)
    content = (tmp_path / STORE).read_bytes()
    assert content.startswith(b"SQLite format 3")
    assert b"\x80\x04\x95" not in content
    assert b"\x80\x05\x95" not in content
