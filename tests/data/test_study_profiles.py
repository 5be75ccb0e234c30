"""Every profile of the portal that is an assay of ours is read; whatever else there is, is told."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from metarisk.data import read_study
from metarisk.schema.assays import MUTATION_CHANNELS, Assay
from tests.data.conftest import TinyStudy, meta, rows

HOTSPOT = MUTATION_CHANNELS.index("hotspot")


def with_profile(tiny: TinyStudy, kind: str, datatype: str, text: str, *, more: str = "") -> TinyStudy:
    tiny.put("meta_extra.txt", meta(kind, datatype, "extra.txt") + more)
    return tiny.put("extra.txt", text)


def declared(tiny: TinyStudy, unit: str, file: str = "extra.txt") -> TinyStudy:
    return tiny.put("metarisk_study.yaml", f"name: tiny\nfolder: .\nunits: {{{file}: {unit}}}\n")


def level(tiny: TinyStudy, assay: Assay) -> dict[str, list[float]]:
    table = read_study(tiny.write()).assays[assay]
    return {str(name): table.values[:, column, 0].tolist() for column, name in enumerate(table.genes)}


def test_a_matrix_of_methylation_is_of_beta_values(tiny):
    with_profile(tiny, "METHYLATION", "CONTINUOUS", rows("Hugo_Symbol S1 S2", "TP53 0.25 0.5", "KRAS NA 1"))
    values = level(tiny, Assay.METHYLATION)
    assert values["TP53"][:2] == [0.25, 0.5]
    assert np.isnan(values["KRAS"][0])


def test_protein_by_antibody_z_scores_and_log2_values_say_their_unit(tiny):
    text = rows("Composite.Element.REF S1 S2", "TP53|p53 -1.5 0.5", "EGFR|EGFR_pY1068 2 1")
    with_profile(tiny, "PROTEIN_LEVEL", "Z-SCORE", text)
    assert level(tiny, Assay.PROTEIN)["TP53"][:2] == [-1.5, 0.5]
    with_profile(tiny, "PROTEIN_LEVEL", "LOG2-VALUE", text)
    assert read_study(tiny.write()).assays[Assay.PROTEIN].units[0] == "log2_intensity"


def test_continuous_protein_and_continuous_copy_number_need_a_declared_unit(tiny):
    with_profile(tiny, "PROTEIN_LEVEL", "CONTINUOUS", rows("Composite.Element.REF S1", "TP53|p53 1"))
    assert any("is protein of datatype CONTINUOUS, which says no unit" in told for told in tiny.errors())
    tiny.drop("meta_cna.txt", "data_cna.txt")
    text = rows("Hugo_Symbol S1 S2", "TP53 -0.9 0.1")
    with_profile(tiny, "COPY_NUMBER_ALTERATION", "CONTINUOUS", text)
    assert any("is copy_number of datatype CONTINUOUS, which says no unit" in told for told in tiny.errors())
    declared(tiny, "log2_ratio")
    assert level(tiny, Assay.COPY_NUMBER)["TP53"][0] == pytest.approx(-0.9)


def test_a_unit_of_a_file_that_the_study_does_not_have_is_refused(tiny):
    declared(tiny, "log2_tpm", "data_can.txt")
    (told,) = tiny.errors()
    assert (
        "units names data_can.txt, which no meta file of the study names. Did you mean 'data_cna.txt'" in told
    )


def test_log2_copy_number_is_read_where_there_are_no_discrete_levels(tiny):
    text = rows("Hugo_Symbol S1 S2", "TP53 -0.9 0.1")
    with_profile(tiny, "COPY_NUMBER_ALTERATION", "LOG2-VALUE", text)
    assert "extra.txt: was not read: another file gives copy_number (data_cna.txt)" in tiny.told()
    tiny.drop("meta_cna.txt", "data_cna.txt")
    assert read_study(tiny.write()).assays[Assay.COPY_NUMBER].units[0] == "log2_ratio"


def test_copy_number_in_long_form_is_the_same_as_in_wide_form(tiny):
    wide = read_study(tiny.write()).assays[Assay.COPY_NUMBER]
    tiny.put("meta_cna.txt", meta("COPY_NUMBER_ALTERATION", "DISCRETE_LONG", "data_cna.txt"))
    lines = [f"EGFR 1956 {s} {v}" for s, v in zip(("S1", "S2", "S3", "S4"), (2, 0, 0, 0), strict=True)]
    lines += [f"TP53 7157 {s} {v}" for s, v in zip(("S1", "S2", "S3", "S4"), (-2, 0, "NA", -1), strict=True)]
    tiny.put("data_cna.txt", rows("Hugo_Symbol Entrez_Gene_Id Sample_Id Value", *lines))
    long = read_study(tiny.write()).assays[Assay.COPY_NUMBER]
    assert long.genes == wide.genes
    np.testing.assert_array_equal(long.values, wide.values)


def test_a_pair_without_a_row_of_the_long_form_is_unmeasured_and_told(tiny):
    tiny.put("meta_cna.txt", meta("COPY_NUMBER_ALTERATION", "DISCRETE_LONG", "data_cna.txt"))
    tiny.put("data_cna.txt", rows("Hugo_Symbol Sample_Id Value", "EGFR S1 2", "TP53 S1 -2", "TP53 S4 0"))
    assert "1 of 4 pairs of gene and sample have no row" in tiny.told()
    values = level(tiny, Assay.COPY_NUMBER)
    assert values["EGFR"][0] == 2
    assert np.isnan(values["EGFR"][3])


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("EGFR S1 1", "2 rows tell one gene of one sample more than once"),
        ("EGFR S2 high", "column Value: holds 1 values that are not numbers"),
        ("EGFR S2 7", "discrete copy number lies in -2..2"),
    ],
)
def test_faults_of_the_long_form_are_told(tiny, line, sentence):
    tiny.put("meta_cna.txt", meta("COPY_NUMBER_ALTERATION", "DISCRETE_LONG", "data_cna.txt"))
    tiny.put("data_cna.txt", rows("Hugo_Symbol Sample_Id Value", "EGFR S1 2", "TP53 S1 -2", line))
    assert any(sentence in told for told in tiny.errors())


def test_measured_expression_wins_over_z_scores_and_it_is_told(tiny):
    tiny.put("meta_rna.txt", meta("MRNA_EXPRESSION", "CONTINUOUS", "rna.txt"))
    tiny.put("rna.txt", rows("Hugo_Symbol S1 S2", "TP53 5 6"))
    with_profile(tiny, "MRNA_EXPRESSION", "Z-SCORE", rows("Hugo_Symbol S1 S2", "TP53 -1 1"))
    assert "rna.txt: was not read: another file gives expression (extra.txt)" in tiny.told()
    declared(tiny, "log2_tpm", "rna.txt")
    assert "extra.txt: was not read: another file gives expression (rna.txt)" in tiny.told()
    assert level(tiny, Assay.EXPRESSION)["TP53"][:2] == [5, 6]


def test_microrna_by_its_own_names(tiny):
    text = rows("Hugo_Symbol S1 S2", "hsa-mir-200c 1 -1", "hsa-mir-21 0.5 0")
    with_profile(tiny, "MICRO_RNA_EXPRESSION", "Z-SCORE", text)
    assert set(level(tiny, Assay.MICRORNA)) == {"MIR200C", "MIR21"}


def test_gene_set_scores_are_signatures_and_their_p_values_are_left_out(tiny):
    text = rows("geneset_id S1 S2", "HALLMARK_EMT 0.5 -0.25")
    with_profile(tiny, "GENESET_SCORE", "GSVA-SCORE", text)
    assert level(tiny, Assay.SIGNATURE)["HALLMARK_EMT"][:2] == [0.5, -0.25]
    with_profile(tiny, "GENESET_SCORE", "P-VALUE", text)
    assert "extra.txt: is GENESET_SCORE P-VALUE, which metarisk does not read" in tiny.told()


def test_mutational_signatures_and_metabolites_are_generic_assays_with_a_declared_unit(tiny):
    text = rows("ENTITY_STABLE_ID NAME DOI S1 S2", "SBS1 first x 0.5 0.25")
    more = "generic_assay_type: MUTATIONAL_SIGNATURE\ngeneric_entity_meta_properties: NAME,DOI\n"
    with_profile(tiny, "GENERIC_ASSAY", "LIMIT-VALUE", text, more=more)
    assert any("is signature of datatype LIMIT-VALUE, which says no unit" in told for told in tiny.errors())
    declared(tiny, "score")
    assert level(tiny, Assay.SIGNATURE)["SBS1"][:2] == [0.5, 0.25]
    with_profile(
        tiny, "GENERIC_ASSAY", "LIMIT-VALUE", text, more=more.replace("MUTATIONAL_SIGNATURE", "METABOLITE")
    )
    declared(tiny, "z_score")
    assert level(tiny, Assay.METABOLITE)["SBS1"][:2] == [0.5, 0.25]


def test_a_generic_assay_of_another_type_is_told_and_read_by_a_unit_of_one_assay(tiny):
    text = rows("ENTITY_STABLE_ID S1 S2", "T_cells 0.5 0.25")
    with_profile(tiny, "GENERIC_ASSAY", "LIMIT-VALUE", text, more="generic_assay_type: IMMUNE\n")
    assert "is a generic assay of type IMMUNE, which is no assay of metarisk; it was left out" in tiny.told()
    assert tiny.errors() == []
    declared(tiny, "fraction")
    assert level(tiny, Assay.CELL_FRACTION)["T_cells"][:2] == [0.5, 0.25]


@pytest.mark.parametrize(
    ("kind", "datatype", "sentence"),
    [
        ("MUTATION_UNCALLED", "MAF", "holds mutations that were not called in these samples"),
        ("GISTIC_GENES_AMP", "Q-VALUE", "tells genes of the cohort, not of its samples"),
        ("MUTSIG", "Q-VALUE", "tells genes of the cohort, not of its samples"),
        ("COPY_NUMBER_ALTERATION", "SEG", "metarisk does not read"),
        ("MRNA_EXPRESSION", "DISCRETE", "metarisk does not read"),
        ("GENERIC_ASSAY", "CATEGORICAL", "metarisk does not read"),
        ("CLINICAL", "SOMETHING", "metarisk does not read"),
    ],
)
def test_whatever_is_no_assay_is_told_and_left_out(tiny, kind, datatype, sentence):
    with_profile(tiny, kind, datatype, "a\tb\n1\t2\n")
    assert f"extra.txt: is {kind} {datatype}, which {sentence}. Nothing to do" in tiny.told()
    assert tiny.errors() == []


def test_the_older_format_of_fusions_is_read_and_germline_left_out(tiny):
    tiny.put("meta_sv.txt", meta("FUSION", "FUSION", "data_sv.txt"))
    tiny.put(
        "data_sv.txt",
        rows(
            "Hugo_Symbol Entrez_Gene_Id Tumor_Sample_Barcode Fusion Fusion_Status",
            "EGFR 1956 S1 EGFR-TP53 SOMATIC",
            "TP53 7157 S1 EGFR-TP53 SOMATIC",
            "KRAS 3845 S3 KRAS-intragenic GERMLINE",
        ),
    )
    table = read_study(tiny.write()).assays[Assay.FUSION]
    assert table.genes == ("BRAF", "EGFR", "KRAS", "TP53")
    assert table.values[0, :, 0].tolist() == [0, 1, 0, 1]
    assert table.values[2, :, 0].tolist() == [0, 0, 0, 0]


def test_of_two_files_of_fusions_the_newer_format_is_read(tiny):
    with_profile(tiny, "FUSION", "FUSION", "Hugo_Symbol\tTumor_Sample_Barcode\nKRAS\tS2\n")
    assert "extra.txt: was not read: another file gives fusion (data_sv.txt)" in tiny.told()


def test_a_list_of_variants_without_partners_is_an_error(tiny):
    tiny.put("data_sv.txt", "Sample_Id\tSV_Status\nS1\tSOMATIC\n")
    assert any("names no partner" in told for told in tiny.errors())


def test_germline_mutations_are_left_out_and_counted(tiny):
    tiny.put(
        "data_mutations.txt",
        rows(
            "Hugo_Symbol Variant_Classification Tumor_Sample_Barcode Mutation_Status",
            "TP53 Nonsense_Mutation S1 SOMATIC",
            "KRAS Missense_Mutation S1 GERMLINE",
        ),
    )
    assert "1 rows are no somatic mutations (germline) and were left out" in tiny.told()
    table = read_study(tiny.folder).assays[Assay.MUTATION]
    assert np.nansum(table.values[0, :, :3]) == 1


def test_the_other_allele_is_the_tumours_where_the_second_is_the_reference(tiny):
    tiny.put(
        "data_mutations.txt",
        rows(
            "Hugo_Symbol Reference_Allele Tumor_Seq_Allele1 Tumor_Seq_Allele2 Tumor_Sample_Barcode",
            "TP53 AC - AC S1",
            "KRAS C C T S1",
        ),
    )
    table = read_study(tiny.write()).assays[Assay.MUTATION]
    assert table.values[0, table.genes.index("TP53"), 0] == 1  # two bases lost: truncating
    assert table.values[0, table.genes.index("KRAS"), 1] == 1


def test_hotspots_come_from_the_protein_change_in_any_of_its_columns(tiny):
    for column, change in (("HGVSp_Short", "p.G12D"), ("HGVSp", "p.Gly12Asp"), ("Protein_position", "12")):
        tiny.put(
            "data_mutations.txt",
            f"Hugo_Symbol\tVariant_Classification\tTumor_Sample_Barcode\t{column}\n"
            f"KRAS\tMissense_Mutation\tS1\t{change}\nTP53\tNonsense_Mutation\tS1\t\n"
            "TP53\tMissense_Mutation\tS3\t\n",
        )
        table = read_study(tiny.write()).assays[Assay.MUTATION]
        kras, tp53 = table.genes.index("KRAS"), table.genes.index("TP53")
        assert table.values[0, kras].tolist() == [0, 1, 0, 1]  # the class channel holds it too
        assert table.values[0, tp53].tolist() == [1, 0, 0, 0]  # truncating: told, no hotspot
        assert np.isnan(table.values[2, tp53, HOTSPOT])  # missense without a residue: nobody can tell
        assert table.values[2, tp53, 1] == 1
        assert table.values[1, kras, HOTSPOT] == 0


def test_a_stop_at_a_hotspots_codon_is_no_hotspot_whatever_tells_the_class(tiny):
    tiny.put(
        "data_mutations.txt",
        rows(
            "Hugo_Symbol Reference_Allele Tumor_Seq_Allele2 Tumor_Sample_Barcode HGVSp_Short",
            "TP53 C T S1 p.R175H",
            "TP53 C A S3 p.E285*",
            "TP53 C A S4 p.R248=",
        ),
    )
    table = read_study(tiny.write()).assays[Assay.MUTATION]
    assert table.values[:, table.genes.index("TP53"), HOTSPOT].tolist() == [1, 0, 0, 0]


def test_only_the_gzipped_form_of_a_file_is_enough(tiny, tmp_path):
    plain = read_study(tiny.write()).content_sha256()
    packed = TinyStudy(tmp_path / "packed", dict(tiny.files))
    for name in [name for name in tiny.files if name.startswith("data_") and "gene_panel_b" not in name]:
        if "gene_panel_s" not in name:
            packed.put(f"{name}.gz", gzip.compress(tiny.files[name].encode())).drop(name)
    assert "data_mutations.txt.gz" in packed.files
    assert read_study(packed.write()).content_sha256() == plain


def test_a_unit_declared_without_gz_holds_for_the_gzipped_file(tiny):
    with_profile(tiny, "MRNA_EXPRESSION", "CONTINUOUS", "")
    tiny.drop("extra.txt").put("extra.txt.gz", gzip.compress(b"Hugo_Symbol\tS1\nTP53\t5\n"))
    declared(tiny, "log2_tpm")
    assert level(tiny, Assay.EXPRESSION)["TP53"][0] == 5


def test_each_sample_says_its_panel_assay_by_assay(tiny):
    tiny.change("data_gene_panel_matrix.txt", "S1\tBIG\tBIG", "S1\tBIG\tSMALL")
    assays = read_study(tiny.write()).assays
    assert assays[Assay.MUTATION].panels.tolist() == ["BIG", "SMALL", "BIG", "SMALL"]
    assert assays[Assay.COPY_NUMBER].panels.tolist() == ["SMALL", "SMALL", "BIG", "SMALL"]
    assert assays[Assay.FUSION].panels.tolist() == ["BIG", "SMALL", "BIG", ""]
    assert np.isnan(assays[Assay.COPY_NUMBER].values[0, 0, 0])  # EGFR is not on SMALL


def test_an_exome_is_called_one(tiny):
    tiny.change("data_gene_panel_matrix.txt", "S1\tBIG\t", "S1\tWXS\t")
    tiny.change("data_gene_panel_matrix.txt", "S3\tBIG\t", "S3\tNA\t")
    panels = read_study(tiny.write()).assays[Assay.MUTATION].panels
    assert panels.tolist() == ["WXS", "SMALL", "WES", "SMALL"]


def test_a_panel_named_by_the_profiles_meta_file_is_every_samples(tiny):
    tiny.drop("meta_gene_panel_matrix.txt", "data_gene_panel_matrix.txt")
    tiny.put("meta_mutations.txt", tiny.files["meta_mutations.txt"] + "gene_panel: SMALL\n")
    table = read_study(tiny.write()).assays[Assay.MUTATION]
    assert table.genes == ("KRAS", "TP53")
    assert table.panels.tolist() == ["SMALL"] * 4


def test_the_panel_matrix_names_profiles_by_their_stable_id(tiny):
    tiny.change("data_gene_panel_matrix.txt", "mutations\tcna", "tiny_muts\tcna")
    tiny.put("meta_mutations.txt", tiny.files["meta_mutations.txt"] + "stable_id: tiny_muts\n")
    assert read_study(tiny.write()).assays[Assay.MUTATION].panels[0] == "BIG"


def test_a_case_list_of_variants_says_who_was_measured_for_them(tiny):
    tiny.drop("meta_gene_panel_matrix.txt", "data_gene_panel_matrix.txt", "data_gene_panel_big.txt")
    tiny.drop("data_gene_panel_small.txt")
    tiny.put("case_lists/cases_sequenced.txt", "stable_id: tiny_sequenced\ncase_list_ids: S1\tS2\tS3\tS4\n")
    assert read_study(tiny.write()).assays[Assay.FUSION].units.tolist() == ["calls"] * 4
    tiny.put(
        "case_lists/any.txt",
        "stable_id: tiny_x\ncase_list_category: all_cases_with_sv_data\ncase_list_ids: S1\tS3\n",
    )
    assert read_study(tiny.write()).assays[Assay.FUSION].units.tolist() == ["calls", "", "calls", ""]


def test_the_case_list_says_who_the_meta_files_panel_holds_for(tiny):
    tiny.drop("meta_gene_panel_matrix.txt", "data_gene_panel_matrix.txt")
    tiny.put("meta_mutations.txt", tiny.files["meta_mutations.txt"] + "gene_panel: BIG\n")
    tiny.put("case_lists/list.txt", "stable_id: tiny_sequenced\ncase_list_ids: S1\tS3\tS4\n")
    assert read_study(tiny.write()).assays[Assay.MUTATION].panels.tolist() == ["BIG", "", "BIG", "BIG"]


def test_only_the_genes_that_a_study_reads_are_there(tiny):
    tiny.put("genes.txt", "symbol\tname\nTP53\ta\nKRAS\tb\n")
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\nonly_genes: genes.txt\n")
    assays = read_study(tiny.write()).assays
    assert assays[Assay.MUTATION].genes == assays[Assay.FUSION].genes == ("KRAS", "TP53")
    assert assays[Assay.COPY_NUMBER].genes == ("TP53",)
