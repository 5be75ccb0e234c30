"""The clinical table of a folder of plain tables: turned, joined, blanked, completed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metarisk.data import read_study
from metarisk.schema.assays import Assay


def turned(folder) -> None:
    folder.put(
        "both.tsv", "feature a b c", "age 50 60 _", "died 1 0 1", "time 5 6 7", "TP53 2 3 4", "KRAS 5 6 7"
    )
    folder.say(
        file="both.tsv", orientation="genes_in_rows", sample_column="feature", rows=["age", "died", "time"]
    )
    follow_up = {"time": "time", "unit": "months", "status": "died", "event": ["1"], "censored": ["0"]}
    folder.study["endpoints"] = {"os": follow_up}


def test_a_turned_table_gives_the_clinic_and_the_assay(folder):
    turned(folder)
    folder.assay("both.tsv", unit="log2_rsem", id_column="feature")
    cohort = folder.read()
    assert cohort.sample_ids.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(cohort.clinical["age_years"], [50, 60, np.nan])
    np.testing.assert_array_equal(cohort.endpoints["os.event"], [1, 0, 1])
    assert cohort.assays[Assay.EXPRESSION].genes == ("KRAS", "TP53")
    assert folder.told() == ""


def test_a_turned_parquet_reads_as_the_same_text_does(folder):
    turned(folder)
    folder.assay("both.tsv", unit="log2_rsem", id_column="feature")
    text = folder.read()
    frame = pd.read_csv(folder.path / "both.tsv", sep="\t").set_index("feature")
    frame.astype("float32").to_parquet(folder.path / "both.parquet")
    folder.say(file="both.parquet")
    folder.study["assays"][0]["file"] = "both.parquet"
    stored = folder.read()
    pd.testing.assert_frame_equal(stored.clinical, text.clinical)
    pd.testing.assert_frame_equal(stored.endpoints, text.endpoints)
    folder.say(rows=["age", "died", "times"])
    assert "both.parquet, value 'times': has no row 'times'. Did you mean 'time'?" in folder.errors()[0]


def test_a_turned_parquet_whose_rows_have_no_names_is_told(folder):
    pd.DataFrame({"feature": [1, 2], "a": [1.0, 2.0]}).to_parquet(folder.path / "t.parquet")
    folder.say(file="t.parquet", orientation="genes_in_rows", sample_column="feature", rows=["age"])
    assert "t.parquet, value 'age': has no row 'age'" in folder.errors()[0]


def test_clinical_rows_that_are_absent_or_stand_twice_are_named(folder):
    turned(folder)
    folder.say(rows=["age", "died", "times"])
    assert "both.tsv, value 'times': has no row 'times'. Did you mean 'time'?" in folder.errors()[0]
    folder.put("both.tsv", "feature a", "age 50", "age 51", "died 1", "time 2")
    folder.say(rows=["age", "died", "time"])
    assert "value 'age': the clinical row stands twice" in folder.errors()[0]


def test_further_tables_join_by_an_id(folder):
    folder.put("blood.csv", "person,albumin,nlr", "x-4,3.9,2", "00123,4.1,NA", "gone,1,1")
    folder.say(further=[{"file": "blood.csv", "column": "person", "joins": "sample"}])
    folder.study["clinical"] |= {"albumin_g_per_dl": "albumin", "nlr": "nlr"}
    clinical = folder.read().clinical
    np.testing.assert_array_equal(clinical["albumin_g_per_dl"], [4.1, np.nan, np.nan, 3.9])
    np.testing.assert_array_equal(clinical["nlr"], [np.nan, np.nan, np.nan, 2])
    told = "blood.csv: 1 of its 3 ids are not in the first clinical table (gone). Their rows were left out."
    assert told in folder.told()


def test_a_further_table_is_in_the_hash_of_the_study(folder):
    folder.put("blood.csv", "person,nlr", "x-4,2")
    folder.say(further=[{"file": "blood.csv", "column": "person", "joins": "sample"}])
    before = folder.read().provenance.sha256
    folder.put("blood.csv", "person,nlr", "x-4,3")
    assert folder.read().provenance.sha256 != before


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["person,nlr", "q,2"], "blood.csv: shares no id with the first clinical table (q)"),
        (
            ["person,nlr", "x-4,2", "x-4,3"],
            "blood.csv, lines [2, 3], column person, value 'x-4': the id stands twice",
        ),
        (
            ["persons,nlr", "x-4,2"],
            "blood.csv, column person: has no column 'person'. Did you mean 'persons'?",
        ),
    ],
)
def test_a_further_table_that_does_not_fit_is_an_error(folder, lines, sentence):
    folder.put("blood.csv", *lines)
    folder.say(further=[{"file": "blood.csv", "column": "person", "joins": "sample"}])
    assert sentence in folder.errors()[0]


def test_the_first_table_wins_over_a_further_one_and_says_so(folder):
    folder.put("more.csv", "person,age", "x-4,99")
    folder.say(further=[{"file": "more.csv", "column": "person", "joins": "sample"}])
    np.testing.assert_array_equal(folder.read().clinical["age_years"], [50, 60, np.nan, 70])
    assert "more.csv: has columns that another clinical table has already (age)" in folder.told()


def test_what_all_rows_share_is_said_once(folder):
    folder.say(constants={"tumour": "BRCA"})
    folder.study["clinical"]["cancer_type"] = "tumour"
    assert folder.read().clinical["cancer_type"].tolist() == ["BRCA"] * 4


def test_filled_in_constants_are_blanked_where_declared(folder):
    folder.clinical["cohort"] = ["a", "b", "b", "a"]
    folder.clinical["albumin"] = ["3.1", "3.8", "3.8", "4.4"]
    folder.study["clinical"]["albumin_g_per_dl"] = "albumin"
    folder.say(blank=[{"columns": ["albumin"], "where": {"cohort": ["b"]}}])
    np.testing.assert_array_equal(folder.read().clinical["albumin_g_per_dl"], [3.1, np.nan, np.nan, 4.4])
    assert "clinical.csv, column albumin: 2 values were blanked, by cohort" in folder.told()


@pytest.mark.parametrize(
    ("blank", "sentence"),
    [
        ({"columns": ["age"], "where": {"response": ["7"]}}, "holds no value to blank in the rows"),
        ({"columns": ["ages"], "where": {"response": ["1"]}}, "has no column 'ages'. Did you mean 'age'?"),
        ({"columns": ["age"], "where": {"respons": ["1"]}}, "has no column 'respons'"),
    ],
)
def test_a_blank_that_meets_nothing_is_an_error(folder, blank, sentence):
    folder.say(blank=[blank])
    assert sentence in "\n".join(folder.errors())


def test_numbers_in_another_unit_are_rescaled_where_declared(folder):
    folder.clinical["cohort"] = ["exome", "panel", "exome", "exome"]
    folder.clinical["tmb"] = ["190", "5.5", "", " 380"]
    folder.study["clinical"]["tmb_per_mb"] = "tmb"
    folder.say(rescale=[{"columns": ["tmb"], "where": {"cohort": ["exome"]}, "factor": 1 / 38}])
    np.testing.assert_allclose(folder.read().clinical["tmb_per_mb"], [5.0, 5.5, np.nan, 10.0])
    assert "clinical.csv, column tmb: 2 numbers were multiplied by 0.0263158, by cohort" in folder.told()


def test_text_among_rescaled_numbers_is_still_an_error(folder):
    folder.clinical["age"] = ["50", "old", "", "70"]
    folder.say(rescale=[{"columns": ["age"], "where": {"response": ["1", "0"]}, "factor": 0.5}])
    assert "holds 1 values that are not numbers" in "\n".join(folder.errors())


@pytest.mark.parametrize(
    ("rescale", "sentence"),
    [
        ({"columns": ["age"], "where": {"response": ["7"]}}, "holds no number to rescale in the rows"),
        ({"columns": ["ages"], "where": {"response": ["1"]}}, "has no column 'ages'. Did you mean 'age'?"),
    ],
)
def test_a_rescale_that_meets_nothing_is_an_error(folder, rescale, sentence):
    folder.say(rescale=[rescale | {"factor": 0.5}])
    assert sentence in "\n".join(folder.errors())


def with_an_assay_of(folder, *samples: str) -> None:
    folder.put("c.tsv", f"gene {' '.join(samples)}", "TP53" + " 1" * len(samples))
    folder.assay("c.tsv", unit="discrete", assay="copy_number")


def test_samples_with_an_assay_only_are_left_out_and_told(folder):
    with_an_assay_of(folder, "00123", "new")
    assert folder.read().sample_ids.tolist() == ["00123", "1E5", "NA", "x-4"]
    assert "copy_number: 1 samples are not in the clinical table (new)" in folder.told()


def test_samples_with_an_assay_only_are_kept_where_declared(folder):
    folder.say(assays_only="keep", constants={"kind": "Cell line"})
    folder.study["clinical"]["sample_type"] = "kind"
    with_an_assay_of(folder, "00123", "new")
    cohort = folder.read()
    assert cohort.sample_ids.tolist() == ["00123", "1E5", "NA", "x-4", "new"]
    assert cohort.patient_ids.tolist()[-1] == "new"
    assert cohort.endpoints.iloc[-1].isna().all()
    assert cohort.clinical["sample_type"].tolist() == ["Cell line"] * 5
    assert cohort.clinical.drop(columns=["patient_id", "sample_type"]).iloc[-1].isna().all()
    assert cohort.assays[Assay.COPY_NUMBER].units.tolist() == ["discrete", "", "", "", "discrete"]
    assert "has no row for 1 samples that an assay has (new). They were kept" in folder.told()


def test_what_keep_leaves_out_stays_out_although_it_has_an_assay(folder):
    folder.say(assays_only="keep")
    folder.study["keep"] = {"response": ["1"]}
    with_an_assay_of(folder, "00123", "1E5", "new")
    assert folder.read().sample_ids.tolist() == ["00123", "x-4", "new"]


def test_samples_without_a_row_still_find_their_patient(folder):
    folder.say(assays_only="keep", patient_pattern=r"^(P\d+)-\d$")
    with_an_assay_of(folder, "00123", "P7-1", "P7-2")
    cohort = folder.read()
    assert cohort.patient_ids.tolist()[-2:] == ["P7", "P7"]
    assert "1 patients have several samples (P7)" in folder.told()


def test_samples_without_a_row_keep_their_cohort(folder):
    folder.clinical["cohort"] = ["a", "a", "b", "b"]
    folder.say(assays_only="keep", cohort_column="cohort", patient_pattern=r"^(P\d+)-\d$")
    folder.put("c.tsv", "gene P7-1 x-4", "TP53 1 0")
    folder.assay("c.tsv", unit="discrete", assay="copy_number", cohort="b")
    assert dict(zip(folder.read().sample_ids, folder.read().patient_ids, strict=True))["b:P7-1"] == "b:P7"


def test_a_row_that_stands_twice_is_no_second_portion_of_a_tumour(folder):
    folder.put("t.tsv", "barcode age", "TCGA-AA-0001-01A 50", "TCGA-AA-0001-01A 51", "TCGA-AA-0002-01A 60")
    folder.say(file="t.tsv", sample_column="barcode", barcode="tcga")
    folder.study["endpoints"] = {}
    (error,) = folder.errors()
    assert "t.tsv, lines [2, 3], column barcode, value 'TCGA-AA-0001-01A': the id stands twice" in error


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


def test_a_sample_without_a_patient_id_is_told(folder):
    folder.clinical["patient"] = ["P1", "", "P2", ""]
    folder.study["clinical_file"] |= {"patient_column": "patient"}
    assert "2 samples have no patient id" in folder.told()
