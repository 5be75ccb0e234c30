"""A bundle published, resolved and asked through MLflow, in a real registry."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from metarisk.data.rows import rows_of
from metarisk.errors import BundleError, RegistryError
from metarisk.models.bundle import load_bundle, save_bundle
from metarisk.models.scoring import score_cohort
from metarisk.schema.assays import Assay
from metarisk.schema.scores import COLUMNS
from metarisk.tracking.registry import publish_bundle, resolve
from metarisk.tracking.signature import signature_of
from metarisk.tracking.store import default_uri

CHAMPION = "models:/metarisk@champion"


def client_of(uri: str) -> MlflowClient:
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.fixture
def consumer(registered: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Somebody with MLflow, the address of the registry and nothing else; what they load."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", registered.uri)
    return mlflow.pyfunc.load_model(CHAMPION)


def test_the_registered_model_scores_like_the_bundle(consumer: Any, tiny: Any) -> None:
    scores = consumer.predict(rows_of(tiny.cohort))
    expected = score_cohort(load_bundle(tiny.folder), tiny.cohort)
    assert list(scores.columns) == list(COLUMNS)
    for column in ("probability", "lower", "upper"):
        np.testing.assert_allclose(scores[column], expected[column], atol=1e-6)
    same = [name for name in COLUMNS if name not in {"probability", "lower", "upper", "model_version"}]
    pd.testing.assert_frame_equal(scores[same], expected[same])


def test_every_score_names_the_registered_version(consumer: Any, tiny: Any) -> None:
    scores = consumer.predict(rows_of(tiny.cohort.take(np.arange(2))))
    assert set(scores["model_version"]) == {"1"}
    assert set(scores["bundle_sha256"]) == {tiny.bundle.sha256}


def test_a_sample_with_nothing_but_an_id_is_answered_with_an_abstention(consumer: Any) -> None:
    scores = consumer.predict(pd.DataFrame({"sample_id": ["S1"]}))
    assert scores["probability"].isna().all()
    assert scores["flags"].str.contains("abstained:nothing-measured").all()


def test_a_wrong_row_is_refused_with_our_sentence(consumer: Any) -> None:
    rows = pd.DataFrame([{"sample_id": "S1", "mutation": {"TP53:misense": 1.0}}])
    with pytest.raises(MlflowException, match="'misense' is not one of its channels"):
        consumer.predict(rows)


def test_a_server_answers_json_like_a_table(consumer: Any, tiny: Any) -> None:
    """MLflow's own scoring server, without a socket."""
    from mlflow.pyfunc import scoring_server

    rows = rows_of(tiny.cohort.take(np.arange(3))).drop(columns=["panel", "therapy_class"])
    body = json.dumps({"dataframe_records": json.loads(rows.to_json(orient="records"))})
    answer = scoring_server.invocations(
        body, "application/json", consumer, consumer.metadata.get_input_schema()
    )
    assert answer.status == 200
    scores = pd.DataFrame(json.loads(answer.response)["predictions"])
    expected = consumer.predict(rows)
    np.testing.assert_allclose(scores["probability"].astype(float), expected["probability"], atol=1e-6)


def test_a_server_answers_a_wrong_row_with_the_callers_fault(consumer: Any) -> None:
    from mlflow.pyfunc import scoring_server

    body = json.dumps({"dataframe_records": [{"sample_id": "S1", "age_years": 700.0}]})
    with pytest.raises(MlflowException, match="age_years lies outside") as refusal:
        scoring_server.invocations(body, "application/json", consumer, consumer.metadata.get_input_schema())
    assert refusal.value.get_http_status_code() == 400


def test_no_pickle_is_stored(registered: Any) -> None:
    stored = [
        path for path in Path(registered.uri.removeprefix("sqlite:///")).parent.rglob("*") if path.is_file()
    ]
    assert any(path.name == "weights.safetensors" for path in stored)
    assert not [
        path for path in stored if path.suffix in {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin"}
    ]


def test_the_signature_does_not_grow_with_the_genome(tiny: Any) -> None:
    transform = tiny.bundle.transform
    scale = transform.scales[Assay.MUTATION]
    genome = replace(scale, genes=tuple(f"G{number}" for number in range(20_000)))
    larger = replace(transform, scales={**transform.scales, Assay.MUTATION: genome})
    assert signature_of(larger).to_dict() == signature_of(transform).to_dict()


def test_a_version_carries_the_hashes_of_what_made_it(registered: Any, tiny: Any) -> None:
    version = client_of(registered.uri).get_model_version_by_alias("metarisk", "champion")
    hashes = {key: value for key, value in version.tags.items() if key.endswith("_sha256")}
    assert hashes == {
        "bundle_sha256": tiny.bundle.sha256,
        "topology_sha256": tiny.bundle.topology.sha256,
        "cohort_sha256": tiny.bundle.provenance["cohort_sha256"],
    }
    assert "Research use only" in version.description


def test_alias_version_and_folder_resolve_to_one_bundle(registered: Any, tiny: Any) -> None:
    by_alias, by_number = resolve(CHAMPION, registered.uri), resolve("models:/metarisk/1", registered.uri)
    assert by_alias == by_number
    assert (by_alias.version, by_alias.name) == ("1", "metarisk")
    assert load_bundle(by_alias.folder).sha256 == tiny.bundle.sha256
    assert resolve(str(tiny.folder)).version == tiny.bundle.sha256[:12]


def test_a_folder_resolves_without_mlflow(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert resolve(str(tiny.folder)).folder == tiny.folder
    with pytest.raises(RegistryError, match="MLflow is not installed"):
        resolve(CHAMPION, "sqlite:////nowhere/mlflow.db")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("models:/metarisc@champion", "has no model 'metarisc'.*Did you mean 'metarisk'"),
        ("models:/metarisk@champoin", "has no alias 'champoin'.*Did you mean 'champion'"),
        ("models:/metarisk/7", "has no version 7.*Choose one of: 1"),
        ("models:/metarisk", "names no registered model; expected models:/name@alias"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_the_nearest(
    model: str, sentence: str, registered: Any
) -> None:
    with pytest.raises(RegistryError, match=sentence):
        resolve(model, registered.uri)


def test_asking_a_registry_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="there is no registry at"):
        resolve(CHAMPION, default_uri(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_store_that_mlflow_does_not_know_is_named() -> None:
    with pytest.raises(RegistryError, match="gopher://host refused"):
        resolve(CHAMPION, "gopher://host")


@pytest.fixture
def own_registry(registered: Any, tmp_path: Path) -> str:
    """A copy of the registry's database, to change; the stored models themselves are shared."""
    path = Path(registered.uri.removeprefix("sqlite:///"))
    shutil.copy(path, tmp_path / "mlflow.db")
    return default_uri(tmp_path)


def test_a_second_publication_moves_the_alias_and_links_its_run(
    own_registry: str, tiny: Any, tmp_path: Path
) -> None:
    client = client_of(own_registry)
    run = client.create_run(
        client.create_experiment("again", (tmp_path / "files").as_uri()), run_name="again"
    )
    published = publish_bundle(
        tiny.folder, name="metarisk", alias="champion", uri=own_registry, run_id=run.info.run_id
    )
    assert (published.version, published.alias) == ("2", "champion")
    assert resolve(CHAMPION, own_registry).version == "2"
    assert resolve("models:/metarisk/1", own_registry).version == "1"
    assert client.get_model_version("metarisk", "2").run_id == run.info.run_id


def test_an_unknown_run_is_named_and_nothing_is_registered(own_registry: str, tiny: Any) -> None:
    with pytest.raises(RegistryError, match="no-such-run"):
        publish_bundle(tiny.folder, name="other", alias="x", uri=own_registry, run_id="no-such-run")
    assert [model.name for model in client_of(own_registry).search_registered_models()] == ["metarisk"]


def test_an_altered_bundle_is_not_published(own_registry: str, tiny: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "altered")
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    with pytest.raises(BundleError, match=r"altered since it was saved \(weights.safetensors\)"):
        publish_bundle(folder, name="metarisk", alias="champion", uri=own_registry)
    assert resolve(CHAMPION, own_registry).version == "1"


def test_a_bundle_altered_in_the_registry_is_not_scored_with(
    registered: Any, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = default_uri(tmp_path)
    shutil.copy(Path(registered.uri.removeprefix("sqlite:///")), tmp_path / "mlflow.db")
    version = publish_bundle(_own_experiment(tiny, tmp_path), name="own", alias="champion", uri=uri)
    stored = resolve("models:/own@champion", uri).folder
    (stored / "card.md").write_text("# better")
    with pytest.raises(BundleError, match=r"altered since it was saved \(card.md\)"):
        resolve("models:/own@champion", uri)
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", uri)
    with pytest.raises(BundleError, match=r"altered since it was saved \(card.md\)"):
        mlflow.pyfunc.load_model(f"models:/own/{version.version}")
    shutil.rmtree(stored)
    save_bundle(replace(tiny.bundle, card="# better"), stored)
    with pytest.raises(BundleError, match="the one that was registered"):
        resolve("models:/own@champion", uri)


def _own_experiment(tiny: Any, folder: Path) -> Path:
    """The same model whose artifacts do not lie with the shared registry's."""
    tracking = tiny.bundle.experiment.tracking.model_copy(update={"experiment": "own"})
    experiment = tiny.bundle.experiment.model_copy(update={"tracking": tracking})
    save_bundle(replace(tiny.bundle, experiment=experiment), folder / "own")
    return folder / "own"
