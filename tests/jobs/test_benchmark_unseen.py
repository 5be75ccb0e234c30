from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from metarisk.jobs.benchmark_unseen import TABLE, UnseenResult, benchmark_unseen
from metarisk.pathways.artefact import save_topology
from metarisk.pathways.topology import Topology

SETTINGS: dict[str, Any] = {
    "name": "small",
    "simulation": {"samples": 240},
    "topology": {"source": "topology"},
    "features": {"assays": ["copy_number"], "direct_genes": 10, "numeric": [], "categorical": []},
    "tasks": {"sites": ["bone"], "binary": [], "timed": ["metastasis"], "min_events": 3},
    "network": {"width": 2, "readout": 1, "direct_hidden": 0},
    "training": {"folds": 2, "epochs": 1, "batch_size": 64},
    "evaluation": {"bootstrap": 50, "controls": []},
    "benchmark": {
        "split": {"folds": 2},
        "graph": {"beside": {"shuffled_members": {"source": "topology", "control": "shuffled_members"}}},
        "unseen": {"hidden": [0.4, 0.7], "seeds": 2, "models": ["rewired", "linear"]},
    },
}
MODELS = {"metarisk", "rewired", "linear", "shuffled_members"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, small_topology: Topology) -> Path:
    folder = tmp_path_factory.mktemp("unseen")
    save_topology(small_topology, folder / "topology")
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def result(config: Path) -> UnseenResult:
    return benchmark_unseen(config, out=config.parent / "out")


def test_each_share_seed_and_model_is_fitted_once_on_each_fold(result: UnseenResult) -> None:
    assert len(result.parts) == 2 * 2 * 2 * len(MODELS)
    assert len({part.file for part in result.parts}) == len(result.parts)


def test_the_table_has_each_model_asked_in_three_ways_and_compared_with_the_real_topology(
    config: Path, result: UnseenResult
) -> None:
    table = pd.read_csv(config.parent / "out" / TABLE, sep="\t", comment="#")
    assert set(table["model"]) == MODELS
    assert set(table["scored_on"]) == {"unseen", "learned", "both"}
    assert set(table["hidden"]) == {0.4, 0.7}
    key = ["hidden", "scored_on", "endpoint", "horizon_days", "stratum"]
    ours = table["model"] == "metarisk"
    both = table[~ours].merge(table[ours], on=key, suffixes=("", "_real"))
    assert len(both) == (~ours).sum()
    np.testing.assert_allclose(both["difference"], both["auroc_real"] - both["auroc"], atol=2e-4)
    assert set(result.verdicts["hidden"]) == {"0.4", "0.7"}


def test_the_gain_is_of_all_genes_over_those_that_were_learned_from(result: UnseenResult) -> None:
    key = ["hidden", "model", "endpoint", "horizon_days", "stratum"]
    of = {way: result.figures[result.figures["scored_on"] == way] for way in ("learned", "both")}
    pairs = of["both"].merge(of["learned"], on=key, suffixes=("", "_learned"))
    assert len(pairs) == len(of["both"])
    np.testing.assert_allclose(pairs["gain"], pairs["auroc"] - pairs["auroc_learned"], atol=1e-12)
    assert of["learned"]["gain"].isna().all()
    linear = pairs[pairs["model"] == "linear"]
    np.testing.assert_allclose(linear[["gain", "gain_lower", "gain_upper"]], 0.0, atol=1e-9)


def test_a_model_that_cannot_read_an_unseen_gene_is_at_chance(result: UnseenResult) -> None:
    figures = result.figures
    linear = figures[(figures["model"] == "linear") & (figures["scored_on"] == "unseen")]
    assert len(linear)
    np.testing.assert_allclose(linear[["auroc", "lower", "upper"]], 0.5, atol=1e-9)


def test_a_second_run_fits_nothing(config: Path, result: UnseenResult) -> None:
    again = benchmark_unseen(config, out=config.parent / "out")
    assert all(part.kept for part in again.parts)
    pd.testing.assert_frame_equal(again.figures, result.figures)
