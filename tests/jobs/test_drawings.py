from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from metarisk.errors import OutputError
from metarisk.jobs.train import train
from metarisk.models.bundle import load_bundle

SETTINGS: dict[str, Any] = {
    "name": "drawn",
    "simulation": {"samples": 150},
    "features": {"direct_genes": 20},
    "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
    "network": {"width": 2, "readout": 2, "direct_hidden": 0},
    "training": {"folds": 2, "epochs": 2},
    "evaluation": {"bootstrap": 50, "controls": ["no_graph"]},
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, store_in: Callable[[Path], str]) -> Any:
    folder = tmp_path_factory.mktemp("job")
    (folder / "out").mkdir()
    store_in(folder / "out")
    (folder / "x.yaml").write_text(yaml.safe_dump(SETTINGS))
    return train(folder / "x.yaml", out=folder / "out")


@pytest.mark.slow
def test_the_run_has_the_figures_the_card_and_where_they_lie_on_disk(done: Any) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=done.tracking_uri)
    told = {item.path for item in client.list_artifacts(done.run_id, "figures")}
    on_disk = {f"figures/{file.name}" for file in done.drawn.iterdir()}
    assert told == on_disk
    assert {"figures/learning_curves.png", "figures/auroc.png", "figures/captions.md"} < told
    assert {f"figures/held_out_site.{site}.png" for site in ("bone", "liver")} < told
    (folder,) = (done.bundle.parent / "mlartifacts" / done.run_id).iterdir()
    assert (folder / "card.md").read_text() == load_bundle(done.bundle).card
    assert done.drawn == done.bundle.parent / "figures"


@pytest.mark.slow
def test_a_training_leaves_a_page_with_its_learning_curves_and_controls(done: Any) -> None:
    from mlflow import MlflowClient

    page = done.page.read_text(encoding="utf-8")
    assert done.page == done.bundle.parent / "report.html"
    assert 'id="learning"' in page
    assert "no graph" in page
    assert load_bundle(done.bundle).sha256 in page
    listed = MlflowClient(tracking_uri=done.tracking_uri).list_artifacts(done.run_id)
    assert "report.html" in {item.path for item in listed}


@pytest.mark.slow
def test_each_epoch_has_its_losses_and_its_seconds(done: Any) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=done.tracking_uri)
    for model in ("metarisk", "no_graph"):
        for name in ("train_loss", "valid_loss", "seconds"):
            curve = client.get_metric_history(done.run_id, f"{model}/member1/{name}")
            assert [point.step for point in curve] == [0, 1]
            assert all(point.value > 0 for point in curve)
    assert sum(point.value for point in curve) < done.wall_s


@pytest.mark.slow
def test_the_run_says_how_much_of_each_answer_came_through_the_graph(done: Any) -> None:
    from mlflow import MlflowClient

    metrics = MlflowClient(tracking_uri=done.tracking_uri).get_run(done.run_id).data.metrics
    shares = {name.split("/")[1]: value for name, value in metrics.items() if "/graph_share/" in name}
    layout = load_bundle(done.bundle).ensemble.plan.layout
    assert {name.partition(".365d")[0] for name in shares} >= set(layout.binary)
    assert all(0.0 < share < 1.0 for share in shares.values())


def test_a_folder_of_other_figures_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(SETTINGS))
    (tmp_path / "out" / "figures").mkdir(parents=True)
    (tmp_path / "out" / "figures" / "mine.png").write_text("kept")
    with pytest.raises(OutputError, match=r"figures exists and has no captions\.md"):
        train(tmp_path / "x.yaml", out=tmp_path / "out", on_progress=_no_work)


def _no_work(what: str, done: int, of: int) -> None:
    raise AssertionError(f"{what} before the refusal")
