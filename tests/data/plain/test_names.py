"""What the features of a matrix are called, and the genes that they mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metarisk.data import read_study
from metarisk.schema.assays import Assay

SAMPLES = ["00123", "1E5", "NA", "x-4"]


def test_micrornas_find_their_symbols(folder):
    frame = pd.DataFrame({"gene": ["hsa-mir-29b-1", "hsa-let-7a-1", "hsa-mir-9-1"], "00123": [3.0, 4.0, 5.0]})
    frame.to_parquet(folder.path / "m.parquet")
    folder.assay("m.parquet", unit="log2_rpm", assay="microrna")
    assert read_study(folder.write()).assays[Assay.MICRORNA].genes == ("MIR29B1", "MIR9-1", "MIRLET7A1")


def test_phosphorylation_sites_do_not_stand_for_the_protein(folder):
    names = ["AKT1|Akt", "AKT1|Akt_pS473", "ERBB2|HER2", "TAZ"]
    pd.DataFrame({"gene": names, "00123": [-1.0, 9.0, 2.0, 3.0]}).to_parquet(folder.path / "p.parquet")
    folder.assay("p.parquet", unit="z_score", assay="protein")
    table = read_study(folder.write()).assays[Assay.PROTEIN]
    assert table.genes == ("AKT1", "ERBB2", "WWTR1")
    assert table.values[0, :, 0].tolist() == [-1.0, 2.0, 3.0]


def test_antibodies_keep_their_genes_when_r_has_changed_their_names(folder):
    folder.put(
        "p.tsv", "gene 00123", "X1433BETA 1", "PI3K-p110-alpha 2", "X4EBP1_pS65 3", "CASPASE7CLEAVEDD198 4",
        "TTF1 5", "Myosin-IIa-pS1943 6",
    )  # fmt: skip
    folder.assay("p.tsv", unit="z_score", assay="protein")
    assert folder.read().assays[Assay.PROTEIN].genes == ("NKX2-1", "PIK3CA", "YWHAB")
    assert "3 antibodies are against phosphorylation sites or other states of a protein" in folder.told()


def test_signatures_keep_their_own_names(folder):
    frame = pd.DataFrame({"gene": ["IFNG Ayers", "2-Sep"], "00123": [0.1, -0.2]})
    frame.to_parquet(folder.path / "s.parquet")
    folder.assay("s.parquet", unit="score", assay="signature")
    assert read_study(folder.write()).assays[Assay.SIGNATURE].genes == ("IFNG Ayers", "2-Sep")


def test_features_of_their_own_kind_stand_on_no_gene(folder):
    folder.put("b.tsv", "probe 00123 1E5", "cg0012 0.25 0.5", "cg0001 0.75 1")
    folder.assay("b.tsv", unit="beta", assay="methylation", id_column="probe", id_type="feature")
    table = folder.read().assays[Assay.METHYLATION]
    assert table.genes == ("cg0012", "cg0001")
    np.testing.assert_array_equal(table.values[:2, :, 0], [[0.25, 0.75], [0.5, 1.0]])
    assert folder.told() == ""


@pytest.mark.parametrize(
    ("names", "declared", "sentence"),
    [
        (
            ["7157", "3845"],
            "symbol",
            "is declared with genes as symbol, but they look like entrez (2 entrez)",
        ),
        (["ENSG00000141510.18", "ENSG00000133703.1"], "symbol", "but they look like ensembl (2 ensembl)"),
        (["TP53", "KRAS"], "entrez", "but they look like symbol (2 symbol)"),
        (["7157", "3845"], "entrez", "gene names are Entrez ids, and the gene table has no Entrez ids"),
    ],
)
def test_genes_named_in_another_way_than_declared_are_an_error(folder, names, declared, sentence):
    pd.DataFrame({"gene": names, "00123": [1.0, 2.0]}).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet", id_type=declared)
    assert any(sentence in error for error in folder.errors())


def test_entrez_and_versioned_ensembl_ids_resolve_with_a_full_table(folder):
    (folder.path / "hgnc.txt").write_text(
        "symbol\tprev_symbol\talias_symbol\tentrez_id\tensembl_gene_id\n"
        "TP53\t\tp53|LFS1\t7157\tENSG00000141510\nKRAS\tKRAS2\tK-Ras\t3845\tENSG00000133703\n"
    )
    folder.study["genes"] = "hgnc.txt"
    pd.DataFrame({"gene": ["7157", "3845"], "00123": [6.0, 7.0]}).to_parquet(folder.path / "e.parquet")
    names = ["ENSG00000133703.14", "ENSG00000141510"]
    pd.DataFrame({"gene": names, "1E5": [8.0, 9.0]}).to_parquet(folder.path / "f.parquet")
    folder.assay("e.parquet", id_type="entrez")
    folder.assay("f.parquet", id_type="ensembl")
    table = read_study(folder.write()).assays[Assay.EXPRESSION]
    assert table.genes == ("KRAS", "TP53")
    np.testing.assert_array_equal(table.values[:2, :, 0], [[7, 6], [8, 9]])


def test_symbols_entrez_and_ensembl_ids_in_one_file_resolve_with_their_counts(folder):
    (folder.path / "hgnc.txt").write_text(
        "symbol\tprev_symbol\talias_symbol\tentrez_id\tensembl_gene_id\n"
        "TP53\t\tp53\t7157\tENSG00000141510\nKRAS\tKRAS2\t\t3845\tENSG00000133703\n"
        "MYC\t\tc-Myc\t4609\tENSG00000136997\nEGFR\t\tERBB\t1956\tENSG00000146648\n"
    )
    folder.study["genes"] = "hgnc.txt"
    folder.put("e.tsv", "gene 00123", "TP53 1", "KRAS2 2", "4609 3", "ENSG00000146648.17 4", "NOSUCH1 5")
    folder.assay("e.tsv", unit="log2_tpm")
    table = folder.read().assays[Assay.EXPRESSION]
    assert table.genes == ("EGFR", "KRAS", "MYC", "TP53")
    assert table.values[0, :, 0].tolist() == [4, 2, 3, 1]
    counted = "1 approved symbols, 1 former symbols, 1 Entrez ids, 1 Ensembl ids, 1 unknown"
    assert f"e.tsv: names genes in several ways: {counted}. Each was read by its look" in folder.told()


def test_a_few_ids_among_symbols_do_not_stop_a_file_without_a_table_of_ids(folder):
    folder.put("e.tsv", "gene 00123", "TP53 1", "KRAS 2", "ENSG00000146648 4")
    folder.assay("e.tsv", unit="log2_tpm")
    assert folder.read().assays[Assay.EXPRESSION].genes == ("KRAS", "TP53")
    assert (
        "warning: e.tsv: 1 gene names are Ensembl ids, and the gene table has no Ensembl ids" in folder.told()
    )


def test_a_table_of_symbols_and_entrez_ids_keeps_the_packages_own_names(folder):
    folder.put("genes.tsv", "symbol entrez impact", "KMT2A 4297 1", "NOENTREZ _ 0")
    folder.put("m.tsv", "gene 00123", "4297 1", "WHSC1 0", "999999 1")
    folder.study["genes"] = "genes.tsv"
    folder.assay("m.tsv", unit="calls", assay="mutation", id_type="entrez")
    assert folder.read().assays[Assay.MUTATION].genes == ("KMT2A", "NSD2")
    assert "1 Entrez ids are in no gene of the table (999999). They were left out." in folder.told()


def test_one_table_holds_several_assays_by_their_prefixes(folder):
    folder.put("t.tsv", "f 00123", "gex_TP53.7157 3", "gex_KRAS.3845 4", "cnv_TP53 -2", "cnv_MYC 1")
    folder.assay("t.tsv", unit="log2_rsem", id_column="f", prefix="gex_", name_pattern=r"^(.+)\.\d+$")
    folder.assay("t.tsv", unit="discrete", assay="copy_number", id_column="f", prefix="cnv_")
    cohort = folder.read()
    assert cohort.assays[Assay.EXPRESSION].genes == ("KRAS", "TP53")
    assert cohort.assays[Assay.COPY_NUMBER].genes == ("MYC", "TP53")
    folder.study["assays"][0]["prefix"] = "expr_"
    assert "t.tsv: has no feature whose name begins with 'expr_'" in folder.errors()[0]


PROBES = ["1_at", "2_s_at", "3_at", "4_at", "5_x_at", "6_at"]


GENES_OF_PROBES = ("1_at TP53", "2_s_at TP53", "3_at KRAS", "4_at _", "5_x_at A1///A2")


@pytest.fixture
def chip(folder):
    """Six probes: two of TP53, one of KRAS, one of none, one of two genes, one that the table lacks."""
    levels = np.array([[8, 9, np.nan, 7], [6, np.nan, np.nan, 9], [4, 4, 4, 4], *[[1, 1, 1, 1]] * 3])
    frame = pd.DataFrame(levels, columns=SAMPLES)
    frame.insert(0, "gene", PROBES)
    frame.to_parquet(folder.path / "chip.parquet")
    folder.put("annotation.csv", "probe symbol", *GENES_OF_PROBES)
    names = {"file": "annotation.csv", "name_column": "probe", "gene_column": "symbol"}
    folder.assay("chip.parquet", unit="log2_intensity", names=names)
    return folder


def test_probes_without_one_gene_are_left_out_and_told(chip):
    chip.study["assays"][0]["repeated"] = "mean"
    assert chip.read().assays[Assay.EXPRESSION].genes == ("KRAS", "TP53")
    told = "3 of 6 features have no gene of their own in annotation.csv, 1 of them several"
    assert f"chip.parquet: {told} (4_at, 5_x_at, 6_at)" in chip.told()


def test_several_rows_of_a_gene_are_refused_unless_the_study_file_asks(chip):
    (error,) = chip.errors()
    assert "chip.parquet, lines [1, 2], value 'TP53': the gene stands twice" in error
    assert "declare repeated: mean or max in the study file; metarisk does not choose" in error


@pytest.mark.parametrize(("rule", "levels"), [("mean", [7, 9, np.nan, 8]), ("max", [8, 9, np.nan, 9])])
def test_several_rows_of_a_gene_are_aggregated_when_asked(chip, rule, levels):
    chip.study["assays"][0]["repeated"] = rule
    table = chip.read().assays[Assay.EXPRESSION]
    np.testing.assert_array_equal(table.values[:, table.genes.index("TP53"), 0], levels)
    assert f"1 rows are further rows of a gene. Their {rule} was taken, of each sample" in chip.told()


def test_aggregation_agrees_with_pandas(folder):
    rng = np.random.default_rng(4)
    genes = rng.choice(["TP53", "KRAS", "MLL", "KMT2A", "MYC"], size=60)
    values = np.where(rng.random((60, 4)) < 0.2, np.nan, rng.normal(8, 2, (60, 4)))
    frame = pd.DataFrame(values.astype(np.float32), columns=SAMPLES)
    frame.insert(0, "gene", genes)
    frame.to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet", unit="log2_intensity", repeated="mean")
    table = folder.read().assays[Assay.EXPRESSION]
    expected = frame.assign(gene=frame["gene"].replace("MLL", "KMT2A")).groupby("gene").mean()
    assert table.genes == tuple(expected.index)
    np.testing.assert_allclose(table.values[:, :, 0], expected[SAMPLES].T, rtol=1e-6)


def test_a_table_of_names_for_another_chip_is_an_error(chip):
    chip.put("annotation.csv", "probe,symbol", "ILMN_1,TP53")
    chip.study["assays"][0]["names"]["file"] = "annotation.csv"
    assert "shares no feature with annotation.csv. Check `names` in the study file" in chip.errors()[0]


def test_only_the_genes_that_the_study_names_are_read(folder):
    folder.put("wanted.tsv", "id symbol", "1 KMT2A", "2 TP53")
    folder.study["only_genes"] = "wanted.tsv"
    folder.put("e.tsv", "gene 00123", "TP53 1", "MLL 2", "KRAS 3")
    folder.assay("e.tsv", unit="log2_tpm")
    assert folder.read().assays[Assay.EXPRESSION].genes == ("KMT2A", "TP53")
    assert "1 of 3 genes are not among those that the study reads. They were left out" in folder.told()


def test_a_list_of_genes_that_names_none_is_refused(folder):
    folder.put("wanted.tsv", "id note", "a/b x")
    folder.study["only_genes"] = "wanted.tsv"
    assert "wanted.tsv: its column id names no gene" in folder.errors()[0]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("2-Sep", "error: e.tsv: 1 gene names look damaged by a spreadsheet (2-Sep = SEPTIN2)"),
        ("Kras", "error: e.tsv: 1 gene names are written as mouse genes are (Kras)"),
        (
            "MLL4",
            "warning: e.tsv: 1 names are aliases of several genes (MLL4 = KMT2B or KMT2D) and were left out",
        ),
        ("PARK2", "warning: e.tsv: 1 names are not approved symbols and were mapped (PARK2 -> PRKN)"),
    ],
)
def test_a_name_that_is_no_approved_symbol_is_told_for_what_it_is(folder, name, sentence):
    folder.put("e.tsv", "gene 00123", f"{name} 1", "KRAS 2", "TP53 3")
    folder.assay("e.tsv", unit="log2_tpm")
    assert sentence in folder.told()
