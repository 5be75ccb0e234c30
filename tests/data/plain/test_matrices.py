"""Matrices of a study file: form, orientation, cohorts, damage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metarisk.data import read_study
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


def test_calls_without_a_class_stand_in_the_missense_channel(folder):
    frame = pd.DataFrame({"gene": ["TP53", "KRAS"], "00123": [1, 0], "1E5": [0, 1], "NA": [0, 0]})
    frame.to_parquet(folder.path / "m.parquet")
    folder.assay("m.parquet", unit="calls", assay="mutation")
    table = read_study(folder.write()).assays[Assay.MUTATION]
    assert table.genes == ("KRAS", "TP53")
    np.testing.assert_array_equal(table.values[0], [[0, 0, 0, np.nan], [0, 1, 0, np.nan]])
    assert np.isnan(table.values[3]).all()


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


def test_columns_that_are_neither_ids_nor_values_are_skipped_when_named(folder):
    folder.put("c.tsv", "gene cytoband 00123", "TP53 17p13.1 -1", "KRAS 12p12.1 2")
    folder.assay("c.tsv", unit="discrete", assay="copy_number", skip=["cytoband"])
    assert folder.read().assays[Assay.COPY_NUMBER].values[0, :, 0].tolist() == [2, -1]
    folder.study["assays"][0] |= {"skip": ["cytoband"], "id_column": "symbol"}
    assert "c.tsv: has no column 'symbol'. It has gene, cytoband, 00123" in folder.errors()[0]
    folder.study["assays"][0] |= {"skip": ["cytobands"], "id_column": "gene"}
    assert "has no column 'cytobands'. Did you mean 'cytoband'?" in folder.errors()[0]


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
