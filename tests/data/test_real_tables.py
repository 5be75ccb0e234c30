"""The shipped study files of plain tables on the real cohorts: counts, and values against the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metarisk.data import Cohort, inspect_study, read_study
from metarisk.schema.assays import Assay

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[2] / "configs" / "studies"


def read(name: str, shared_data: Path) -> Cohort:
    return read_study(CONFIGS / f"{name}.yaml", data_root=shared_data)


def counts(cohort: Cohort, endpoint: str) -> dict[float, int]:
    return {float(value): int(count) for value, count in cohort.endpoints[endpoint].value_counts().items()}


@pytest.fixture(scope="module")
def tcga(shared_data: Path) -> Cohort:
    return read("tcga", shared_data)


@pytest.fixture(scope="module")
def metmap(shared_data: Path) -> Cohort:
    return read("metmap", shared_data)


def test_tcga_has_its_patients_and_an_assay_only_where_it_was_done(tcga):
    assert len(tcga) == len(set(tcga.patient_ids)) == 8_889
    done = {str(assay): int((table.units != "").sum()) for assay, table in tcga.assays.items()}
    assert done == {
        "expression": 4_459,
        "copy_number": 5_792,
        "microrna": 5_205,
        "protein": 3_496,
        "mutation": 5_124,
    }
    for table in tcga.assays.values():
        np.testing.assert_array_equal(table.measured.any(axis=1), table.units != "")


def test_tcga_expression_is_in_one_unit_a_cohort(tcga, shared_data):
    units = tcga.assays[Assay.EXPRESSION].units
    cohort = tcga.clinical["cancer_type"].to_numpy()
    by_cohort = pd.Series(units[units != ""]).groupby(cohort[units != ""]).unique().map(list).to_dict()
    assert by_cohort["BLCA"] == by_cohort["UCEC"] == ["log2_tpm"]
    assert by_cohort["UM"] == by_cohort["ACC"] == ["log2_rsem"]
    assert by_cohort["BRCA"] == by_cohort["CCRCC"] == ["z_score"]
    assert {len(found) for found in by_cohort.values()} == {1}


def test_tcga_copy_number_is_the_file_over_twenty(tcga, shared_data):
    table = tcga.assays[Assay.COPY_NUMBER]
    file = pd.read_parquet(shared_data / "tcga" / "copy_number_log2x20_LUAD.parquet").set_index("feature")
    rows = np.flatnonzero(np.isin(table.sample_ids, file.columns))
    values = table.values[rows][:, [table.genes.index("EGFR"), table.genes.index("CDKN2A")], 0]
    expected = file.loc[["EGFR", "CDKN2A"], table.sample_ids[rows]].T.to_numpy() / 20
    np.testing.assert_allclose(values, expected, atol=1e-6)


@pytest.mark.parametrize("gene", ["TP53", "KRAS", "PIK3CA", "CDH1"])
def test_tcga_mutations_are_those_of_the_list(tcga, shared_data, gene):
    table = tcga.assays[Assay.MUTATION]
    listed = pd.read_parquet(shared_data / "tcga" / "mutations_long.parquet")
    known = listed[listed["patient_id"].isin(tcga.patient_ids)]
    altered = known.loc[
        known["gene"].eq(gene) & ~known["vclass"].isin(["", "Targeted_Region"]), "patient_id"
    ].nunique()
    seen = (table.values[:, table.genes.index(gene), :3] == 1).any(axis=1)
    assert seen.sum() == altered
    assert (table.values[table.units != ""][:, table.genes.index(gene), 0] >= 0).all()


def test_tcga_metastasis_is_prospective_with_death_competing(tcga):
    assert counts(tcga, "metastasis.event") == {0: 4_849, 1: 623, 2: 721}
    assert counts(tcga, "os.event")[1] == 2_840
    # 3,163 in the file; a few are dated after the end of follow-up and left unknown.
    assert 3_150 < counts(tcga, "pfs.event")[1] <= 3_163
    assert (tcga.endpoints["metastasis.time_days"].dropna() >= 0).all()
    organs = {
        site: counts(tcga, f"site.{site}")[1] for site in ("bone", "brain", "liver", "lung", "lymph_node")
    }
    assert organs == {"bone": 96, "brain": 42, "liver": 114, "lung": 198, "lymph_node": 50}


def test_five_assays_in_one_table_with_the_clinic_in_its_rows(shared_data):
    cohort = read("tcga_paad_five_assays", shared_data)
    assert len(cohort) == 64
    genes = {str(assay): len(table.genes) for assay, table in cohort.assays.items()}
    assert genes == {
        "expression": 1_931,
        "copy_number": 1_865,
        "methylation": 2_000,
        "mutation": 1_993,
        "protein": 136,
    }
    assert all(name.startswith("cg") for name in cohort.assays[Assay.METHYLATION].genes)
    assert set(np.unique(cohort.assays[Assay.MUTATION].values[..., 1])) == {0, 1}
    assert counts(cohort, "os.event") == {0: 25, 1: 39}
    whole = pd.read_parquet(shared_data / "tcga" / "clinical.parquet").set_index("patient_id")
    theirs = whole.loc[cohort.sample_ids]
    assert cohort.clinical["sex"].str.upper().tolist() == theirs["gender"].tolist()
    np.testing.assert_allclose(cohort.endpoints["os.time_days"], theirs["OS.time"], atol=31)


def test_metmap_unites_lines_with_assays_and_lines_with_a_potential(metmap, shared_data):
    potential = pd.read_csv(shared_data / "metmap" / "metastatic_potential_log10.csv")
    measured = metmap.sample_ids[metmap.assays[Assay.EXPRESSION].units != ""]
    assert len(metmap) == 580 + 487 - 292
    assert len(measured) == 580
    assert len(set(measured) & set(potential["dep"])) == 292
    assert (metmap.clinical["sample_type"] == "Cell line").all()
    yes = {site: counts(metmap, f"site.{site}") for site in ("bone", "brain", "kidney", "liver", "lung")}
    assert {site: count[1] for site, count in yes.items()} == {
        "bone": 105, "brain": 115, "kidney": 150, "liver": 120, "lung": 136,
    }  # fmt: skip
    assert {site: count[0] for site, count in yes.items()} == {
        "bone": 46, "brain": 60, "kidney": 34, "liver": 50, "lung": 31,
    }  # fmt: skip


def test_metmap_copy_number_is_a_log2_ratio_of_its_entrez_genes(metmap, shared_data):
    table = metmap.assays[Assay.COPY_NUMBER]
    file = pd.read_parquet(shared_data / "metmap" / "copy_number.parquet")
    rows = np.flatnonzero(table.units != "")
    column = table.genes.index("ERBB2")
    ratio = np.exp2(file.loc[table.sample_ids[rows], "2064"].to_numpy()) - 1
    np.testing.assert_allclose(table.values[rows, column, 0], np.maximum(np.log2(ratio), -6), atol=1e-3)
    assert abs(np.median(table.values[rows])) < 0.1


def test_signature_cohorts_have_their_response_and_therapy(shared_data):
    cohort = read("ici_signatures16", shared_data)
    assert len(cohort) == 897
    assert counts(cohort, "response") == {0: 617, 1: 280}
    assert counts(cohort, "os.event") == {0: 283, 1: 390}
    table = cohort.assays[Assay.SIGNATURE]
    assert table.values.shape == (897, 132, 1)
    assert table.measured.all()
    burden = cohort.clinical["tmb_per_mb"]  # 234 told per megabase, the others counted over an exome
    assert burden.notna().sum() == 489
    assert 5 < burden.median() < 10
    assert set(cohort.clinical["sex"].dropna()) == {"Male", "Female"}
    assert cohort.clinical["therapy_class"].value_counts()["PDL1"] == 487


def test_loris_blanks_what_was_filled_in_and_reads_days_as_days(shared_data):
    reading = inspect_study(CONFIGS / "loris.yaml", data_root=shared_data)
    cohort = reading.cohort
    assert cohort is not None
    assert len(cohort) == 3_023 - 841
    assert "841 of 3023 samples were left out by `keep` (cohort)" in "\n".join(map(str, reading.findings))
    of = pd.Series([sample.split(":")[0] for sample in cohort.sample_ids], index=cohort.clinical.index)
    assert of.nunique() == 7
    filled_in = of.isin(["Ravi_NSCLC", "Kato_panCancer"])
    assert cohort.clinical.loc[filled_in, ["albumin_g_per_dl", "nlr"]].isna().all(axis=None)
    assert cohort.clinical.loc[~filled_in, ["albumin_g_per_dl", "nlr"]].notna().mean().min() > 0.99
    assert counts(cohort, "response") == {0: 1_534, 1: 648}
    longest = cohort.endpoints["os.time_days"].groupby(of).max()
    assert longest.between(365, 3_000).all()
    assert cohort.clinical["pdl1_percent"].notna().sum() == 748
    # Women only, or nearly so, have these cancers: the code of sex is read the right way round.
    female = cohort.clinical["sex"].eq("Female").groupby(cohort.clinical["cancer_type"]).mean()
    assert female["Ovarian"] == female["Endometrial"] == 1
    assert cohort.clinical["msi_status"].value_counts()["Instable"] == 50


def test_vdx_probes_become_genes(shared_data):
    cohort = read("breast_vdx", shared_data)
    assert len(cohort) == 150
    assert counts(cohort, "metastasis.event") == {0: 103, 1: 47}
    table = cohort.assays[Assay.EXPRESSION]
    annotation = pd.read_parquet(shared_data / "breast_dmfs" / "vdxs_annot.parquet")
    probes = annotation.loc[annotation["NCBI.gene.symbol"].eq("GREB1"), "probe"]
    file = pd.read_parquet(shared_data / "breast_dmfs" / "vdxs_expr.parquet")
    assert len(probes) == 3
    expected = file.loc[probes, cohort.sample_ids].mean()
    np.testing.assert_allclose(table.values[:, table.genes.index("GREB1"), 0], expected, rtol=1e-5)


def test_biospear_reads_its_clinic_from_its_rows(shared_data):
    cohort = read("breast_biospear", shared_data)
    assert len(cohort) == 614
    assert counts(cohort, "metastasis.event") == {0: 480, 1: 134}
    assert cohort.endpoints["metastasis.time_days"].max() == pytest.approx(7.439 * 365.25)
    assert len(cohort.assays[Assay.EXPRESSION].genes) == 260
    assert not {"time", "status", "treat"} & set(cohort.assays[Assay.EXPRESSION].genes)


def test_liquid_biopsies_are_dated(shared_data):
    cohort = read("liquid", shared_data)
    assert len(cohort) == 94
    assert counts(cohort, "response") == {0: 78, 1: 16}
    assert cohort.clinical["ctdna_mtm_per_ml"].notna().all()
    assert cohort.clinical["extra.log_tmb"].notna().all()
    visits = pd.read_csv(shared_data / "liquid" / "ctDNA.csv")
    assert len(visits) == 270
    assert len(cohort.dated) == visits["size_change"].notna().sum() == 262
    assert cohort.dated["time_days"].max() == pytest.approx(visits["time"].max() * 7)
