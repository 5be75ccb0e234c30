"""One model and one cohort, asked in five ways: the numbers must be the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from metarisk.data import write_cohort
from metarisk.data.rows import rows_of
from metarisk.models.bundle import load_bundle
from metarisk.models.scoring import score_cohort
from metarisk.score import read_scores
from metarisk.tracking.registry import publish_bundle

NUMBERS = ["probability", "lower", "upper", "graph_share"]
FACTS = [
    *("sample_id", "task", "target", "horizon_days", "conformal_set"),
    *("flags", "topology_sha256", "input_sha256"),
]


@pytest.fixture(scope="module")
def registry(tiny_model: Any, store_in: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    uri: str = store_in(tmp_path_factory.mktemp("registry"))
    publish_bundle(tiny_model.folder, name="tiny", alias="champion", uri=uri)
    return uri


@pytest.fixture(scope="module")
def stored(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort") / "new"
    write_cohort(tiny_model.new_samples, folder)
    return folder


@pytest.fixture(scope="module")
def in_memory(tiny_model: Any) -> pd.DataFrame:
    return score_cohort(tiny_model.bundle, tiny_model.new_samples)


def command_line(model: str, stored: Path, out: Path, *more: str) -> pd.DataFrame:
    """Scores that a process of its own wrote."""
    words = [sys.executable, "-m", "metarisk", "score", model, str(stored), "--out", str(out), *more]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return read_scores(out)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame, *, apart: float = 1e-6) -> None:
    np.testing.assert_allclose(found[NUMBERS], expected[NUMBERS], rtol=0, atol=apart)
    pd.testing.assert_frame_equal(
        found[FACTS].reset_index(drop=True), expected[FACTS], check_dtype=False, check_exact=True
    )


def test_the_reloaded_bundle_answers_as_the_one_in_memory(tiny_model: Any, in_memory: pd.DataFrame) -> None:
    assert_same(score_cohort(load_bundle(tiny_model.folder), tiny_model.new_samples), in_memory)


@pytest.mark.slow
def test_the_command_line_answers_as_the_bundle_in_memory(
    tiny_model: Any, stored: Path, in_memory: pd.DataFrame, tmp_path: Path
) -> None:
    assert_same(command_line(str(tiny_model.folder), stored, tmp_path / "out"), in_memory)


@pytest.mark.slow
def test_the_command_line_answers_with_the_registered_model_too(
    registry: str, stored: Path, in_memory: pd.DataFrame, tmp_path: Path
) -> None:
    found = command_line("models:/tiny@champion", stored, tmp_path / "out", "--tracking-uri", registry)
    assert_same(found, in_memory)
    assert set(found["model_version"]) == {"1"}


@pytest.mark.slow
def test_the_pyfunc_of_the_champion_answers_as_the_bundle_in_memory(
    tiny_model: Any,
    registry: str,
    in_memory: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", registry)
    model = mlflow.pyfunc.load_model("models:/tiny@champion")
    assert_same(model.predict(rows_of(tiny_model.new_samples)), in_memory)


def test_the_order_of_the_samples_does_not_change_their_answers(
    tiny_model: Any, in_memory: pd.DataFrame
) -> None:
    order = np.random.default_rng(0).permutation(len(tiny_model.new_samples))
    shuffled = score_cohort(tiny_model.bundle, tiny_model.new_samples.take(order))
    keys = ["sample_id", "task", "target", "horizon_days"]
    back = shuffled.sort_values(keys, ignore_index=True)
    assert_same(back, in_memory.sort_values(keys, ignore_index=True), apart=0.0)
