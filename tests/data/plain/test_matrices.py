"""Matrices of a study file: form, unit, orientation, cohorts, genes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metarisk.data import inspect_study, read_study
from metarisk.schema.assays import Assay

GENES = [f"GENE{n}" for n in range(40)]
SAMPLES = ["00123", "1E5", "NA", "x-4"]


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, 2.0, size=(len(GENES), len(SAMPLES))) + 3.0


def frame_of(values: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=SAMPLES)
    frame.insert(0, "gene", GENES)
    return frame


@pytest.mark.parametrize("name", ["e.tsv", "e.csv", "e.tsv.gz", "e.parquet"])
@pytest.mark.parametrize("orientation", ["genes_in_rows", "samples_in_rows"])
def test_every_format_and_orientation_reads_the_same(folder, values, name, orientation):
    frame = frame_of(values)
    column = "gene"
    if orientation == "samples_in_rows":
        frame, column = frame.set_index("gene").T.rename_axis("sample").reset_index(), "sample"
    if name.endswith("parquet"):
        frame.to_parquet(folder.path / name)
    else:
        frame.to_csv(folder.path / name, sep="," if "csv" in name else "\t", index=False)
    folder.assay(name, orientation=orientation, id_column=column)
    cohort = read_study(folder.write())
    table = cohort.assays[Assay.EXPRESSION]
    assert cohort.sample_ids.tolist() == SAMPLES
    order = [table.genes.index(gene) for gene in GENES]
    np.testing.assert_allclose(table.values[:, order, 0], values.T, rtol=1e-6)
    np.testing.assert_array_equal(cohort.endpoints["response"], [1, 0, np.nan, 1])
    np.testing.assert_array_equal(cohort.clinical["age_years"], [50, 60, np.nan, 70])


def test_a_turned_matrix_is_named_with_the_fix(folder, values):
    frame_of(values).to_csv(folder.path / "e.tsv", sep="\t", index=False)
    folder.assay("e.tsv", orientation="samples_in_rows")
    (error,) = folder.errors()
    assert "is declared as samples_in_rows, but the sample ids stand in its columns" in error
    assert "Declare orientation: genes_in_rows" in error


@pytest.mark.parametrize(
    ("change", "unit", "guess"),
    [
        (lambda v: np.exp2(v) * 10, "log2_tpm", "look like linear values"),
        (lambda v: np.rint(np.exp2(v) * 10), "log2_tpm", "look like counts"),
        (lambda v: np.rint(np.exp2(v) * 10), "tpm", "look like counts"),
        (lambda v: v - v.mean(axis=1, keepdims=True), "log2_tpm", "look like z-scores"),
        (lambda v: np.log2(v + 1), "log2_tpm", "look like values logged twice"),
        (
            lambda v: np.where(v < 4.0, np.log2(0.001), v),
            "log2_tpm",
            "log2 values with a pseudocount below 1",
        ),
        (lambda v: v, "z_score", "look like log2 values"),
        (lambda v: v, "counts", "look like log2 values"),
    ],
)
def test_a_unit_that_the_values_contradict_is_guessed_by_name(folder, values, change, unit, guess):
    frame_of(change(values)).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet", unit=unit)
    assert any(f"declared as {unit}, but" in error and guess in error for error in folder.errors())


def test_one_linear_sample_among_log2_ones_is_named(folder, values):
    values[:, 2] = np.exp2(values[:, 2]) * 10
    frame_of(values).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet")
    (error,) = folder.errors()
    assert "1 samples look like linear values (TPM or FPKM) (NA)" in error


def test_a_declared_pseudocount_is_told_again_as_one(folder):
    tpm = np.random.default_rng(1).gamma(0.5, 200.0, size=(len(GENES), len(SAMPLES)))
    frame_of(np.log2(tpm + 0.001)).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet", pseudocount=0.001)
    table = read_study(folder.write()).assays[Assay.EXPRESSION]
    order = [table.genes.index(gene) for gene in GENES]
    np.testing.assert_allclose(table.values[:, order, 0], np.log2(tpm + 1).T, atol=1e-4)


def test_infinite_and_all_zero_samples_are_left_out_and_listed(folder, values):
    values[3, 0], values[:, 1] = np.inf, 0.0
    frame_of(values).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet")
    reading = inspect_study(folder.write())
    told = "\n".join(map(str, reading.findings))
    assert "1 samples hold an infinite value (00123)" in told
    assert "1 samples are zero throughout (1E5)" in told
    assert reading.cohort.assays[Assay.EXPRESSION].units.tolist() == ["", "", "log2_tpm", "log2_tpm"]


def test_several_cohorts_unite_their_genes_and_keep_their_units(folder, values):
    folder.clinical["cohort"] = ["a", "a", "b", "b"]
    folder.clinical["sample"] = ["s1", "s2", "s1", "s2"]
    folder.study["clinical_file"]["cohort_column"] = "cohort"
    log2 = pd.DataFrame({"gene": GENES[:30], "s1": values[:30, 0], "s2": values[:30, 1]})
    tpm = pd.DataFrame({"gene": GENES[10:], "s1": 2 ** values[10:, 2], "s2": 2 ** values[10:, 3] + 0.5})
    log2.to_parquet(folder.path / "a.parquet")
    tpm.to_parquet(folder.path / "b.parquet")
    folder.assay("a.parquet", cohort="a")
    folder.assay("b.parquet", unit="tpm", cohort="b")
    cohort = read_study(folder.write())
    table = cohort.assays[Assay.EXPRESSION]
    assert cohort.sample_ids.tolist() == ["a:s1", "a:s2", "b:s1", "b:s2"]
    assert cohort.patient_ids.tolist() == ["a:s1", "a:s2", "b:s1", "b:s2"]
    assert table.units.tolist() == ["log2_tpm", "log2_tpm", "tpm", "tpm"]
    assert table.measured.sum(axis=1).tolist() == [30, 30, 30, 30]
    assert np.isnan(table.values[0, table.genes.index("GENE39"), 0])


def test_patients_come_from_the_column_then_the_pattern_then_the_sample(folder):
    folder.clinical = pd.DataFrame(
        {
            "sample": ["7.0_1", "7.0_2", "nan_3", "q"],
            "patient": ["", "", "", "P9"],
            "age": "50",
            "response": "1",
        }
    )
    folder.study["clinical_file"] |= {"patient_column": "patient", "patient_pattern": r"^(\d+)\.0_\d+$"}
    assert read_study(folder.write()).patient_ids.tolist() == ["7", "7", "nan_3", "P9"]


def test_calls_without_a_class_stand_in_the_missense_channel(folder):
    frame = pd.DataFrame({"gene": ["TP53", "KRAS"], "00123": [1, 0], "1E5": [0, 1], "NA": [0, 0]})
    frame.to_parquet(folder.path / "m.parquet")
    folder.assay("m.parquet", unit="calls", assay="mutation")
    table = read_study(folder.write()).assays[Assay.MUTATION]
    assert table.genes == ("KRAS", "TP53")
    np.testing.assert_array_equal(table.values[0], [[0, 0, 0, np.nan], [0, 1, 0, np.nan]])
    assert np.isnan(table.values[3]).all()


def test_scaled_integers_come_back_as_ratios(folder):
    frame = pd.DataFrame({"gene": ["TP53", "KRAS"], "00123": np.array([-20, 10], dtype=np.int8)})
    frame.to_parquet(folder.path / "c.parquet")
    folder.assay("c.parquet", unit="log2_ratio", assay="copy_number", scale=0.05)
    table = read_study(folder.write()).assays[Assay.COPY_NUMBER]
    assert table.values[0, :, 0].tolist() == [0.5, -1.0]


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


def test_signatures_keep_their_own_names(folder):
    frame = pd.DataFrame({"gene": ["IFNG Ayers", "2-Sep"], "00123": [0.1, -0.2]})
    frame.to_parquet(folder.path / "s.parquet")
    folder.assay("s.parquet", unit="score", assay="signature")
    assert read_study(folder.write()).assays[Assay.SIGNATURE].genes == ("IFNG Ayers", "2-Sep")


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


def test_a_truncated_parquet_is_told_with_its_bytes(folder, values):
    frame_of(values).to_parquet(folder.path / "e.parquet")
    whole = (folder.path / "e.parquet").read_bytes()
    (folder.path / "e.parquet").write_bytes(whole[:-100])
    folder.assay("e.parquet")
    (error,) = folder.errors()
    assert f"is not a whole parquet file ({len(whole) - 100} bytes)" in error


def test_a_pointer_where_a_parquet_should_be_is_named(folder):
    (folder.path / "e.parquet").write_text("version https://git-lfs.github.com/spec/v1\n")
    folder.assay("e.parquet")
    assert "is a git-lfs pointer" in folder.errors()[0]


def test_a_column_of_text_in_a_parquet_is_named(folder):
    pd.DataFrame({"gene": ["TP53"], "00123": ["low"]}).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet")
    assert "column 00123: holds string, not numbers" in folder.errors()[0].replace("large_string", "string")


def test_a_missing_id_column_is_named(folder, values):
    frame_of(values).rename(columns={"gene": "symbol"}).to_csv(folder.path / "e.tsv", sep="\t", index=False)
    folder.assay("e.tsv")
    assert "has no column 'gene'. It has symbol, 00123" in folder.errors()[0]


@pytest.mark.parametrize("file", ["../e.tsv", "/etc/passwd"])
def test_a_file_outside_the_folder_is_refused(folder, file):
    folder.assay(file)
    assert "names a file outside the study's folder" in folder.errors()[0]


def test_the_same_sample_in_two_tables_of_an_assay_is_an_error(folder, values):
    frame_of(values).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet")
    folder.assay("e.parquet")
    assert "4 samples stand in two tables of the assay (00123, 1E5, NA, x-4)" in folder.errors()[0]


def test_a_quoted_comma_is_no_separator(folder):
    folder.clinical["note"] = ["a, b", 'says "x"', "", "line"]
    assert len(read_study(folder.write())) == 4


def test_a_later_fact_cannot_be_a_clinical_column(folder):
    folder.clinical["met_count"] = "3"
    folder.study["clinical"] = {"therapy_line": "met_count"}
    assert "cannot be read from met_count: it counts metastases of the whole course" in folder.errors()[0]


def test_an_unknown_clinical_column_gets_the_nearest_name(folder):
    folder.study["clinical"] = {"age_year": "age"}
    assert (
        "clinical.age_year is not a clinical column of metarisk. Did you mean 'age_years'?"
        in folder.errors()[0]
    )


def test_categories_can_be_recoded(folder):
    folder.clinical["code"] = ["KIRC", "SKCM", "Unknown", ""]
    folder.study["clinical"] = {"cancer_type": "code"}
    folder.study["recode"] = {"cancer_type": {"KIRC": "CCRCC"}}
    assert read_study(folder.write()).clinical["cancer_type"].tolist() == ["CCRCC", "SKCM", None, None]


def test_one_declaration_reads_several_files_of_the_same_form(folder, values):
    frame = frame_of(values)
    frame[["gene", "00123"]].to_parquet(folder.path / "e_A.parquet")
    frame[["gene", "NA", "x-4"]].to_parquet(folder.path / "e_B.parquet")
    folder.assay("e_{}.parquet", each=["A", "B"])
    table = folder.read().assays[Assay.EXPRESSION]
    assert table.units.tolist() == ["log2_tpm", "", "log2_tpm", "log2_tpm"]
    np.testing.assert_allclose(table.values[3, :, 0], frame.set_index("gene")["x-4"][list(table.genes)])


def test_a_warning_of_many_alike_files_is_told_once_and_errors_each(folder):
    for name, sample in (("A", "00123"), ("B", "1E5"), ("C", "NA")):
        folder.put(f"c_{name}.tsv", f"gene {sample}", "MLL 1", "WHSC1 0" if name == "A" else "MYCL1 0")
    folder.assay("c_{}.tsv", unit="discrete", assay="copy_number", each=["A", "B", "C"])
    told = folder.told()
    assert told.count("names are not approved symbols") == 1
    assert "c_A.tsv: 2 names are not approved symbols and were mapped (MLL -> KMT2A, WHSC1 -> NSD2)" in told
    assert "2 former symbols, of 2; likewise in 2 more files" in told
    for name, sample in (("A", "00123"), ("B", "1E5"), ("C", "NA")):
        folder.put(f"c_{name}.tsv", f"gene {sample}", "KRAS 9", "TP53 0")
    assert len(folder.errors()) == 3


@pytest.mark.parametrize(("index", "column"), [(None, "index"), ("cell", "cell")])
def test_an_index_that_pandas_stored_is_a_column(folder, index, column):
    frame = pd.DataFrame({"7157": [1.0, 0.0], "3845": [0.0, 1.0]}, index=["1E5", "00123"])
    frame.rename_axis(index).to_parquet(folder.path / "m.parquet")
    folder.put("genes.tsv", "symbol entrez", "TP53 7157.0", "KRAS 3845")
    folder.study["genes"] = "genes.tsv"
    more = {"orientation": "samples_in_rows", "id_column": column, "id_type": "entrez"}
    folder.assay("m.parquet", unit="calls", assay="mutation", **more)
    table = folder.read().assays[Assay.MUTATION]
    assert table.genes == ("KRAS", "TP53")
    np.testing.assert_array_equal(table.values[:2, :, 1], [[1, 0], [0, 1]])


def test_a_table_of_symbols_and_entrez_ids_keeps_the_packages_own_names(folder):
    folder.put("genes.tsv", "symbol entrez impact", "KMT2A 4297 1", "NOENTREZ _ 0")
    folder.put("m.tsv", "gene 00123", "4297 1", "WHSC1 0", "999999 1")
    folder.study["genes"] = "genes.tsv"
    folder.assay("m.tsv", unit="calls", assay="mutation", id_type="entrez")
    assert folder.read().assays[Assay.MUTATION].genes == ("KMT2A", "NSD2")
    assert "1 Entrez ids are in no gene of the table (999999). They were left out." in folder.told()


def test_features_of_their_own_kind_stand_on_no_gene(folder):
    folder.put("b.tsv", "probe 00123 1E5", "cg0012 0.25 0.5", "cg0001 0.75 1")
    folder.assay("b.tsv", unit="beta", assay="methylation", id_column="probe", id_type="feature")
    table = folder.read().assays[Assay.METHYLATION]
    assert table.genes == ("cg0012", "cg0001")
    np.testing.assert_array_equal(table.values[:2, :, 0], [[0.25, 0.75], [0.5, 1.0]])
    assert folder.told() == ""


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


def test_a_copy_number_ratio_with_a_pseudocount_is_told_again_without(folder):
    ratio = np.array([[1.0, 2.0], [0.5, 0.0]], dtype=np.float32)
    frame = pd.DataFrame(np.log2(ratio + 1), columns=["00123", "1E5"])
    frame.insert(0, "gene", ["KRAS", "TP53"])
    frame.to_parquet(folder.path / "c.parquet")
    folder.assay("c.parquet", unit="log2_ratio", assay="copy_number", pseudocount=1)
    table = folder.read().assays[Assay.COPY_NUMBER]
    # A gene that is lost altogether has no logarithm: the floor of -6 stands for it.
    np.testing.assert_allclose(table.values[:2, :, 0], [[0, -1], [1, -6]], atol=1e-6)


def test_counted_mutations_become_calls_only_where_declared(folder):
    folder.put("m.tsv", "gene 00123 1E5", "TTN 7 0", "TP53 1 0")
    folder.assay("m.tsv", unit="calls", assay="mutation")
    assert "1 values are out of range; calls are 0 or 1" in folder.errors()[0]
    folder.study["assays"][0]["clip"] = [0, 1]
    assert folder.read().assays[Assay.MUTATION].values[:2, :, 1].tolist() == [[1, 1], [0, 0]]


def test_columns_that_are_neither_ids_nor_values_are_skipped_when_named(folder):
    folder.put("c.tsv", "gene cytoband 00123", "TP53 17p13.1 -1", "KRAS 12p12.1 2")
    folder.assay("c.tsv", unit="discrete", assay="copy_number", skip=["cytoband"])
    assert folder.read().assays[Assay.COPY_NUMBER].values[0, :, 0].tolist() == [2, -1]
    folder.study["assays"][0] |= {"skip": ["cytoband"], "id_column": "symbol"}
    assert "c.tsv: has no column 'symbol'. It has gene, cytoband, 00123" in folder.errors()[0]
    folder.study["assays"][0] |= {"skip": ["cytobands"], "id_column": "gene"}
    assert "has no column 'cytobands'. Did you mean 'cytoband'?" in folder.errors()[0]


@pytest.mark.parametrize(
    ("assay", "unit", "left_out"),
    [
        ("expression", "z_score", True),
        ("expression", "counts", True),
        ("methylation", "beta", True),
        ("methylation", "m_value", True),
        ("microrna", "log2_rpm", True),
        ("protein", "z_score", True),
        ("metabolite", "log2_intensity", True),
        ("signature", "score", True),
        ("cell_fraction", "fraction", True),
        ("copy_number", "log2_ratio", False),
        ("copy_number", "discrete", False),
        ("mutation", "calls", False),
    ],
)
def test_all_zero_samples_are_unmeasured_but_where_zero_is_an_answer(folder, assay, unit, left_out):
    folder.put("a.tsv", "gene 00123 1E5", "TP53 0 1", "KRAS 0 0")
    folder.assay("a.tsv", unit=unit, assay=assay)
    assert folder.read().assays[Assay(assay)].units.tolist() == ["" if left_out else unit, unit, "", ""]
    assert ("1 samples are zero throughout (00123)" in folder.told()) == left_out


@pytest.mark.parametrize("unit", ["z_score", "log2_ratio", "beta", "calls", "score"])
def test_a_sample_with_an_infinite_value_is_left_out_whatever_the_unit(folder, unit):
    assays = {"log2_ratio": "copy_number", "beta": "methylation", "calls": "mutation", "score": "signature"}
    folder.put("a.tsv", "gene 00123 1E5", "TP53 inf 1", "KRAS 1 0")
    folder.assay("a.tsv", unit=unit, assay=assays.get(unit, "expression"))
    assert "a.tsv: 1 samples hold an infinite value (00123)" in folder.told()


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


def test_antibodies_keep_their_genes_when_r_has_changed_their_names(folder):
    folder.put(
        "p.tsv", "gene 00123", "X1433BETA 1", "PI3K-p110-alpha 2", "X4EBP1_pS65 3", "CASPASE7CLEAVEDD198 4",
        "TTF1 5", "Myosin-IIa-pS1943 6",
    )  # fmt: skip
    folder.assay("p.tsv", unit="z_score", assay="protein")
    assert folder.read().assays[Assay.PROTEIN].genes == ("NKX2-1", "PIK3CA", "YWHAB")
    assert "3 antibodies are against phosphorylation sites or other states of a protein" in folder.told()


def test_each_cohort_has_a_file_of_its_name(folder, values):
    folder.clinical["cohort"] = ["a", "a", "b", "b"]
    folder.clinical["sample"] = ["s1", "s2", "s1", "s2"]
    folder.say(cohort_column="cohort")
    for name, shift in (("a", 0.0), ("b", 1.0)):
        frame = pd.DataFrame({"gene": GENES, "s1": values[:, 0] + shift, "s2": values[:, 1] + shift})
        frame.to_parquet(folder.path / f"{name}.parquet")
    folder.assay("{}.parquet", each=["a", "b"], cohort="{}")
    table = folder.read().assays[Assay.EXPRESSION]
    assert table.sample_ids.tolist() == ["a:s1", "a:s2", "b:s1", "b:s2"]
    np.testing.assert_allclose(table.values[2:], table.values[:2] + 1, rtol=1e-6)
