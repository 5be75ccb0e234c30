from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
import yaml

from metarisk.config import Experiment, load_experiment, load_study_file
from metarisk.errors import ConfigError
from metarisk.schema.clinical import POST_BASELINE, leakage_reason

CONFIGS = Path(__file__).parents[2] / "configs"
SMALL: dict[str, Any] = {"name": "small", "simulation": {"samples": 100}}


@pytest.fixture
def refusal(tmp_path: Path) -> Any:
    """The sentence with which an experiment is refused."""

    def refuse(tree: Any) -> str:
        path = tmp_path / "x.yaml"
        path.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree))
        with pytest.raises(ConfigError, match=r"x\.yaml") as caught:
            load_experiment(path)
        return str(caught.value)

    return refuse


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_experiment_that_ships_loads_and_names_a_study_file_that_loads(path: Path) -> None:
    experiment = load_experiment(path)
    assert experiment.name
    for section in (experiment.cohort, *experiment.cohorts):
        if section.study is not None and section.study.suffix == ".yaml":
            assert load_study_file(path.parent / section.study).name


@pytest.mark.parametrize("path", sorted((CONFIGS / "studies").glob("*.yaml")), ids=lambda path: path.name)
def test_every_study_file_that_ships_loads(path: Path) -> None:
    assert load_study_file(path).name


def test_the_embedded_quickstart_loads_and_needs_no_study() -> None:
    with as_file(files("metarisk.config") / "quickstart.yaml") as path:
        experiment = load_experiment(path)
    assert experiment.simulation is not None
    assert experiment.cohort.study is None


def test_an_experiment_survives_being_written_and_read() -> None:
    experiment = Experiment.model_validate(SMALL)
    assert Experiment.model_validate(experiment.model_dump(mode="json")) == experiment


def test_a_configuration_is_frozen() -> None:
    experiment = Experiment.model_validate(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        experiment.training.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("section", "key", "nearest"),
    [
        (None, "trainning", "training"),
        ("training", "epoch", "epochs"),
        ("training", "precison", "precision"),
        ("training", "checkpoint_evry", "checkpoint_every"),
        ("training", "process_per_member", "processes_per_member"),
        ("network", "widht", "width"),
        ("evaluation", "test_fracton", "test_fraction"),
        ("simulation", "sample", "samples"),
        ("gates", "min_aurocs", "min_auroc"),
    ],
)
def test_a_misspelt_key_is_answered_with_its_path_and_the_nearest(
    refusal: Any, section: str | None, key: str, nearest: str
) -> None:
    tree = {**SMALL}
    if section is None:
        tree[key] = {}
    else:
        tree[section] = {**tree.get(section, {}), key: 1}
    path = key if section is None else f"{section}.{key}"
    assert f"x.yaml: {path} is not a key of this file. Did you mean {nearest!r}?" in refusal(tree)


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("training", "epochs", 0, "greater than or equal to 1"),
        ("training", "assay_dropout", 1.0, "less than 1"),
        ("training", "learning_rate", float("inf"), "finite number"),
        ("network", "width", "wide", "valid integer"),
        ("evaluation", "test_fraction", 1.5, "less than 0.9"),
        ("evaluation", "controls", ["nothing"], "'aurka', 'loris' or 'loris_nsclc'"),
        ("simulation", "samples", 10, "greater than or equal to 60"),
        ("tasks", "horizons_days", [730, 365], "ascending order"),
        ("tasks", "horizons_days", [], "at least one"),
        ("tasks", "sites", ["bone", "moon"], "moon not among the sites bone, brain"),
        ("features", "assays", ["proteins"], "'protein'"),
        ("topology", "control", "scrambled", "'rewired'"),
    ],
)
def test_a_value_out_of_range_is_answered_with_its_path_and_the_range(
    refusal: Any, section: str, key: str, value: Any, expected: str
) -> None:
    told = refusal({**SMALL, section: {**SMALL.get(section, {}), key: value}})
    assert told.startswith(f"x.yaml: {section}.{key}")
    assert expected in told


@pytest.mark.parametrize("column", ["os_months", "AGE_AT_DEATH", "met_site_count", "dmets_dx_bone"])
def test_a_feature_of_the_future_is_refused_with_the_reason(refusal: Any, column: str) -> None:
    told = refusal({**SMALL, "features": {"numeric": ["age_years", column]}})
    assert f"{column!r} cannot be a feature: {leakage_reason(column)}" in told


def test_a_number_of_the_future_is_refused_under_a_name_of_the_studys_own_too(refusal: Any) -> None:
    told = refusal({**SMALL, "features": {"numeric": ["extra.met_count"]}})
    assert f"'extra.met_count' cannot be a feature: {leakage_reason('met_count')}" in told


def test_every_column_of_the_future_has_its_reason_whatever_its_case() -> None:
    for column, reason in POST_BASELINE.items():
        assert leakage_reason(column) == leakage_reason(column.upper()) == reason
    assert leakage_reason("dmets_dx_liver") == "it is recorded after baseline"
    assert leakage_reason("age_years") is None


def test_an_unknown_feature_is_answered_with_those_that_exist(refusal: Any) -> None:
    told = refusal({**SMALL, "features": {"numeric": ["shoe_size"]}})
    assert "'shoe_size' is not one of age_years, purity" in told


def test_samples_come_from_a_study_or_a_simulation_and_never_from_both(refusal: Any) -> None:
    sentence = "an experiment has one of cohort.study, cohorts and a simulation section"
    assert sentence in refusal({**SMALL, "cohort": {"study": "here"}})
    assert sentence in refusal({"name": "none"})


@pytest.mark.parametrize("name", ["../up", "", "a b", ".hidden", "x" * 65])
def test_a_name_that_could_leave_its_folder_is_refused(refusal: Any, name: str) -> None:
    assert "name is" in refusal({**SMALL, "name": name})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- a\n- b\n", "holds list; expected keys and values"),
        ("a: [1\n", "is not YAML"),
        ("", "holds NoneType"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(refusal: Any, text: str, sentence: str) -> None:
    assert sentence in refusal(text)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml does not exist. Check the path"):
        load_experiment(tmp_path / "none.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_experiment(tmp_path / "x.yaml")


def test_several_problems_are_counted(refusal: Any) -> None:
    told = refusal({**SMALL, "training": {"epochs": 0, "folds": 1}})
    assert "(1 more problems in the file)" in told


STUDY: dict[str, Any] = {"name": "s", "folder": "f", "format": "tables"}
FOLDER: dict[str, Any] = {"name": "s", "folder": "f"}
DATED = {"file": "d.tsv", "patient_column": "p", "time": "t", "unit": "days", "values": {"nlr": "NLR"}}
FOLLOW_UP = {"time": "t", "unit": "days", "status": "s", "event": ["dead"], "censored": ["alive"]}
MATRIX = {"assay": "expression", "file": "e.tsv", "orientation": "genes_in_rows", "id_column": "gene"}


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        (STUDY, "format 'tables' needs a clinical_file section"),
        ({**STUDY, "format": "cbioportal", "folders": 1}, "Did you mean 'folder'"),
        (
            {**STUDY, "format": "cbioportal", "assays": [{**MATRIX, "unit": "beta"}]},
            "unit 'beta' is not one of log2_tpm, .* for assay expression",
        ),
        (
            {**STUDY, "format": "cbioportal", "assays": [{**MATRIX, "unit": "tpm", "id_typ": "entrez"}]},
            "assays.0.id_typ is not a key of this file. Did you mean 'id_type'",
        ),
        (
            {**FOLDER, "scale": {"purty": 0.01}},
            "scale.purty is no such column of ours. Did you mean 'purity'",
        ),
        (
            {**FOLDER, "recode": {"sexe": {"1": "Male"}}},
            "recode.sexe is no such column of ours. Did you mean 'sex'",
        ),
        (
            {**FOLDER, "dated": [{**DATED, "scale": {"nlrr": 2.0}}]},
            "scale names nlrr, which values does not read",
        ),
        (
            {**FOLDER, "endpoints": {"response": {"column": "r", "yes": ["1"], "no": ["0", "1"]}}},
            "'1' stands under both yes and no",
        ),
        (
            {**FOLDER, "endpoints": {"os": {**FOLLOW_UP, "censored": ["dead"]}}},
            "'dead' stands under both event and censored",
        ),
    ],
)
def test_a_study_file_is_checked_like_an_experiment(
    tree: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(ConfigError, match=sentence):
        load_study_file(tmp_path / "study.yaml")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"method": "plat"}, "calibration.method"),
        ({"level": 0.2}, "calibration.level"),
        ({"level": 1.0}, "calibration.level"),
        ({"min_group": 3}, "calibration.min_group"),
        ({"abstain": "always"}, "calibration.abstain"),
        ({"within": "planet"}, "'planet' is not one of"),
        ({"methods": "platt"}, "calibration.methods"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused_by_its_key(
    refusal: Any, section: dict[str, Any], said: str
) -> None:
    assert said in refusal({**SMALL, "calibration": section})


def test_an_experiment_that_says_nothing_of_calibration_is_calibrated_as_before() -> None:
    section = Experiment.model_validate(SMALL).calibration
    assert (section.method, section.level, section.abstain) == ("platt", 0.9, "never")
