"""A cBioPortal folder becomes the cohort that a hand would write down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metarisk.data import Cohort, read_study, validate_study
from metarisk.errors import InputError, InvalidStudyError
from metarisk.schema.assays import MUTATION_CHANNELS, Assay

NAN = np.nan


def cells(cohort: Cohort, assay: Assay, channel: int = 0) -> dict[str, dict[str, float]]:
    table = cohort.assays[assay]
    return {
        str(sample): dict(zip(table.genes, table.values[n, :, channel].tolist(), strict=True))
        for n, sample in enumerate(table.sample_ids)
    }


def test_a_sound_study_has_no_errors(tiny):
    assert tiny.errors() == []


def test_mutations_are_one_zero_or_unmeasured_by_panel(tiny):
    cohort = read_study(tiny.write())
    truncating, missense, in_frame = (cells(cohort, Assay.MUTATION, c) for c in range(3))
    assert MUTATION_CHANNELS == ("truncating", "missense", "in_frame", "hotspot")
    assert truncating["S1"] == {"BRAF": 0, "EGFR": 0, "KRAS": 0, "TP53": 1}
    assert missense["S1"]["KRAS"] == 1
    assert in_frame["S3"]["EGFR"] == 1
    assert missense["S4"]["KRAS"] == 1
    assert truncating["S2"]["TP53"] == 0  # silent
    for table in (truncating, missense, in_frame):
        assert np.isnan([table["S2"]["EGFR"], table["S2"]["BRAF"], table["S4"]["EGFR"]]).all()


def test_copy_number_off_the_panel_is_unmeasured_although_the_matrix_says_zero(tiny):
    levels = cells(read_study(tiny.write()), Assay.COPY_NUMBER)
    assert levels["S1"] == {"EGFR": 2, "TP53": -2}
    assert np.isnan(levels["S2"]["EGFR"])
    assert levels["S2"]["TP53"] == 0
    assert np.isnan(levels["S3"]["TP53"])


def test_fusions_name_both_partners_and_leave_germline_and_unmeasured_samples_out(tiny):
    cohort = read_study(tiny.write())
    present = cells(cohort, Assay.FUSION)
    assert present["S1"] == {"BRAF": 0, "EGFR": 1, "KRAS": 0, "TP53": 1}
    assert present["S3"]["KRAS"] == 0
    assert np.isnan(list(present["S4"].values())).all()
    assert cohort.assays[Assay.FUSION].units.tolist() == ["calls", "calls", "calls", ""]


def test_gene_order_in_the_files_does_not_matter(tiny, tmp_path):
    first = read_study(tiny.write())
    lines = tiny.files["data_mutations.txt"].splitlines(keepends=True)
    tiny.put("data_mutations.txt", lines[0] + "".join(reversed(lines[1:])))
    tiny.put("data_gene_panel_big.txt", "stable_id: BIG\ngene_list: BRAF\tEGFR\tKRAS\tTP53\n")
    tiny.folder = tmp_path / "again"
    assert read_study(tiny.write()).content_sha256() == first.content_sha256()


def test_clinical_columns_come_by_their_usual_names(tiny):
    clinical = read_study(tiny.write()).clinical
    assert clinical["cancer_type"].tolist() == ["LUAD", "LUAD", "BRCA", "BRCA"]
    assert clinical["sex"].tolist() == ["Female", "Male", "Female", "Female"]
    np.testing.assert_array_equal(clinical["purity"], [0.5, 0.2, NAN, 0.7])
    np.testing.assert_array_equal(clinical["age_years"], [60, 50, 70, 70])
    assert clinical["patient_id"].tolist() == ["P1", "P2", "P3", "P3"]


def test_survival_is_read_by_the_portals_convention(tiny):
    endpoints = read_study(tiny.write()).endpoints
    assert endpoints["os.event"].tolist() == [1, 0, 1, 1]
    assert endpoints["os.time_days"].tolist() == pytest.approx([365.25, 730.5, 182.625, 182.625])


def test_samples_of_one_patient_are_kept_and_told(tiny):
    assert "1 patients have several samples (P3). Kept; all samples of a patient fall" in tiny.told()


def test_ids_are_kept_to_the_letter(tiny):
    for old, new in (("S1", "00123"), ("S2", "1E5"), ("P2", "NA")):
        tiny.files = {name: content.replace(old, new) for name, content in tiny.files.items()}
    cohort = read_study(tiny.write())
    assert cohort.sample_ids.tolist() == ["00123", "1E5", "S3", "S4"]
    assert cohort.patient_ids.tolist() == ["P1", "NA", "P3", "P3"]


def test_a_carriage_return_and_a_byte_order_mark_change_nothing(tiny, tmp_path):
    plain = read_study(tiny.write()).content_sha256()
    for name, content in tiny.files.items():
        tiny.put(name, b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode())
    tiny.folder = tmp_path / "windows"
    assert read_study(tiny.write()).content_sha256() == plain


def test_without_panel_files_only_genes_seen_on_a_panel_count_as_measured(tiny):
    tiny.drop("data_gene_panel_big.txt", "data_gene_panel_small.txt")
    assert "no panel file describes BIG, SMALL: only genes altered in a sample" in tiny.told()
    copy_number = read_study(tiny.folder).assays[Assay.COPY_NUMBER]
    assert copy_number.panels.tolist() == ["BIG", "SMALL", "BIG", "SMALL"]
    missense = cells(read_study(tiny.folder), Assay.MUTATION, 1)
    assert missense["S1"] == {"EGFR": 0, "KRAS": 1, "TP53": 0}
    assert missense["S2"]["KRAS"] == 0
    assert np.isnan(missense["S2"]["EGFR"])


def test_a_panel_that_nothing_describes_is_named(tiny):
    tiny.change("data_gene_panel_matrix.txt", "S2 SMALL".replace(" ", "\t"), "S2\tTINY")
    assert any("gene panel TINY is used by samples but described nowhere" in error for error in tiny.errors())


def test_without_a_panel_matrix_and_panels_every_gene_seen_counts_as_measured(tiny):
    tiny.drop("meta_gene_panel_matrix.txt", "data_gene_panel_big.txt", "data_gene_panel_small.txt")
    assert "no gene panel is declared: every gene in the file counts as measured" in tiny.told()
    missense = cells(read_study(tiny.folder), Assay.MUTATION, 1)
    assert missense["S2"] == {"EGFR": 0, "KRAS": 0, "TP53": 0}


def test_whole_exome_samples_measure_every_gene_seen(tiny):
    tiny.change("data_gene_panel_matrix.txt", "S1\tBIG\t", "S1\tWES\t")
    missense = cells(read_study(tiny.write()), Assay.MUTATION, 1)
    assert np.isnan(missense["S1"]["BRAF"])  # never seen altered: an exome's silence about it is not trusted
    assert missense["S1"]["EGFR"] == 0


def test_na_in_the_matrix_is_an_exome_where_the_case_list_says_sequenced(tiny):
    tiny.change("data_gene_panel_matrix.txt", "S2\tSMALL\t", "S2\tNA\t")
    tiny.change("data_gene_panel_matrix.txt", "S3\tBIG\t", "S3\tNA\t")
    tiny.change("data_mutations.txt", "S3", "S1")
    tiny.put("case_lists/cases_sequenced.txt", "stable_id: tiny_sequenced\ncase_list_ids: S1\tS2\tS4\n")
    table = read_study(tiny.write()).assays[Assay.MUTATION]
    assert table.units.tolist() == ["calls", "calls", "", "calls"]


def test_an_alteration_off_the_samples_panel_is_left_out_and_counted(tiny):
    tiny.change("data_mutations.txt", "S4", "S2").change(
        "data_mutations.txt", "KRAS\tMissense_Mutation\tG", "EGFR\tMissense_Mutation\tG"
    )
    assert "1 alterations lie in genes off the sample's panel (EGFR)" in tiny.told()


def test_classes_come_from_alleles_where_there_is_no_column(tiny):
    tiny.put(
        "data_mutations.txt",
        "Hugo_Symbol\tReference_Allele\tTumor_Seq_Allele2\tTumor_Sample_Barcode\tVariant_Type\n"
        "TP53\tC\tT\tS1\tSNP\nKRAS\tCC\tAA\tS1\tONP\nBRAF\tA\t-\tS1\tDEL\nEGFR\t-\tACG\tS1\tINS\n",
    )
    cohort = read_study(tiny.write())
    row = cohort.assays[Assay.MUTATION].values[0]
    assert cohort.assays[Assay.MUTATION].genes == ("BRAF", "EGFR", "KRAS", "TP53")
    assert row[:, :3].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0]]
    assert np.isnan(row[:, 3]).all()  # neither protein change nor position: nobody can tell a hotspot
    assert "has no column Variant_Classification: alleles tell the class" in tiny.told()


def test_the_study_file_can_ask_for_alleles_and_silent_ones_still_stay_out(tiny):
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\nmutation_class: alleles\n")
    cohort = read_study(tiny.write())
    assert cells(cohort, Assay.MUTATION, 1)["S1"]["TP53"] == 1  # nonsense, told as a substitution
    assert cells(cohort, Assay.MUTATION, 1)["S2"]["TP53"] == 0


def test_tert_promoter_mutations_count(tiny):
    tiny.change("data_mutations.txt", "TP53\tSilent", "TERT\t5'Flank").change(
        "data_gene_panel_small.txt", "TP53", "TP53\tTERT"
    )
    assert cells(read_study(tiny.write()), Assay.MUTATION, 1)["S2"]["TERT"] == 1


def test_retired_gene_names_are_mapped_and_told(tiny):
    tiny.change("data_gene_panel_big.txt", "BRAF", "MLL2")
    assert "1 names are not approved symbols and were mapped (MLL2 -> KMT2D)" in tiny.told()
    assert "KMT2D" in read_study(tiny.folder).assays[Assay.MUTATION].genes


def test_two_names_of_one_gene_unite_their_events(tiny):
    tiny.change("data_cna.txt", "TP53\t", "P53\t0\t0\t0\t-2\nTP53\t")
    assert "1 rows are another name of a gene that has a row already (P53 = TP53)" in tiny.told()
    levels = cells(read_study(tiny.folder), Assay.COPY_NUMBER)
    assert [levels[sample]["TP53"] for sample in ("S1", "S2", "S3", "S4")] == [-2, 0, 0, -2]


def test_a_study_without_its_meta_file_is_refused(tiny):
    assert "has no meta_study.txt" in tiny.drop("meta_study.txt").errors()[0]


def test_expression_needs_a_declared_unit(tiny):
    tiny.put(
        "meta_expression.txt",
        "genetic_alteration_type: MRNA_EXPRESSION\ndatatype: CONTINUOUS\ndata_filename: e.txt\n",
    )
    tiny.put("e.txt", "Hugo_Symbol\tS1\tS2\nTP53\t1.5\t2.5\n")
    (message,) = tiny.errors()
    assert "is expression of datatype CONTINUOUS, which says no unit" in message
    assert "one of log2_tpm, log2_fpkm" in message
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\nunits: {e.txt: log2_tpm}\n")
    table = read_study(tiny.write()).assays[Assay.EXPRESSION]
    assert table.units.tolist() == ["log2_tpm", "log2_tpm", "", ""]


def test_z_scores_say_their_unit_themselves(tiny):
    tiny.put(
        "meta_z.txt", "genetic_alteration_type: MRNA_EXPRESSION\ndatatype: Z-SCORE\ndata_filename: z.txt\n"
    )
    tiny.put("z.txt", "Hugo_Symbol\tEntrez_Gene_Id\tS1\tS2\nTP53\t7157\t-1.5\t2.5\n")
    table = read_study(tiny.write()).assays[Assay.EXPRESSION]
    assert table.units.tolist() == ["z_score", "z_score", "", ""]
    assert table.values[:2, 0, 0].tolist() == [-1.5, 2.5]


def test_everything_wrong_is_told_at_once(tiny):
    tiny.change("data_clinical_patient.txt", "P1\tFemale\t12", "P1\tFemale\t-12")
    tiny.change("data_cna.txt", "EGFR\t2", "EGFR\t7").change("data_mutations.txt", "\tS4\n", "\tS4\textra\n")
    told = "\n".join(map(str, validate_study(tiny.write())))
    for part in (
        "negative times in 1 samples (S1)",
        "discrete copy number lies in -2..2",
        "another number of fields",
    ):
        assert part in told


def test_reading_an_invalid_study_raises_with_every_finding(tiny):
    tiny.change("data_clinical_patient.txt", "P1\tFemale\t12", "P1\tFemale\t-12").change(
        "data_cna.txt", "EGFR\t2", "EGFR\t7"
    )
    with pytest.raises(
        InvalidStudyError, match=r"tiny: data_cna.txt: 1 values are out of range.*\(1 more errors\)"
    ) as caught:
        read_study(tiny.write())
    assert len([finding for finding in caught.value.findings if finding.level.value == "error"]) == 2


def test_a_path_that_is_no_study_says_so(tmp_path):
    with pytest.raises(InputError, match="is no study; expected a study file"):
        read_study(tmp_path)
    with pytest.raises(InputError, match="does not exist; expected a study file"):
        read_study(tmp_path / "nothing")


def test_the_hash_changes_with_a_byte_and_not_with_the_folder(tiny, tmp_path):
    first = read_study(tiny.write()).provenance
    tiny.folder = tmp_path / "elsewhere"
    assert read_study(tiny.write()).provenance == first
    tiny.change("data_sv.txt", "EGFR", "BRAF")
    assert read_study(tiny.write()).provenance.sha256 != first.sha256


def test_a_data_file_outside_the_folder_is_refused(tiny, tmp_path):
    (tmp_path / "secret.txt").write_text("a\tb\n1\t2\n")
    tiny.change("meta_sv.txt", "data_sv.txt", "../secret.txt")
    assert any("names a file outside its folder" in error for error in tiny.errors())


def test_a_data_file_that_is_absent_is_named(tiny):
    tiny.drop("data_sv.txt")
    assert any("meta_sv.txt: names data_sv.txt, which does not exist" in error for error in tiny.errors())


def test_rows_left_out_by_the_study_file_are_counted(tiny):
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\nkeep: {SAMPLE_TYPE: [Primary]}\n")
    assert "1 of 4 samples were left out by `keep` (SAMPLE_TYPE)" in tiny.told()
    assert read_study(tiny.folder).sample_ids.tolist() == ["S1", "S2", "S4"]


def test_the_gene_table_given_by_hand_wins(tiny, tmp_path: Path):
    from metarisk.data import GeneTable

    path = tmp_path / "genes.tsv"
    path.write_text("Symbol\tApproved.Symbol\nTP53\tTP53\nKRAS\tKRAS\nEGFR\tEGFR\n")
    cohort = read_study(tiny.write(), genes=GeneTable.from_hgnc(path))
    assert cohort.assays[Assay.MUTATION].genes == ("EGFR", "KRAS", "TP53")
