"""Real cohorts whose assays the simulated ones do not have; skipped where the data are absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metarisk.config.experiment import FeatureSection
from metarisk.data.cohort import Cohort
from metarisk.data.study import read_study
from metarisk.features import FeatureTransform
from metarisk.pathways.curated import curated_topology
from metarisk.schema.assays import Assay

pytestmark = pytest.mark.slow

STUDIES = Path(__file__).parents[2] / "configs" / "studies"


def read(name: str, shared_data: Path) -> Cohort:
    return read_study(STUDIES / f"{name}.yaml", data_root=shared_data)


@pytest.mark.parametrize(
    ("study", "assays"),
    [
        ("tcga_paad_five_assays", {"mutation", "copy_number", "expression", "methylation", "protein"}),
        ("ici_signatures16", {"signature"}),
        ("luad_met_organotropism", {"mutation"}),
        ("breast_vdx", {"expression"}),
    ],
)
def test_every_assay_of_a_real_cohort_has_columns_around_zero(
    study: str, assays: set[str], shared_data: Path
) -> None:
    cohort = read(study, shared_data)
    transform = FeatureTransform.fit(cohort, curated_topology(), FeatureSection())
    batch = transform.apply(cohort)
    groups = np.array([column.group for column in transform.columns])
    assert {assay.value for assay in batch.assays} == assays
    for assay in batch.assays:
        own = batch.flat[:, groups == assay]
        assert not np.isnan(own).all(axis=0).any()
        assert abs(np.nanmean(own)) < 0.25
        assert 0.1 < np.nanstd(own) < 1.2
        assert (np.abs(np.nan_to_num(own)) >= 4.0).mean() < 0.01


def test_hotspots_that_recur_in_a_real_cohort_are_columns_of_their_own(shared_data: Path) -> None:
    cohort = read("luad_met_organotropism", shared_data)
    columns = FeatureTransform.fit(cohort, curated_topology(), FeatureSection()).columns
    names = {column.name for column in columns}
    assert {"mutation.hotspot:KRAS", "mutation.hotspot:EGFR"} <= names
    hotspot = cohort.assays[Assay.MUTATION].values[..., 3]
    often = (np.nan_to_num(hotspot).sum(axis=0) >= FeatureSection().min_alterations).sum()
    assert sum(name.startswith("mutation.hotspot:") for name in names) == often
