"""Versions in a real registry: listed, shown, compared, promoted against the champion, taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from metarisk.cli import run
from metarisk.config.evaluation import EvaluationSection
from metarisk.config.experiment import Experiment, SimulationSection, TaskSection
from metarisk.config.gates import ChampionMargin, GateSection
from metarisk.config.network import NetworkSection
from metarisk.config.training import TrainingSection
from metarisk.data import write_cohort
from metarisk.errors import BundleError, GateRefusedError, RegistryError
from metarisk.jobs.champion import Cohort, Registry
from metarisk.jobs.gates import Verdict
from metarisk.jobs.models import compare_models, list_models, promote_model, roll_back_model, show_model
from metarisk.jobs.publish import Publication, publish, verdicts_of
from metarisk.models.bundle import ModelBundle, save_bundle
from metarisk.models.scoring import score_cohort
from metarisk.pathways.curated import curated_topology
from metarisk.simulate import simulate
from metarisk.tracking.registry import resolve
from metarisk.tracking.versions import find_version
from metarisk.train.run import train_model

GATES = GateSection(min_auroc={"site.bone": 0.01})
AGAINST = GateSection(better_than_champion=ChampionMargin(margin=-0.05, by="value"))


class Rivals(NamedTuple):
    """A model, the same with its ranks reversed, and a cohort with its training patients among others.

    Whether a site was reached follows the good model's answers there, with one in five turned, so that it is
    the better one beyond chance.
    """

    good: ModelBundle
    bad: ModelBundle
    cohort: Path


@pytest.fixture(scope="module")
def rivals(tmp_path_factory: pytest.TempPathFactory) -> Rivals:
    experiment = Experiment(
        name="rivals",
        simulation=SimulationSection(samples=400),
        tasks=TaskSection(sites=("bone", "liver"), binary=(), timed=(), min_events=5),
        network=NetworkSection(width=4, direct_hidden=0),
        training=TrainingSection(folds=2, epochs=2),
        evaluation=EvaluationSection(test_fraction=0.5, bootstrap=100, controls=()),
    )
    topology = curated_topology()
    assert experiment.simulation is not None
    cohort = simulate(experiment.simulation, topology, experiment.tasks, 0).cohort
    good = train_model(experiment, cohort, topology, lambda model, epoch: None).bundle
    turned = replace(good.calibration, slope=-good.calibration.slope)
    other = experiment.model_copy(update={"seed": 7, "description": "turned"})
    fresh = tmp_path_factory.mktemp("cohort") / "stored"
    write_cohort(replace(cohort, endpoints=_as_told(good, cohort)), fresh)
    return Rivals(good, replace(good, calibration=turned, experiment=other), fresh)


def _as_told(bundle: ModelBundle, cohort: Any) -> pd.DataFrame:
    scores, turned = score_cohort(bundle, cohort), np.random.default_rng(0).random((len(cohort), 2)) < 0.2
    endpoints = cohort.endpoints.copy()
    for place, site in enumerate(("bone", "liver")):
        answers = scores.loc[scores["target"] == site, "probability"].to_numpy()
        endpoints[f"site.{site}"] = ((answers > np.median(answers)) ^ turned[:, place]).astype(float)
    return endpoints


@pytest.fixture
def uri(store_in: Callable[[Path], str], tmp_path: Path) -> str:
    return store_in(tmp_path)


def put(bundle: ModelBundle, uri: str, gates: GateSection = GATES, **how: Any) -> Publication:
    """Publish a bundle from a folder of its own."""
    folder = Path(uri.removeprefix("sqlite:///")).parent / f"bundle{len(list_names(uri))}"
    save_bundle(replace(bundle, experiment=bundle.experiment.model_copy(update={"gates": gates})), folder)
    return publish(folder, uri=uri, **how)


def list_names(uri: str) -> list[Path]:
    return list(Path(uri.removeprefix("sqlite:///")).parent.glob("bundle*"))


def aliases(uri: str) -> dict[str, str]:
    return {alias: version.version for version in list_models(uri) for alias in version.aliases}


def test_every_version_is_listed_with_its_aliases_gates_and_headline(rivals: Rivals, uri: str) -> None:
    put(rivals.good, uri)
    put(rivals.bad, uri, alias="challenger")
    put(rivals.good, uri, name="another", gates=GateSection())
    listed = list_models(uri)
    assert [(version.name, version.version, version.aliases) for version in listed] == [
        ("another", "1", ("champion",)),
        ("metarisk", "2", ("challenger",)),
        ("metarisk", "1", ("champion",)),
    ]
    assert [version.tags["gates"] for version in listed] == ["none set", "1 of 1 passed", "1 of 1 passed"]
    assert listed[2].tags["headline"].startswith("mean AUROC 0.")
    assert [version.name for version in list_models(uri, "another")] == ["another"]


def test_a_version_is_shown_with_the_verdict_of_every_gate(rivals: Rivals, uri: str) -> None:
    put(rivals.good, uri)
    shown = show_model("champion", "metarisk", uri)
    (verdict,) = shown.verdicts
    assert (verdict.gate, verdict.question, verdict.required, verdict.passed) == (
        *("auroc", "site.bone", "at least 0.01"),
        True,
    )
    assert shown.version.tags["bundle_sha256"] == shown.bundle.sha256
    assert {"auroc", "calibration_error", "brier"} <= set(shown.figures["metric"])
    assert "Research use only" in shown.bundle.card


def test_without_a_champion_the_gate_against_it_passes_and_says_so(rivals: Rivals, uri: str) -> None:
    published = put(rivals.good, uri, gates=AGAINST)
    found = Verdict("better_than_champion", "the model", "no champion to be compared with yet", "none", True)
    assert published.verdicts == (found,)
    assert verdicts_of(find_version(uri, "metarisk", "1").tags) == (found,)


def test_a_model_that_is_worse_than_the_champion_is_refused_and_nothing_is_registered(
    rivals: Rivals, uri: str
) -> None:
    put(rivals.good, uri)
    sentence = (
        r"failed 2 gates: site.bone has AUROC -0\.\d+ \[.*\] against version 1, required at least -0.05; "
        r"site.liver has AUROC -0\.\d+"
    )
    with pytest.raises(GateRefusedError, match=sentence):
        put(rivals.bad, uri, gates=AGAINST, cohort=Cohort(rivals.cohort))
    assert aliases(uri) == {"champion": "1"}
    assert len(list_models(uri)) == 1


def test_a_model_that_is_better_than_the_champion_replaces_it(rivals: Rivals, uri: str) -> None:
    put(rivals.bad, uri)
    gates = GateSection(better_than_champion=ChampionMargin(margin=0.0, cohort=rivals.cohort))
    published = put(rivals.good, uri, gates=gates)
    assert (published.version, published.replaced) == ("2", "1")
    assert [verdict.question for verdict in published.verdicts] == ["site.bone", "site.liver"]
    assert all("against version 1" in verdict.found for verdict in published.verdicts)
    assert aliases(uri) == {"champion": "2", "previous": "1"}


def test_the_gate_against_the_champion_needs_a_cohort(rivals: Rivals, uri: str) -> None:
    put(rivals.good, uri)
    with pytest.raises(GateRefusedError, match="has no cohort to be compared on, required one: pass --judge"):
        put(rivals.good, uri, gates=AGAINST)


def test_a_cohort_of_training_patients_judges_nobody(rivals: Rivals, uri: str, tmp_path: Path) -> None:
    from metarisk.data.store import read_cohort

    cohort = read_cohort(rivals.cohort)
    seen = rivals.good.training_ids.contains(cohort.patient_ids)
    write_cohort(cohort.take(np.asarray(seen)), tmp_path / "seen")
    put(rivals.good, uri)
    with pytest.raises(
        GateRefusedError, match=r"all \d+ samples .* are of patients the model was trained on"
    ):
        put(rivals.good, uri, gates=AGAINST, cohort=Cohort(tmp_path / "seen"))


def test_a_challenger_becomes_champion_and_the_earlier_one_comes_back(rivals: Rivals, uri: str) -> None:
    put(rivals.good, uri)
    put(rivals.bad, uri, alias="challenger")
    registry = Registry("metarisk", uri)
    moved, verdicts = promote_model("challenger", registry)
    assert moved == ("metarisk", "2", "1")
    assert [verdict.passed for verdict in verdicts] == [True]
    assert aliases(uri) == {"champion": "2", "previous": "1"}
    assert find_version(uri, "metarisk", "2").tags["replaced"] == "1"
    assert resolve("models:/metarisk@champion", uri).version == "2"
    assert roll_back_model(registry) == ("metarisk", "1", "2")
    assert aliases(uri) == {"champion": "1"}
    assert "rolled_back" in find_version(uri, "metarisk", "2").tags
    with pytest.raises(RegistryError, match=r"has no previous champion.*metarisk models promote"):
        roll_back_model(registry)


def test_rolling_back_twice_goes_back_twice(rivals: Rivals, uri: str) -> None:
    for _ in range(3):
        put(rivals.good, uri)
    registry = Registry("metarisk", uri)
    assert [roll_back_model(registry).version for _ in range(2)] == ["2", "1"]


def test_a_challenger_that_fails_its_gates_is_not_promoted(rivals: Rivals, uri: str) -> None:
    put(rivals.good, uri)
    put(rivals.bad, uri, alias="challenger")
    with pytest.raises(GateRefusedError, match="against version 1, required"):
        promote_model("challenger", Registry("metarisk", uri), Cohort(rivals.cohort))
    assert aliases(uri) == {"champion": "1", "challenger": "2"}


def test_what_is_champion_already_is_not_promoted(rivals: Rivals, uri: str) -> None:
    put(rivals.good, uri)
    with pytest.raises(RegistryError, match="version 1 of 'metarisk' is its champion already"):
        promote_model("1", Registry("metarisk", uri))


def test_a_previous_champion_that_was_altered_does_not_come_back(rivals: Rivals, uri: str) -> None:
    put(rivals.good, uri)
    put(rivals.bad, uri)
    (resolve("models:/metarisk@previous", uri).folder / "card.md").write_text("# better")
    with pytest.raises(BundleError, match="altered since it was saved"):
        roll_back_model(Registry("metarisk", uri))
    assert aliases(uri) == {"champion": "2", "previous": "1"}


def test_two_versions_are_compared_by_settings_and_figures_and_on_the_same_patients(
    rivals: Rivals, uri: str
) -> None:
    put(rivals.good, uri)
    put(rivals.bad, uri, gates=GateSection(), alias="challenger")
    compared = compare_models("champion", "challenger", Registry("metarisk", uri), Cohort(rivals.cohort))
    assert compared.settings["seed"] == ("0", "7")
    assert compared.settings["gates.min_auroc.site.bone"] == ("0.01", "")
    assert compared.same_patients
    assert (compared.figures["difference"] == 0).all()  # the figures are of before its ranks were reversed
    assert compared.versus is not None
    of_all = compared.versus[(compared.versus["metric"] == "auroc") & (compared.versus["stratum"] == "all")]
    assert (of_all["upper"] < 0).all()
    assert any("samples of training patients were left out" in note for note in compared.notes)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("champoin", "has no alias 'champoin'.*Did you mean 'champion'"),
        ("9", "has no version 9.*Choose one of: 1"),
    ],
)
def test_a_version_that_is_not_there_is_answered_with_the_nearest(
    rivals: Rivals, uri: str, asked: str, sentence: str
) -> None:
    put(rivals.good, uri)
    with pytest.raises(RegistryError, match=sentence):
        show_model(asked, "metarisk", uri)


def test_the_verbs_say_what_they_did(rivals: Rivals, uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    put(rivals.bad, uri)
    put(rivals.good, uri, alias="challenger")
    at = ["--tracking-uri", uri]
    told = {
        "list": said(["models", "list", *at], capsys),
        "show": said(["models", "show", *at], capsys),
        "card": said(["models", "show", "1", "--card", *at], capsys),
        "compare": said(["models", "compare", "1", "2", "--on", str(rivals.cohort), *at], capsys),
        "promote": said(["models", "promote", "--judge", str(rivals.cohort), *at], capsys),
        "rollback": said(["models", "rollback", *at], capsys),
    }
    assert "metarisk 2 challenger 20" in told["list"]
    assert "1 of 1 passed" in told["list"]
    assert "auroc site.bone passed AUROC 0." in told["show"]
    assert "aliases champion" in told["show"]
    assert told["card"].startswith("# metarisk: rivals")
    assert "seed 7 0" in told["compare"]
    assert "site: bone auroc 0." in told["compare"]
    assert "better_than_champion site.liver passed AUROC +0." in told["promote"]
    assert "model models:/metarisk@champion version 2 before 1" in told["promote"]
    assert "model models:/metarisk@champion version 1 before 2" in told["rollback"]


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(words) == 0
    return " ".join(capsys.readouterr().out.split())
