"""Somebody with MLflow, the address of a registry and nothing else of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metarisk.data.rows import rows_of
from metarisk.jobs.model_server import model_server
from metarisk.models.bundle import load_bundle
from metarisk.models.scoring import score_cohort
from metarisk.tracking.registry import publish_bundle
from tests.service.conftest import Service, make_service

CHAMPION = "models:/metarisk@champion"


@dataclass(frozen=True)
class Consumer:
    """A registry with a champion, rows to score, and what they must come to."""

    uri: str
    rows: pd.DataFrame
    expected: pd.DataFrame
    cohort: Any
    bundle: Path
    server: str  # `mlflow models serve` of the champion; the README's line, but for its port
    service: Service  # `metarisk serve`, its server started

    def load(self) -> Any:
        """The champion, loaded by its name."""
        import mlflow

        mlflow.set_tracking_uri(self.uri)
        return mlflow.pyfunc.load_model(CHAMPION)


@pytest.fixture(autouse=True)
def without_pickle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """MLflow refuses to unpickle, and writes nothing into the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)


@pytest.fixture(scope="session")
def consumer(
    tiny_model: Any, store_in: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Consumer]:
    uri = store_in(tmp_path_factory.mktemp("registry"))
    publish_bundle(tiny_model.folder, name="metarisk", alias="champion", uri=uri)
    cohort = tiny_model.new_samples
    expected = score_cohort(load_bundle(tiny_model.folder).as_version("1"), cohort)
    service = make_service(tmp_path_factory.mktemp("service"), CHAMPION, tracking_uri=uri)
    with model_server(CHAMPION, uri, tmp_path_factory.mktemp("server") / "log") as server:
        try:
            service.serve()
            yield Consumer(uri, rows_of(cohort), expected, cohort, tiny_model.folder, server, service)
        finally:
            service.end()
