from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from metarisk.cli import run
from metarisk.errors import ConfigError
from metarisk.jobs.benchmark_index import FIGURE, NULL, TABLE, benchmark_index
from metarisk.jobs.benchmark_repeat import benchmark_repeat

SETTINGS: dict[str, Any] = {
    "name": "small",
    "seed": 1,
    "simulation": {"samples": 300},
    "topology": {"source": "curated"},
    "tasks": {"sites": [], "binary": ["response"], "timed": []},
    "evaluation": {"bootstrap": 50},
    "benchmark": {
        "split": {"by": "cancer_type"},
        "models": ["gep"],
        "index": {"name": "response", "draws": 19},
    },
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    return path


def test_the_index_stands_beside_permuted_edges_and_scores_and_can_be_repeated(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["benchmark", "index", str(config), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert str(out / NULL) in told
    null = pd.read_csv(out / NULL, sep="\t", comment="#")
    assert set(null["control"]) == {"rewired", "shuffled_signs"}
    assert set(null["draws"]) == {19}
    figures = pd.read_csv(out / TABLE, sep="\t", comment="#")
    assert set(figures["model"]) == {"metarisk", "effectors", "gep"}
    assert (out / FIGURE).read_bytes().startswith(b"\x89PNG")
    rows = benchmark_repeat([out / NULL, out / TABLE], out=tmp_path / "again", configs=tmp_path)
    assert [row.largest for row in rows] == [0.0, 0.0]


def test_an_experiment_without_an_index_is_refused(config: Path, tmp_path: Path) -> None:
    without = {**SETTINGS, "benchmark": {"split": {"by": "cancer_type"}}}
    config.write_text(yaml.safe_dump(without), encoding="utf-8")
    with pytest.raises(ConfigError, match="names no index"):
        benchmark_index(config, out=tmp_path / "out")
