from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from metarisk.jobs.benchmark_graph import FIGURE, TABLE, GraphResult, benchmark_graph
from metarisk.jobs.compared_parts import Bench, Pair
from metarisk.metrics.within import choose_strata, within_strata
from metarisk.pathways.artefact import save_topology
from metarisk.pathways.controls import rewired
from metarisk.pathways.topology import Topology

SETTINGS: dict[str, Any] = {
    "name": "small",
    "simulation": {"samples": 120},
    "topology": {"source": "topology"},
    "features": {"direct_genes": 10, "numeric": ["age_years", "fga"], "categorical": ["cancer_type"]},
    "tasks": {"sites": ["bone"], "binary": [], "timed": ["metastasis"], "min_events": 3},
    "network": {"width": 2, "readout": 1, "direct_hidden": 0},
    "training": {"folds": 2, "epochs": 1, "batch_size": 64},
    "evaluation": {"bootstrap": 50, "controls": []},
    "benchmark": {
        "split": {"folds": 2},
        "graph": {
            "shares": [0.5, 1.0],
            "seeds": 2,
            "models": ["no_graph", "rewired"],
            "beside": {"other": {"source": "other"}},
        },
    },
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, small_topology: Topology) -> Path:
    folder = tmp_path_factory.mktemp("graph")
    save_topology(small_topology, folder / "topology")
    save_topology(rewired(small_topology, 9), folder / "other")
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def result(config: Path) -> GraphResult:
    return benchmark_graph(config, out=config.parent / "out")


def test_each_share_seed_and_topology_is_fitted_once_on_each_fold(result: GraphResult) -> None:
    assert len(result.parts) == 2 * 2 * 2 * 4
    assert len({part.file for part in result.parts}) == len(result.parts)


def test_the_table_has_each_topology_and_the_real_one_is_compared_with_the_others(
    config: Path, result: GraphResult
) -> None:
    table = pd.read_csv(config.parent / "out" / TABLE, sep="\t", comment="#")
    assert set(table["topology"]) == {"metarisk", "no_graph", "rewired", "other"}
    assert set(table["share"]) == {0.5, 1.0}
    assert (table["seeds"] == 2).all()
    others = table["topology"] != "metarisk"
    assert table.loc[others, "difference"].notna().all()
    assert table.loc[~others, "difference"].isna().all()
    key = ["share", "endpoint", "horizon_days", "stratum"]
    both = table[others].merge(table[~others], on=key, suffixes=("", "_real"))
    assert len(both) == others.sum()
    np.testing.assert_allclose(both["difference"], both["auroc_real"] - both["auroc"], atol=2e-4)
    assert (config.parent / "out" / FIGURE).read_bytes().startswith(b"\x89PNG")
    assert set(result.verdicts["versus"]) == {"metarisk - no_graph", "metarisk - rewired", "metarisk - other"}


def test_a_figure_is_the_mean_of_each_seeds_own(config: Path, result: GraphResult) -> None:
    from metarisk.jobs.compared_parts import read_part
    from metarisk.train.crossvalidate import gathered
    from metarisk.train.figures import EVER, Question

    bench = Bench.open(config, None)
    label = bench.cohort.endpoints["site.bone"].to_numpy()
    known = ~np.isnan(label)
    strata = choose_strata(label[known], bench.split.part_of[known], 2)
    each = []
    for seed in (0, 1):
        parts = [part for part in result.parts if part.pair[1:] == ("no_graph", 0.5, seed, "", 0.0)]
        answers = gathered([read_part(part) for part in parts], bench.cohort.sample_ids)
        score = answers[Question("site.bone", EVER)][known]
        each.append(float(within_strata(score, label[known], strata)(np.ones((1, known.sum())))[0]))
    rows = result.figures
    rows = rows[(rows["share"] == 0.5) & (rows["topology"] == "no_graph") & (rows["endpoint"] == "site.bone")]
    row = rows[rows["stratum"] == "pooled"].iloc[0]
    assert row["auroc"] == pytest.approx(np.mean(each))
    assert row["sd_seeds"] == pytest.approx(np.std(each, ddof=1))


def test_fewer_patients_are_some_of_the_more(config: Path) -> None:
    bench = Bench.open(config, None)
    few, all_of_them = (
        bench.round(Pair(0, "metarisk", share, 0), config.parent).prepared.training_set.cohort
        for share in (0.5, 1.0)
    )
    assert 0.3 < len(few) / len(all_of_them) < 0.7
    assert set(few.patient_ids) < set(all_of_them.patient_ids)
    other = bench.round(Pair(0, "metarisk", 0.5, 1), config.parent).prepared.training_set.cohort
    assert set(other.patient_ids) != set(few.patient_ids)
    again = bench.round(Pair(0, "metarisk", 0.5, 0), config.parent).test
    assert list(again.sample_ids) == list(
        bench.round(Pair(0, "rewired", 0.5, 1), config.parent).test.sample_ids
    )


def test_a_second_run_fits_nothing(config: Path, result: GraphResult) -> None:
    again = benchmark_graph(config, out=config.parent / "out")
    assert all(part.kept for part in again.parts)
    pd.testing.assert_frame_equal(again.figures, result.figures)
