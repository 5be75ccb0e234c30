"""The breast set of scikit-survival, from the installed package to a comparison."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest
import yaml

from metarisk.jobs.benchmark_compare import TABLE, benchmark_compare
from metarisk.jobs.compared_parts import Bench
from metarisk.schema.assays import Assay

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "benchmarks" / "breast_transbig.yaml"
COMMITTED = ROOT / "docs" / "results" / "breast_transbig.tsv"


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    folder = tmp_path_factory.mktemp("root")
    runpy.run_path(str(ROOT / "training" / "breast_transbig.py"))["write_study"](folder, shared_data)
    return folder


def test_the_study_is_the_one_that_the_committed_table_rests_on(data_root: Path) -> None:
    """198 patients, 51 metastases, 64 of 76 probes on 60 genes, no AURKA; to the bit those of the table."""
    bench = Bench.open(CONFIG, data_root)
    cohort = bench.cohort
    assert len(cohort) == 198
    assert cohort.endpoints["metastasis.event"].sum() == 51
    genes = cohort.assays[Assay.EXPRESSION].genes
    assert len(genes) == 60
    assert "AURKA" not in genes
    assert {"ER-negative", "ER-positive"} == set(cohort.clinical["subtype"])
    assert 0 < cohort.clinical["grade"].isna().sum() < 10  # spelt `unkown` in the set
    said = dict(
        line[2:].split(": ", 1) for line in COMMITTED.read_text().splitlines() if line.startswith("# ")
    )
    assert said["cohort_sha256"] == cohort.content_sha256()
    assert said["config_sha256"] == bench.experiment.sha256
    assert said["topology_sha256"] == bench.topology.sha256


def test_signature_and_clinic_tell_more_than_the_clinic_or_the_labels_of_others(
    data_root: Path, tmp_path: Path
) -> None:
    told = yaml.safe_load(CONFIG.read_text())
    told["cohort"]["study"] = str(ROOT / "configs" / "studies" / "breast_transbig.yaml")
    told["training"] |= {"seeds": 1, "folds": 2, "epochs": 25}
    told["evaluation"]["bootstrap"] = 200
    told["benchmark"] |= {"split": {"folds": 3}, "models": ["clinic_only", "permuted_labels"]}
    config = tmp_path / "breast.yaml"
    config.write_text(yaml.safe_dump(told))
    result = benchmark_compare(config, out=tmp_path / "out", data_root=data_root)
    table = pd.read_csv(tmp_path / "out" / TABLE, sep="\t", comment="#")
    rows = table[(table["metric"] == "harrell_c") & (table["stratum"] == "pooled")]
    rows = rows[rows["horizon_days"] == 3650].drop_duplicates("model").set_index("model")
    assert rows.loc["metarisk", "value"] > 0.65
    assert rows.loc["metarisk", "value"] > rows.loc["clinic_only", "value"] + 0.03
    # One permutation of 51 events may lean either way by a tenth: it is compared with, not with chance.
    assert rows.loc["metarisk", "value"] > rows.loc["permuted_labels", "value"] + 0.03
    assert rows.loc["metarisk", "lower"] < rows.loc["metarisk", "value"] < rows.loc["metarisk", "upper"]
    assert set(result.verdicts["versus"]) >= {"metarisk - clinic_only", "metarisk - permuted_labels"}
    assert (result.figures["n"] <= 198).all()
