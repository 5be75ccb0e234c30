"""The shipped study files on the real cohorts: the counts of their descriptions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metarisk.data import Cohort, inspect_study, read_study
from metarisk.schema.assays import Assay

CONFIGS = Path(__file__).parents[2] / "configs" / "studies"


@pytest.fixture(scope="module")
def msk_met(shared_data: Path) -> Cohort:
    return read_study(CONFIGS / "msk_met.yaml", data_root=shared_data)


@pytest.fixture(scope="module")
def ici(shared_data: Path) -> Cohort:
    return read_study(CONFIGS / "ici_gene_level.yaml", data_root=shared_data)


def yes(cohort: Cohort, endpoint: str) -> int:
    return int((cohort.endpoints[endpoint] == 1).sum())


def test_msk_met_has_its_patients_assays_and_organs(msk_met):
    assert len(msk_met) == len(set(msk_met.patient_ids)) == 20_465
    assert (msk_met.assays[Assay.COPY_NUMBER].units == "discrete").all()
    assert len(msk_met.assays[Assay.COPY_NUMBER].genes) == 17
    assert len(msk_met.assays[Assay.MUTATION].genes) == 468
    assert msk_met.endpoints["site.bone"].notna().sum() == 20_461
    assert msk_met.endpoints["site.lung"].notna().sum() == 6_092
    assert yes(msk_met, "site.liver") == 7_005
    assert yes(msk_met, "site.nervous_system") == 312
    assert sum(column.startswith("site.") for column in msk_met.endpoints) == 21
    assert yes(msk_met, "metastatic") == 17_132


def test_an_msk_sample_measures_its_panel_and_nothing_else(msk_met):
    measured = msk_met.assays[Assay.MUTATION].measured.sum(axis=1)
    for panel, genes in (("IMPACT341", 341), ("IMPACT410", 410), ("IMPACT468", 468)):
        assert set(measured[(msk_met.clinical["panel"] == panel).to_numpy()]) == {genes}


def test_metastasis_is_prospective(msk_met):
    times, events = (msk_met.endpoints[f"metastasis.{part}"] for part in ("time_days", "event"))
    assert events.value_counts().to_dict() == {0: 2_676, 1: 1_162, 2: 228}
    assert (times[events == 1] > 0).all()
    assert (times.dropna() >= 0).all()


def test_luad_endpoints_hold_for_the_sequenced_primaries(shared_data):
    cohort = read_study(CONFIGS / "luad_met_organotropism.yaml", data_root=shared_data)
    assert len(cohort) == 2_130
    assert len(set(cohort.patient_ids)) == 1_848
    sites = ("bone", "brain", "liver", "lung", "adrenal", "lymph_node", "pleura")
    assert [yes(cohort, f"site.{site}") for site in sites] == [172, 124, 69, 160, 62, 187, 86]
    assert cohort.endpoints["site.bone"].notna().sum() == 625
    assert len(cohort.assays[Assay.MUTATION].genes) == 51


def test_prostate_reads_with_and_without_its_study_file(shared_data):
    declared = read_study(CONFIGS / "prostate_msk_2024.yaml", data_root=shared_data)
    unseen = inspect_study(shared_data / "studies" / "prostate_msk_2024")
    assert unseen.cohort is not None
    panels = "IMPACT341, IMPACT410, IMPACT468, IMPACT505"
    assert f"no panel file describes {panels}" in "\n".join(map(str, unseen.findings))
    assert len(declared) == len(unseen.cohort) == 1_791
    assert len(set(declared.patient_ids)) == 1_788
    measured = unseen.cohort.assays[Assay.MUTATION].measured
    assert set(declared.assays[Assay.MUTATION].measured.sum(axis=1)) == {341, 410, 468, 505}
    assert (measured.sum(axis=1) <= 505).all()
    np.testing.assert_array_equal(declared.endpoints["os.event"], unseen.cohort.endpoints["os.event"])


def test_ici_cohorts_keep_their_units_and_drop_later_samples(ici):
    assert len(ici) == 810 - 84
    units = ici.assays[Assay.EXPRESSION].units
    cohorts = np.array([sample.split(":")[0] for sample in ici.sample_ids])
    counts = dict(zip(*np.unique(cohorts, return_counts=True), strict=True))
    assert counts.pop("imvigor210") == 348
    assert counts.pop("riaz2017") == 56
    assert counts.pop("chen2016") == 32
    assert sorted(counts.values()) == [19, 24, 25, 28, 33, 42, 45, 74]
    assert set(units[cohorts == "imvigor210"]) == {"z_score"}
    assert set(units[cohorts == "riaz2017"]) == {"log2_cpm"}
    assert (units != "").all()
    assert ici.endpoints["response"].notna().sum() == 645
    assert (ici.assays[Assay.MUTATION].units == "calls").sum() == 264


def test_log2_tables_never_go_below_zero_after_their_pseudocount_is_told(ici):
    table = ici.assays[Assay.EXPRESSION]
    rows = np.char.startswith(table.units, "log2_")
    assert np.nanmin(table.values[rows]) >= 0


def test_patients_are_shared_between_studies_by_id(msk_met, shared_data):
    luad = read_study(CONFIGS / "luad_met_organotropism.yaml", data_root=shared_data)
    assert len(set(luad.patient_ids) & set(msk_met.patient_ids)) > 100
