"""Plain tables with a study file: units, orientation, cohorts, gene names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from metarisk.data import inspect_study, read_study
from metarisk.schema.assays import Assay

GENES = [f"GENE{n}" for n in range(40)]
SAMPLES = ["00123", "1E5", "NA", "x-4"]


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, 2.0, size=(len(GENES), len(SAMPLES))) + 3.0


class Folder:
    """A folder of tables with its study file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.study: dict[str, object] = {
            "name": "plain",
            "format": "tables",
            "folder": ".",
            "clinical_file": {"file": "clinical.csv", "sample_column": "sample"},
            "clinical": {"age_years": "age"},
            "endpoints": {"response": {"column": "response", "yes": ["1"], "no": ["0"]}},
            "assays": [],
        }
        self.clinical = pd.DataFrame(
            {"sample": SAMPLES, "age": ["50", "60", "", "70"], "response": ["1", "0", "", "1"]}
        )

    def assay(self, file: str, unit: str = "log2_tpm", **more: object) -> None:
        row = {
            "assay": "expression",
            "file": file,
            "unit": unit,
            "orientation": "genes_in_rows",
            "id_column": "gene",
        }
        self.study["assays"].append(row | more)

    def write(self) -> Path:
        self.clinical.to_csv(self.path / "clinical.csv", index=False)
        (self.path / "study.yaml").write_text(yaml.safe_dump(self.study))
        return self.path / "study.yaml"

    def errors(self) -> list[str]:
        findings = inspect_study(self.write()).findings
        return [str(finding) for finding in findings if finding.level.value == "error"]


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


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
