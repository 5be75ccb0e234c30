"""The shipped study files on the real cohorts: the counts of their descriptions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metarisk.data import Cohort, inspect_study, read_study
from metarisk.data.study import StudyReading
from metarisk.schema.assays import MUTATION_CHANNELS, Assay

pytestmark = pytest.mark.slow

HOTSPOT = MUTATION_CHANNELS.index("hotspot")
CONFIGS = Path(__file__).parents[2] / "configs" / "studies"


@pytest.fixture(scope="module")
def msk_reading(shared_data: Path) -> StudyReading:
    return inspect_study(CONFIGS / "msk_met.yaml", data_root=shared_data)


@pytest.fixture(scope="module")
def msk_met(msk_reading: StudyReading) -> Cohort:
    assert msk_reading.cohort is not None
    return msk_reading.cohort


@pytest.fixture(scope="module")
def luad(shared_data: Path) -> StudyReading:
    return inspect_study(CONFIGS / "luad_met_organotropism.yaml", data_root=shared_data)


@pytest.fixture(scope="module")
def prostate(shared_data: Path) -> StudyReading:
    return inspect_study(CONFIGS / "prostate_msk_2024.yaml", data_root=shared_data)


@pytest.fixture(scope="module")
def ici(shared_data: Path) -> Cohort:
    return read_study(CONFIGS / "ici_gene_level.yaml", data_root=shared_data)


def hit(cohort: Cohort, gene: str) -> int:
    """Samples with a hotspot mutation in a gene."""
    table = cohort.assays[Assay.MUTATION]
    return int(np.nansum(table.values[:, table.genes.index(gene), HOTSPOT]))


def panels(cohort: Cohort, assay: Assay) -> dict[str, int]:
    names, counts = np.unique(cohort.assays[assay].panels, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def yes(cohort: Cohort, endpoint: str) -> int:
    return int((cohort.endpoints[endpoint] == 1).sum())


def test_msk_met_has_one_name_for_each_primary_site_that_is_spelt_in_two_ways(msk_met):
    sites = msk_met.clinical["primary_site"]
    assert ((sites == "Uterus").sum(), (sites == "Sigmoid Colon").sum()) == (971, 363)
    assert not sites.isin(["uterus", "Sigmoid colon", "Bile duct", "Kidney/Upper tract"]).any()


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


def test_every_msk_sample_says_its_panel_assay_by_assay(msk_met):
    of_mutations = {"IMPACT341": 1_439, "IMPACT410": 5_035, "IMPACT468": 13_991}
    assert panels(msk_met, Assay.MUTATION) == panels(msk_met, Assay.FUSION) == of_mutations
    assert panels(msk_met, Assay.COPY_NUMBER) == {"CNA17": 20_465}


def test_msk_hotspots_are_found_by_position_in_the_declared_build(msk_met):
    assert msk_met.provenance.build == "hg19"
    table = msk_met.assays[Assay.MUTATION]
    called = table.values[..., HOTSPOT]
    np.testing.assert_array_equal(np.isnan(called), ~table.measured)
    assert np.nansum(called) == 19_754
    assert (np.nan_to_num(called).sum(axis=1) > 0).sum() == 13_221
    hits = [hit(msk_met, gene) for gene in ("KRAS", "TP53", "PIK3CA", "TERT", "BRAF")]
    assert hits == [4_163, 4_749, 2_234, 1_836, 915]


def test_two_slips_of_msk_positions_are_told_and_do_not_stop_it(msk_reading):
    nowhere = "past their chromosome's end in hg19 and in hg38"
    slips = [finding for finding in msk_reading.findings if nowhere in finding.message]
    assert [(slip.file, slip.lines) for slip in slips] == [
        ("data_mutations.txt", (138_155,)),
        ("data_sv.txt", (4_474,)),
    ]


def test_lung_hotspots_are_found_by_residue(luad):
    cohort = luad.cohort
    assert cohort.provenance.build == "hg19"
    assert panels(cohort, Assay.MUTATION) == {"LUAD51": 2_130}
    assert np.nansum(cohort.assays[Assay.MUTATION].values[..., HOTSPOT]) == 2_205
    assert [hit(cohort, gene) for gene in ("KRAS", "EGFR", "TP53", "ERBB2")] == [620, 649, 509, 64]


def test_prostate_hotspots_and_copy_number_on_its_panels(prostate):
    cohort = prostate.cohort
    assert cohort.provenance.build == "hg19"
    expected = {"IMPACT341": 111, "IMPACT410": 385, "IMPACT468": 1_167, "IMPACT505": 128}
    for assay in (Assay.MUTATION, Assay.COPY_NUMBER, Assay.FUSION):
        assert panels(cohort, assay) == expected
    assert np.nansum(cohort.assays[Assay.MUTATION].values[..., HOTSPOT]) == 757
    assert [hit(cohort, gene) for gene in ("SPOP", "TP53", "AR")] == [216, 229, 53]
    told = "\n".join(map(str, prostate.findings))
    # 541 rows of copy number; 35 of them are another name of a gene that has a row.
    assert "data_cna.txt: 35 rows are another name of a gene that has a row already" in told
    assert len(cohort.assays[Assay.COPY_NUMBER].genes) == 541 - 35


def test_metastasis_is_prospective(msk_met):
    times, events = (msk_met.endpoints[f"metastasis.{part}"] for part in ("time_days", "event"))
    assert events.value_counts().to_dict() == {0: 2_676, 1: 1_162, 2: 228}
    assert (times[events == 1] > 0).all()
    assert (times.dropna() >= 0).all()


def test_luad_endpoints_hold_for_the_sequenced_primaries(luad):
    cohort = luad.cohort
    assert len(cohort) == 2_130
    assert len(set(cohort.patient_ids)) == 1_848
    sites = ("bone", "brain", "liver", "lung", "adrenal", "lymph_node", "pleura")
    assert [yes(cohort, f"site.{site}") for site in sites] == [172, 124, 69, 160, 62, 187, 86]
    assert cohort.endpoints["site.bone"].notna().sum() == 625
    assert len(cohort.assays[Assay.MUTATION].genes) == 51


def test_prostate_reads_with_and_without_its_study_file(prostate, shared_data):
    declared = prostate.cohort
    unseen = inspect_study(shared_data / "studies" / "prostate_msk_2024")
    assert unseen.cohort is not None
    undescribed = "IMPACT341, IMPACT410, IMPACT468, IMPACT505"
    assert unseen.cohort.provenance.build == "hg19"
    assert f"no panel file describes {undescribed}" in "\n".join(map(str, unseen.findings))
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


def test_patients_are_shared_between_studies_by_id(msk_met, luad):
    assert len(set(luad.cohort.patient_ids) & set(msk_met.patient_ids)) > 100
