from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from metarisk.cli import run
from metarisk.config.experiment import Experiment
from metarisk.data.cohort import Cohort
from metarisk.data.store import write_cohort
from metarisk.errors import InputError, OutputError
from metarisk.jobs.evaluate import MANIFEST, Beside, EvaluateResult, evaluate
from metarisk.jobs.train import Output
from metarisk.models.bundle import load_bundle, save_bundle
from metarisk.pathways.curated import curated_topology
from metarisk.simulate import simulate
from metarisk.train.figures import EVER, OURS, Answers, Question
from metarisk.train.run import Trained, train_model

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {
    "name": "small",
    "simulation": {"samples": 260, "treated": 0.7},
    "features": {"direct_genes": 20},
    "tasks": {"sites": ["bone", "liver"], "binary": ["response"], "timed": ["metastasis"], "min_events": 5},
    "network": {"width": 2, "readout": 2, "direct_hidden": 0},
    "training": {"folds": 2, "epochs": 1},
    "evaluation": {"bootstrap": 50, "controls": [], "test_fraction": 0.5},
}
BONE = Question("site.bone", EVER)


class Ready(NamedTuple):
    """Two bundles over the same patients, and the whole cohort on disk."""

    folder: Path
    bundle: str
    other: str
    study: Path
    trained: Trained
    cohort: Cohort


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Ready:
    folder = tmp_path_factory.mktemp("evaluate")
    topology, experiment = curated_topology(), Experiment.model_validate(SETTINGS)
    assert experiment.simulation is not None
    cohort = simulate(experiment.simulation, topology, experiment.tasks, 0).cohort
    clinical = cohort.clinical.assign(sex=np.where(np.arange(len(cohort)) % 2, "Female", "Male"))
    cohort = replace(cohort, clinical=clinical)
    write_cohort(cohort, folder / "cohort")
    first, second = (
        train_model(chosen, cohort, topology, lambda model, epoch: None)
        for chosen in (experiment, experiment.model_copy(update={"name": "second", "seed": 3}))
    )
    save_bundle(first.bundle, folder / "bundle")
    save_bundle(second.bundle, folder / "other")
    return Ready(folder, str(folder / "bundle"), str(folder / "other"), folder / "cohort", first, cohort)


@pytest.fixture(scope="module")
def written(ready: Ready) -> EvaluateResult:
    out = ready.folder / "out"
    return evaluate(ready.bundle, ready.study, output=Output(out), beside=Beside(model=ready.other))


def read(folder: Path | None, name: str) -> pd.DataFrame:
    assert folder is not None
    return pd.read_csv(folder / f"{name}.tsv", sep="\t", comment="#")


def test_on_the_cohort_that_it_comes_from_it_judges_the_patients_it_has_not_seen(ready: Ready) -> None:
    result = evaluate(ready.bundle, ready.study)
    left = len(ready.cohort) - len(ready.trained.test)
    assert result.samples == len(ready.trained.test)
    assert result.notes == (
        f"{left} samples of training patients were left out, of {len(ready.cohort)} in all",
    )
    assert not result.tables
    assert result.folder is None
    # Yes / no questions need no censoring weights: the figures are those of the training.
    of_training = ready.trained.figures[ready.trained.figures["metric"] == "auroc"]
    again = result.figures[result.figures["metric"] == "auroc"]
    ever = [table[table["horizon_days"].isna()]["value"].to_numpy() for table in (of_training, again)]
    np.testing.assert_allclose(*ever)


def test_the_folder_has_tables_figures_and_what_they_rest_on(ready: Ready, written: EvaluateResult) -> None:
    folder = written.folder
    assert folder is not None
    names = {path.name for path in folder.iterdir()}
    tables = {"figures.tsv", "subgroups.tsv", "decisions.tsv", "versus.tsv"}
    assert tables | {"calibration.png", "decisions.png", "auroc.png", "captions.md", MANIFEST} <= names
    assert "subgroups_site.bone.png" in names
    manifest = json.loads((folder / MANIFEST).read_text())
    bundle = load_bundle(Path(ready.bundle))
    assert manifest["bundle_sha256"] == bundle.sha256
    assert manifest["cohort_sha256"] == ready.cohort.content_sha256()
    assert manifest["command"].startswith(f"metarisk evaluate {ready.bundle}")
    assert manifest["samples"] == f"{written.samples} of {written.samples} patients"
    assert manifest["notes"] == list(written.notes)
    for name in tables:
        head = [line for line in (folder / name).read_text().splitlines() if line.startswith("# ")]
        assert head == [f"# {key}: {value}" for key, value in manifest.items() if key != "notes"]


def test_no_file_says_anything_of_a_single_patient(ready: Ready, written: EvaluateResult) -> None:
    assert written.folder is not None
    ids = [*ready.cohort.sample_ids[:5], *ready.cohort.patient_ids[:5], *ready.trained.test.sample_ids]
    for file in written.folder.iterdir():
        content = file.read_bytes()
        assert not any(name.encode() in content for name in ids), file.name
    for name, table in {**written.tables, "figures": written.figures}.items():
        assert len(read(written.folder, name)) == len(table)
        assert len(table.dropna(axis=1, how="all").columns) > 5


def test_figures_have_calibration_and_precision_subgroups_and_decisions_their_rows(
    written: EvaluateResult,
) -> None:
    figures, subgroups, decisions = (
        read(written.folder, name) for name in ("figures", "subgroups", "decisions")
    )
    assert {"auroc", "average_precision", "brier", "calibration_slope", "calibration_in_the_large"} <= set(
        figures["metric"]
    )
    assert {"sex", "age_band", "cancer_type", "panel"} <= set(subgroups["column"])
    assert {"each", "macro", "micro"} == set(decisions["over"])
    assert any("race" in note for note in written.notes)


def test_pictures_can_be_read(written: EvaluateResult) -> None:
    assert written.folder is not None
    for file in written.folder.glob("*.png"):
        pixels = matplotlib.image.imread(file)
        assert min(pixels.shape[:2]) > 200, file.name
        assert pixels[..., :3].std() > 0.02, file.name
        assert f"## {file.name}\n" in (written.folder / "captions.md").read_text()


def test_another_model_stands_beside_it_with_a_paired_test(ready: Ready, written: EvaluateResult) -> None:
    name = f"second {load_bundle(Path(ready.other)).version}"
    versus = written.tables["versus"]
    assert set(versus["versus"]) == {name}
    assert {"delong", "bootstrap"} == set(versus["test"])
    assert {OURS, name, f"{OURS} - {name}"} <= set(written.figures["model"])
    assert name in set(written.tables["subgroups"]["model"])


def test_the_page_has_the_difference_and_the_words_of_the_run(ready: Ready, written: EvaluateResult) -> None:
    assert written.page is not None
    page = written.page.read_text(encoding="utf-8")
    assert 'id="versus"' in page
    assert f"{written.samples:,} samples of {written.samples:,} patients" in page
    tripod = read(written.folder, "tripod").set_index("item")
    auroc = written.figures.query("metric == 'auroc' and stratum == 'all' and model == @OURS")
    assert f"{auroc['value'].iloc[0]:.3f} [" in tripod.loc["23a", "said"]
    tree = json.loads((written.page.parent / "report.json").read_text(encoding="utf-8"))
    assert len(tree["tables"]["versus"]) == len(written.tables["versus"])


def test_samples_of_either_models_training_are_left_out(ready: Ready, tmp_path: Path) -> None:
    """Half of the judged patients are now known to the other model."""
    other = load_bundle(Path(ready.other))
    known = ready.trained.test.patient_ids[::2]
    ids = type(other.training_ids).of(known, "more")
    save_bundle(replace(other, training_ids=ids), tmp_path / "other")
    result = evaluate(ready.bundle, ready.study, beside=Beside(model=str(tmp_path / "other")))
    assert result.samples == len(ready.trained.test) - len(known)


def test_equal_evaluations_are_equal_to_the_byte_also_in_the_place_of_an_earlier_one(
    ready: Ready, written: EvaluateResult, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / MANIFEST).write_text("{}")
    output = Output(tmp_path / "old", overwrite=True)
    again = evaluate(ready.bundle, ready.study, output=output, beside=Beside(model=ready.other))
    assert written.folder is not None
    assert again.folder == tmp_path / "old"
    assert len(json.loads((again.folder / MANIFEST).read_text())) > 5
    for file in written.folder.iterdir():
        assert (again.folder / file.name).read_bytes() == file.read_bytes(), file.name


def scores_of(cohort: Cohort) -> Mapping[str, Answers]:
    """A whole score, and one that two thirds of the samples lack."""
    tmb = cohort.clinical["tmb_per_mb"].to_numpy(np.float64)
    patchy = np.where(np.arange(len(tmb)) % 3, np.nan, tmb)
    return {"tmb": {BONE: tmb / (tmb.max() + 1)}, "patchy": {BONE: patchy}}


def test_further_scores_are_judged_beside_it_and_patchy_ones_on_the_samples_that_have_them(
    ready: Ready, tmp_path: Path
) -> None:
    result = evaluate(
        ready.bundle, ready.study, output=Output(tmp_path / "out"), beside=Beside(scores=scores_of)
    )
    assert {OURS, "tmb"} == set(result.tables["decisions"]["model"])
    pooled = result.tables["versus"].query("metric == 'auroc' and stratum == 'all'").set_index("versus")
    assert pooled.loc["patchy", "n"] < pooled.loc["tmb", "n"] / 2


def test_a_score_of_other_questions_is_refused(ready: Ready) -> None:
    def strange(cohort: Cohort) -> Mapping[str, Answers]:
        return {"age": {Question("site.skin", EVER): np.full(len(cohort), 0.5)}}

    with pytest.raises(InputError, match=r"age answers no question of metarisk; expected answers to some of"):
        evaluate(ready.bundle, ready.study, beside=Beside(scores=strange))


def test_a_taken_folder_is_refused_before_anything_is_read(
    ready: Ready, written: EvaluateResult, tmp_path: Path
) -> None:
    assert written.folder is not None
    with pytest.raises(
        OutputError, match=r"out exists\. Choose another folder, or allow it with --overwrite"
    ):
        evaluate("no such bundle", ready.study, output=Output(written.folder))
    training = tmp_path / "run"
    training.mkdir()
    (training / "figures.tsv").write_text("of a training")
    with pytest.raises(OutputError, match=r"run exists and has no evaluation\.json"):
        evaluate(ready.bundle, ready.study, output=Output(training, overwrite=True))
    assert (training / "figures.tsv").read_text() == "of a training"


def test_training_patients_alone_and_unknown_outcomes_are_refused(ready: Ready, tmp_path: Path) -> None:
    seen = load_bundle(Path(ready.bundle)).training_ids.contains(ready.cohort.patient_ids)
    write_cohort(ready.cohort.take(seen), tmp_path / "seen")
    with pytest.raises(InputError, match=rf"all {seen.sum()} samples of simulated-0 are of patients"):
        evaluate(ready.bundle, tmp_path / "seen", output=Output(tmp_path / "out"))
    unknown = replace(ready.cohort, endpoints=ready.cohort.endpoints * np.nan)
    write_cohort(unknown, tmp_path / "unknown")
    with pytest.raises(InputError, match=r"simulated-0 knows the answer to no question of metarisk"):
        evaluate(ready.bundle, tmp_path / "unknown", output=Output(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_registered_model_is_judged_by_its_name(
    ready: Ready, store_in: Callable[[Path], str], tmp_path: Path
) -> None:
    from metarisk.jobs.publish import publish

    uri = store_in(tmp_path)
    publish(Path(ready.bundle), uri=uri)
    result = evaluate(
        "models:/metarisk@champion", ready.study, output=Output(tmp_path / "out"), tracking_uri=uri
    )
    assert "# model: metarisk 1 (small)" in (tmp_path / "out" / "subgroups.tsv").read_text().splitlines()
    assert result.samples == len(ready.trained.test)


def test_the_command_prints_and_writes_and_says_who_was_left_out(
    ready: Ready, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", ready.bundle, str(ready.study)]
    assert run(words) == 0
    alone = capsys.readouterr().out
    assert "AUROC (higher is better)" in alone
    assert "samples of training patients were left out" in alone
    assert run([*words, "--out", str(tmp_path / "out"), "--versus", ready.other]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "p (Holm)" in told
    assert f"tables {tmp_path / 'out'}" in told
    assert run([*words, "--out", str(tmp_path / "out")]) == 2
    assert "out exists" in capsys.readouterr().err
