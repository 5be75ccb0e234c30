"""UCSC Xena matrices and the Genomic Data Commons' files of one sample each, in their true forms."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import yaml

from metarisk.config.study import StudyFile
from metarisk.schema.assays import Assay

PROBE_MAP = (
    "id gene chrom chromStart chromEnd strand",
    "ENSG00000141510.18 TP53 chr17 7661779 7687550 -",
    "ENSG00000133703.14 KRAS chr12 25205246 25250929 -",
    "ENSG00000136997.21 MYC chr8 127735434 127742951 +",
)
XENA = (
    "Ensembl_ID TCGA-AA-0001-01A TCGA-AA-0001-11A TCGA-AA-0002-01B TCGA-AA-0002-01A TCGA-AA-0003-06A",
    "ENSG00000141510.18 3.5 9.9 7.7 4.5 5.5",
    "ENSG00000133703.12 2.25 9.9 7.7 3.25 4.25",
    "ENSG00000000001.1 1 1 1 1 1",
)
PHENOTYPE = (
    "sample age_at_diagnosis gender stage",
    "TCGA-AA-0001-01A 50 male II",
    "TCGA-AA-0001-11A 50 male II",
    "TCGA-AA-0002-01A 60 female III",
    "TCGA-AA-0003-06A 70 male _",
    "TCGA-AA-0004-01A 55 female I",
)
SURVIVAL = (
    "sample OS _PATIENT OS.time",
    "TCGA-AA-0001-01A 1 TCGA-AA-0001 300",
    "TCGA-AA-0001-11A 1 TCGA-AA-0001 300",
    "TCGA-AA-0002-01A 0 TCGA-AA-0002 900",
    "TCGA-AA-0003-06A 1 TCGA-AA-0003 120",
)


@pytest.fixture
def xena(folder):
    folder.put("phenotype.tsv", *(line.replace(" _", " NA") for line in PHENOTYPE))
    (folder.path / "survival.tsv").write_text("".join(line.replace(" ", "\t") + "\n" for line in SURVIVAL))
    text = "".join(line.replace(" ", "\t") + "\n" for line in XENA)
    (folder.path / "tpm.tsv.gz").write_bytes(gzip.compress(text.encode()))
    (folder.path / "gencode.v36.probemap").write_text(
        "".join(line.replace(" ", "\t") + "\n" for line in PROBE_MAP)
    )
    folder.study["clinical_file"] = {
        "file": "phenotype.tsv",
        "sample_column": "sample",
        "barcode": "tcga",
        "further": [{"file": "survival.tsv", "column": "sample", "joins": "sample"}],
    }
    folder.study["clinical"] = {"age_years": "age_at_diagnosis", "sex": "gender", "stage": "stage"}
    follow_up = {"time": "OS.time", "unit": "days", "status": "OS", "event": ["1"], "censored": ["0"]}
    folder.study["endpoints"] = {"os": follow_up}
    names = {"file": "gencode.v36.probemap", "name_column": "id", "gene_column": "gene"}
    folder.assay("tpm.tsv.gz", id_column="Ensembl_ID", names=names, barcode="tcga")
    return folder


def test_a_xena_cohort_reads_to_its_tumours(xena):
    cohort = xena.read()
    assert cohort.sample_ids.tolist() == [f"TCGA-AA-000{n}" + end for n, end in
                                          ((1, "-01"), (2, "-01"), (3, "-06"), (4, "-01"))]  # fmt: skip
    assert cohort.patient_ids.tolist() == [f"TCGA-AA-000{n}" for n in (1, 2, 3, 4)]
    assert cohort.clinical["sample_type"].tolist() == ["Primary", "Primary", "Metastasis", "Primary"]
    np.testing.assert_array_equal(cohort.endpoints["os.time_days"], [300, 900, 120, np.nan])
    table = cohort.assays[Assay.EXPRESSION]
    assert table.genes == ("KRAS", "TP53")
    np.testing.assert_array_equal(table.values[:3, :, 0], [[2.25, 3.5], [3.25, 4.5], [4.25, 5.5]])
    assert np.isnan(table.values[3]).all()


def test_logarithms_of_counts_are_a_unit_of_their_own(xena):
    xena.study["assays"][0]["unit"] = "log2_counts"
    table = xena.read().assays[Assay.EXPRESSION]
    assert table.units.tolist() == ["log2_counts"] * 3 + [""]
    np.testing.assert_array_equal(table.values[0, :, 0], [2.25, 3.5])


def test_a_xena_cohort_tells_what_it_left_out(xena):
    told = xena.told()
    assert "phenotype.tsv: 1 samples are normal tissue, controls or models (TCGA-AA-0001-11A)" in told
    assert "tpm.tsv.gz: 1 samples are normal tissue, controls or models (TCGA-AA-0001-11A)" in told
    assert "tpm.tsv.gz: 1 samples are further portions of one tumour or patient (TCGA-AA-0002-01B)" in told
    nameless = "tpm.tsv.gz: 1 of 3 features have no gene of their own in gencode.v36.probemap"
    assert f"{nameless}, 0 of them several (ENSG00000000001.1)" in told


def test_clinic_by_patient_takes_the_tumour_of_each(xena):
    xena.put("patients.tsv", "case age_at_diagnosis", "TCGA-AA-0001 50", "TCGA-AA-0003 70")
    xena.study["clinical_file"] = {"file": "patients.tsv", "sample_column": "case", "barcode": "tcga"}
    xena.study["clinical"], xena.study["endpoints"] = {"age_years": "age_at_diagnosis"}, {}
    cohort = xena.read()
    assert cohort.sample_ids.tolist() == cohort.patient_ids.tolist() == ["TCGA-AA-0001", "TCGA-AA-0003"]
    np.testing.assert_array_equal(cohort.assays[Assay.EXPRESSION].values[:, 1, 0], [3.5, 5.5])


def test_a_list_of_mutations_by_barcode_finds_its_tumours(xena):
    xena.put("mc3.tsv", "sample gene", "TCGA-AA-0001-01 TP53", "TCGA-AA-0001-11 KRAS", "TCGA-AA-0004-01 KRAS")
    xena.calls("mc3.tsv", barcode="tcga")
    table = xena.read().assays[Assay.MUTATION]
    assert table.units.tolist() == ["calls", "", "", "calls"]
    np.testing.assert_array_equal(table.values[[0, 3], :, 1], [[0, 1], [1, 0]])


STAR_HEADER = (
    "gene_id\tgene_name\tgene_type\tunstranded\tstranded_first\tstranded_second"
    "\ttpm_unstranded\tfpkm_unstranded\tfpkm_uq_unstranded\n"
)
STAR_GENES = (
    ("ENSG00000141510.18", "TP53"),
    ("ENSG00000133703.14", "KRAS"),
    ("ENSG00000182378.15", "PLCXD1"),
    ("ENSG00000182378.15_PAR_Y", "PLCXD1"),
)
FILES = {
    "0d3ddab0": ("a.rna_seq.augmented_star_gene_counts.tsv", "TCGA-AA-0001-01A", [10.0, 20.0, 1.5, 0.0]),
    "cc802aa8": ("b.rna_seq.augmented_star_gene_counts.tsv", "TCGA-AA-0001-11A", [11.0, 21.0, 2.5, 0.0]),
    "ffff0123": ("c.rna_seq.augmented_star_gene_counts.tsv", "TCGA-AA-0002-01A", [12.0, 22.0, 3.5, 0.0]),
}


def star_counts(tpm: list[float], genes=STAR_GENES) -> str:
    summary = "".join(
        f"N_{name}\t\t\t7\t7\t7\t\t\t\n" for name in ("unmapped", "multimapping", "noFeature", "ambiguous")
    )
    rows = "".join(
        f"{gene}\t{name}\tprotein_coding\t{int(10 * value)}\t4\t6\t{value:.4f}\t1.0000\t1.0000\n"
        for (gene, name), value in zip(genes, tpm, strict=True)
    )
    return "# gene-model: GENCODE v36\n" + STAR_HEADER + summary + rows


@pytest.fixture
def gdc(folder):
    sheet = "File ID\tFile Name\tData Category\tData Type\tProject ID\tCase ID\tSample ID\tSample Type\n"
    for place, (name, sample, tpm) in FILES.items():
        (folder.path / "downloads" / place).mkdir(parents=True)
        (folder.path / "downloads" / place / name).write_text(star_counts(tpm))
        kind = "Solid Tissue Normal" if "-11" in sample else "Primary Tumor"
        sheet += f"{place}\t{name}\tTranscriptome Profiling\tGene Expression Quantification\tTCGA-XX\t"
        sheet += f"{sample[:12]}\t{sample}\t{kind}\n"
    (folder.path / "gdc_sample_sheet.2025-01-01.tsv").write_text(sheet)
    (folder.path / "hgnc.txt").write_text(
        "symbol\tprev_symbol\talias_symbol\tentrez_id\tensembl_gene_id\n"
        "TP53\t\t\t7157\tENSG00000141510\nKRAS\t\t\t3845\tENSG00000133703\n"
        "PLCXD1\t\t\t55344\tENSG00000182378\n"
    )
    folder.put("cases.tsv", "case age", "TCGA-AA-0001 50", "TCGA-AA-0002 60")
    folder.study["genes"] = "hgnc.txt"
    folder.study["clinical_file"] = {"file": "cases.tsv", "sample_column": "case", "barcode": "tcga"}
    folder.study["endpoints"] = {}
    sheet = {"file": "gdc_sample_sheet.2025-01-01.tsv", "value_column": "tpm_unstranded"}
    folder.assay("downloads", unit="tpm", id_column="gene_id", id_type="ensembl", sheet=sheet, barcode="tcga")
    return folder


def test_a_gdc_download_reads_by_its_sample_sheet(gdc):
    cohort = gdc.read()
    assert cohort.sample_ids.tolist() == ["TCGA-AA-0001", "TCGA-AA-0002"]
    table = cohort.assays[Assay.EXPRESSION]
    assert table.genes == ("KRAS", "PLCXD1", "TP53")
    assert table.values[:, :, 0].tolist() == [[20, 1.5, 10], [22, 3.5, 12]]
    told = gdc.told()
    assert "gdc_sample_sheet.2025-01-01.tsv: 1 samples are normal tissue, controls or models" in told
    assert (
        "1 rows are another name of a gene that has a row already (ENSG00000182378.15_PAR_Y = PLCXD1)" in told
    )


def test_counts_are_another_column_of_the_same_files(gdc):
    gdc.study["assays"][0] |= {"unit": "counts"}
    gdc.study["assays"][0]["sheet"]["value_column"] = "unstranded"
    assert gdc.read().assays[Assay.EXPRESSION].values[:, :, 0].tolist() == [[200, 15, 100], [220, 35, 120]]


def test_every_file_of_a_download_is_in_the_hash(gdc):
    before = gdc.read().provenance.sha256
    place, (name, _, tpm) = next(iter(FILES.items()))
    (gdc.path / "downloads" / place / name).write_text(star_counts([*tpm[:3], 0.5]))
    assert gdc.read().provenance.sha256 != before


def test_a_download_that_is_not_whole_or_mixes_releases_is_named(gdc):
    place, (name, _, tpm) = list(FILES.items())[2]
    file = gdc.path / "downloads" / place / name
    file.write_text(star_counts(tpm, [("ENSG00000141510.11", "TP53"), *STAR_GENES[1:]]))
    (error,) = gdc.errors()
    assert "c.rna_seq.augmented_star_gene_counts.tsv: lists other genes than a.rna_seq" in error
    assert "Fetch all files of one release: they share a gene model." in error
    file.unlink()
    assert "c.rna_seq.augmented_star_gene_counts.tsv: does not exist" in gdc.errors()[0]


def test_a_value_column_that_no_file_has_gets_the_nearest_name(gdc):
    gdc.study["assays"][0]["sheet"]["value_column"] = "tpm_unstrand"
    assert (
        "column tpm_unstrand: has no column 'tpm_unstrand'. Did you mean 'tpm_unstranded'?" in gdc.errors()[0]
    )


def test_a_sheet_cannot_name_files_outside_the_folder(gdc):
    sheet = gdc.path / "gdc_sample_sheet.2025-01-01.tsv"
    sheet.write_text(sheet.read_text().replace("0d3ddab0\t", "../../etc\t", 1))
    assert "names a file outside the study's folder" in gdc.errors()[0]


def test_micrornas_of_the_gdc_are_linear_and_are_logged_where_declared(gdc):
    header = "miRNA_ID\tread_count\treads_per_million_miRNA_mapped\tcross-mapped\n"
    for place, (name, _, _) in FILES.items():
        rows = "hsa-let-7a-1\t40\t1023.000000\tN\nhsa-mir-200c\t9\t3.000000\tY\n"
        (gdc.path / "downloads" / place / name).write_text(header + rows)
    sheet = {"file": "gdc_sample_sheet.2025-01-01.tsv", "value_column": "reads_per_million_miRNA_mapped"}
    gdc.study["assays"] = []
    gdc.study["genes"] = None
    more = {"assay": "microrna", "id_column": "miRNA_ID", "linear": True, "barcode": "tcga"}
    gdc.assay("downloads", unit="log2_rpm", sheet=sheet, **more)
    table = gdc.read().assays[Assay.MICRORNA]
    assert table.genes == ("MIR200C", "MIRLET7A1")
    assert table.values[:, :, 0].tolist() == [[2, 10], [2, 10]]


def test_a_methylation_probe_of_two_genes_stands_for_neither(xena):
    xena.put("probes.tsv", "id gene chrom", "cg01 TP53,WRAP53 chr17", "cg02 TP53 chr17", "cg03 TP53 chr17")
    xena.put(
        "beta.tsv", "sample TCGA-AA-0001-01 TCGA-AA-0002-01", "cg01 0.9 0.9", "cg02 0.25 NA", "cg03 0.75 0.5"
    )
    names = {"file": "probes.tsv", "name_column": "id", "gene_column": "gene"}
    more = {
        "assay": "methylation",
        "id_column": "sample",
        "names": names,
        "repeated": "mean",
        "barcode": "tcga",
    }
    xena.assay("beta.tsv", unit="beta", **more)
    table = xena.read().assays[Assay.METHYLATION]
    assert table.genes == ("TP53",)
    np.testing.assert_array_equal(table.values[:2, 0, 0], [0.5, 0.5])


def test_a_turned_xena_matrix_is_named_with_the_fix(xena):
    xena.study["assays"][0] |= {"orientation": "samples_in_rows"}
    (error,) = xena.errors()
    assert "is declared as samples_in_rows, but the sample ids stand in its columns" in error


def test_rows_that_count_reads_are_no_genes(xena):
    lines = [*XENA, *(f"{name} 1 2 3 4 5" for name in ("__no_feature", "__ambiguous", "N_unmapped"))]
    text = "".join(line.replace(" ", "\t") + "\n" for line in lines)
    (xena.path / "tpm.tsv.gz").write_bytes(gzip.compress(text.encode()))
    assert "1 of 3 features have no gene of their own in gencode.v36.probemap" in xena.told()


def test_the_study_files_of_the_documentation_can_be_read():
    text = (Path(__file__).parents[3] / "docs" / "xena_gdc.md").read_text()
    examples = [block.partition("```")[0] for block in text.split("```yaml\n")[1:]]
    studies = [StudyFile.model_validate(yaml.safe_load(example)) for example in examples]
    assert [len(study.assays) for study in studies] == [2, 3]
