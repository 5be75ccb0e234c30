from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metarisk.config import Experiment, load_experiment
from metarisk.config.search import FIXED, FREE, number_kind, setting, setting_keys, with_settings
from metarisk.errors import ConfigError

PLAIN: dict[str, Any] = {"name": "x", "simulation": {}, "training": {"folds": 3}}
RATE = {"training.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}}


def searching(space: dict[str, Any], **search: Any) -> Experiment:
    return Experiment.model_validate({**PLAIN, "search": {"space": space, **search}})


def test_the_simulated_search_of_the_repository_is_one() -> None:
    experiment = load_experiment(Path(__file__).parents[2] / "configs" / "search_simulated.yaml")
    assert experiment.search is not None
    assert experiment.search.space


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        (
            {"network.widht": {"low": 2, "high": 8}},
            r"network\.widht is no setting.*Did you mean 'network\.width'",
        ),
        ({"widht": {"low": 2, "high": 8}}, "widht is no setting of an experiment"),
        ({"network": {"choices": [1, 2]}}, "network is no setting of an experiment"),
        (
            {"network.width": {"low": 0, "high": 8}},
            r"network\.width cannot be 0; expected .*greater than or equal",
        ),
        ({"network.width": {"low": 2, "high": 9000}}, r"network\.width cannot be 9000"),
        ({"network.width": {"low": 2.5, "high": 8}}, r"network\.width cannot be 2\.5"),
        ({"network.width": {"low": 2, "high": 3, "step": 0.5}}, r"network\.width cannot be 2\.5"),
        ({"network.graph": {"low": 0, "high": 1}}, r"network\.graph is no number"),
        (
            {"features.assays": {"choices": [["mutation"], ["mutations"]]}},
            r"features\.assays.* cannot be .*mutations",
        ),
        (
            {"features.numeric": {"choices": [["fga"], ["os_days"]]}},
            r"features\.numeric cannot be .*os_days",
        ),
    ],
)
def test_a_space_that_no_experiment_accepts_is_refused(space: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        searching(space)


@pytest.mark.parametrize("key", sorted(FIXED))
def test_what_would_change_the_question_or_the_judges_may_not_be_searched(key: str) -> None:
    inner = next((known for known in setting_keys(Experiment) if known.startswith(f"{key}.")), key)
    with pytest.raises(ConfigError, match=f"{inner} may not be searched: .*Take it out"):
        searching({inner: {"choices": [0, 1]}})


def test_only_settings_of_features_network_and_training_may_be_searched() -> None:
    with pytest.raises(ConfigError, match="Choose one of: features") as refused:
        searching({"zzz": {"choices": [0, 1]}})
    assert "training.folds" not in str(refused.value)
    fixed = {key.partition(".")[0] for key in FIXED}
    assert {key.partition(".")[0] for key in setting_keys(Experiment)} - fixed <= set(FREE)


@pytest.mark.parametrize(
    ("dimension", "sentence"),
    [
        ({"low": 2, "high": 2}, "low must lie below high"),
        ({"low": 0.0, "high": 1.0, "log": True}, "log needs a low above 0"),
        ({"low": 0.1, "high": 0.45, "step": 0.1}, "a whole number of steps above low"),
        ({"choices": [1]}, "at least 2 items"),
        ({"choices": [1, 1]}, "choices must differ"),
    ],
)
def test_a_dimension_that_is_none_is_refused(
    dimension: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    import yaml

    file = tmp_path / "x.yaml"
    file.write_text(yaml.safe_dump({**PLAIN, "search": {"space": {"network.dropout": dimension}}}))
    with pytest.raises(ConfigError, match=sentence):
        load_experiment(file)


def test_a_misspelt_key_of_a_dimension_is_answered_with_the_nearest(tmp_path: Path) -> None:
    import yaml

    file = tmp_path / "x.yaml"
    space = {"network.dropout": {"low": 0.0, "hihg": 0.5}}
    file.write_text(yaml.safe_dump({**PLAIN, "search": {"space": space}}))
    with pytest.raises(ConfigError, match=r"network\.dropout\.hihg is not a key.*Did you mean 'high'"):
        load_experiment(file)


def test_more_inner_folds_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"search\.folds is 4; expected at most training\.folds, 3"):
        searching(RATE, folds=4)


def test_settings_are_replaced_and_checked_and_nothing_else_changes() -> None:
    experiment = searching(RATE)
    changed = with_settings(experiment, {"training.learning_rate": 0.02, "features.numeric": ("fga",)})
    assert (changed.training.learning_rate, changed.features.numeric) == (0.02, ("fga",))
    back = {key: setting(experiment, key) for key in ("training.learning_rate", "features.numeric")}
    assert with_settings(changed, back) == experiment
    with pytest.raises(ConfigError, match=r"training\.learning_rate cannot be 7"):
        with_settings(experiment, {"training.learning_rate": 7})


def test_an_experiment_without_a_search_is_written_as_before() -> None:
    experiment = Experiment.model_validate(PLAIN)
    assert "search" not in experiment.model_dump(mode="json")
    assert '"search"' not in experiment.model_dump_json()


def test_whole_numbers_are_told_from_others() -> None:
    kinds = {
        key: number_kind(Experiment, key)
        for key in ("network.width", "network.dropout", "network.graph", "features.numeric")
    }
    assert kinds == {
        "network.width": int,
        "network.dropout": float,
        "network.graph": None,
        "features.numeric": None,
    }
