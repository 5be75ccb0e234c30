from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from metarisk.cli import run
from metarisk.errors import BundleError, OutputError
from metarisk.jobs.pretrain import pretrain
from metarisk.jobs.train import train
from metarisk.models.bundle import load_bundle
from metarisk.models.pretrained import load_pretrained

SETTINGS: dict[str, Any] = {
    "name": "job",
    "simulation": {"samples": 150},
    "features": {"direct_genes": 20, "assays": ["expression"]},
    "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
    "network": {"width": 2, "readout": 2, "direct_hidden": 0},
    "pretraining": {"epochs": 2},
    "training": {"folds": 2, "epochs": 2},
    "evaluation": {"bootstrap": 50, "controls": ["no_graph"]},
}


@pytest.mark.slow
def test_a_body_is_pretrained_tracked_and_started_from(tmp_path: Path, capsys: Any) -> None:
    from mlflow import MlflowClient

    (tmp_path / "x.yaml").write_text(yaml.safe_dump(SETTINGS))
    done = pretrain(tmp_path / "x.yaml", out=tmp_path / "body")
    body = load_pretrained(done.body)
    tracked = MlflowClient(tracking_uri=done.tracking_uri).get_run(done.run_id)
    assert tracked.info.status == "FINISHED"
    assert tracked.data.tags["pretrained_sha256"] == body.sha256 == done.sha256
    assert tracked.data.tags["topology_sha256"] == body.provenance["topology_sha256"]
    figures = pd.read_csv(tmp_path / "body" / "figures.tsv", sep="\t", comment="#")
    assert figures["value"].tolist() == pytest.approx(done.figures["value"].tolist(), abs=1e-4)
    assert [row["value"] for row in body.figures] == done.figures["value"].tolist()

    tuned = {**SETTINGS, "network": {**SETTINGS["network"], "adapter_rank": 1}}
    tuned["training"] = {**SETTINGS["training"], "pretrained": "body/pretrained", "finetune": "adapters"}
    (tmp_path / "y.yaml").write_text(yaml.safe_dump(tuned))
    trained = train(tmp_path / "y.yaml", out=tmp_path / "tuned")
    bundle = load_bundle(trained.bundle)
    assert bundle.provenance["pretrained_sha256"] == body.sha256
    assert bundle.provenance["finetune"] == "adapters"
    assert str(tmp_path) not in bundle.experiment.model_dump_json()
    assert "genes begin with weights pretrained on simulated-0" in bundle.card
    learned = bundle.ensemble.networks[0].state_dict()
    assert (learned["graph.genes.identity"] == body.weights["identity"]).all()
    assert {"metarisk", "no_graph"} <= set(trained.figures["model"])

    assert run(["pretrain", str(tmp_path / "x.yaml"), "--out", str(tmp_path / "body")]) == 2
    assert "exists" in capsys.readouterr().err


def test_a_taken_folder_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(SETTINGS))
    (tmp_path / "out" / "pretrained").mkdir(parents=True)
    (tmp_path / "out" / "pretrained" / "mine.txt").write_text("kept")
    with pytest.raises(OutputError, match=r"pretrained exists\. Choose another"):
        pretrain(tmp_path / "x.yaml", out=tmp_path / "out", on_progress=_no_work)


def test_a_body_that_is_not_there_is_refused_before_the_work(tmp_path: Path) -> None:
    settings = {**SETTINGS, "training": {**SETTINGS["training"], "pretrained": "nowhere"}}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(BundleError, match=r"pretrained\.json cannot be read.*Check training\.pretrained"):
        train(tmp_path / "x.yaml", out=tmp_path / "out", on_progress=_no_work)


def _no_work(what: str, done: int, of: int) -> None:
    raise AssertionError(f"{what} before the refusal")
