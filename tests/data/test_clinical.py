"""Clinical columns: units that cannot be, facts of the future, categories by one name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config.study import StudyFile
from metarisk.data.clinical import map_clinical
from metarisk.data.found import Found
from metarisk.data.source import ClinicalSource
from metarisk.schema.clinical import NUMERIC, leakage_reason


def read(study: dict[str, Any], *, cohort: str = "", **cells: list[str]) -> tuple[pd.DataFrame, Found]:
    n = len(next(iter(cells.values())))
    ids = [f"{cohort}:S{i}" if cohort else f"S{i}" for i in range(n)]
    frame = pd.DataFrame(cells, index=pd.Index(ids, name="sample_id", dtype=object))
    source = ClinicalSource(frame, np.array(ids), dict.fromkeys(cells, "clinic.txt"))
    found: Found = []
    declared = StudyFile.model_validate({"name": "s", "folder": Path(), **study})
    return map_clinical(source, declared, found), found


def many(low: float, high: float) -> list[str]:
    return [f"{value:.2f}" for value in np.linspace(low, high, 30)]


@pytest.mark.parametrize(
    ("name", "values", "guess"),
    [
        ("age_years", many(9_000, 30_000), "ages in days"),
        ("age_years", many(300, 1_000), "ages in months"),
        ("fga", many(2, 90), "percent"),
        ("ctdna_fraction", many(2, 60), "percent"),
        ("albumin_g_per_dl", many(20, 50), "g/L"),
        ("hemoglobin_g_per_dl", many(80, 170), "g/L"),
        ("hemoglobin_g_per_dl", many(5, 10), "mmol/L"),
        ("platelets_per_nl", many(90_000, 500_000), "counts per microlitre"),
        ("tmb_per_mb", many(-1, 5), "logarithms"),
        ("tmb_per_mb", many(20, 1_500), "counts of mutations in an exome"),
        ("pdl1_percent", many(0, 1), "fractions"),
    ],
)
def test_a_number_in_another_unit_is_named(name, values, guess):
    _, found = read({"clinical": {name: "x"}}, x=values)
    assert [finding.level for finding in found] == ["error"]
    assert f"look like {guess}" in str(found[0])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("age_years", many(1, 18)),
        ("age_years", many(30, 90)),
        ("tmb_per_mb", [*many(0, 20), "900"]),
        ("albumin_g_per_dl", many(2, 5)),
        ("hemoglobin_g_per_dl", many(7, 16)),
        ("platelets_per_nl", many(20, 900)),
        ("pdl1_percent", ["0"] * 30),
        ("pdl1_percent", ["0", "1"] * 15),
        ("fga", many(0, 1)),
        ("nlr", many(0.3, 80)),
    ],
)
def test_sound_numbers_pass(name, values):
    frame, found = read({"clinical": {name: "x"}}, x=values)
    assert found == []
    assert frame[name].notna().all()


def test_one_pooled_cohort_with_counts_is_named_by_cohort():
    _, found = read({"clinical": {"tmb_per_mb": "x"}}, cohort="exome", x=many(20, 1_500))
    assert "tmb_per_mb of cohort exome is declared in mutations per Mb, but its values look like" in str(
        found[0]
    )


def test_whole_rates_per_mb_that_may_be_counts_are_told_and_kept():
    counts = [str(value) for value in range(5, 35)]
    frame, found = read({"clinical": {"tmb_per_mb": "x"}}, x=counts)
    assert [finding.level for finding in found] == ["warning"]
    assert "counts of mutations and rounded rates look the same" in str(found[0])
    assert frame["tmb_per_mb"].notna().all()


def test_a_declared_scale_is_applied_before_the_number_is_judged():
    frame, found = read(
        {"clinical": {"albumin_g_per_dl": "x"}, "scale": {"albumin_g_per_dl": 0.1}}, x=many(20, 50)
    )
    assert found == []
    assert frame["albumin_g_per_dl"].max() == 5.0


def test_purity_in_percent_is_told_where_nobody_declared_it():
    frame, found = read({"clinical": {"purity": "x"}}, x=["20", "80"])
    assert frame["purity"].tolist() == [0.2, 0.8]
    assert "warning: clinic.txt, column x: purity was taken for percent" in str(found[0])


def test_one_purity_above_one_is_out_of_range_and_no_percent():
    frame, found = read({"clinical": {"purity": "x"}}, x=["0.4", "0.5", "1.2"])
    np.testing.assert_array_equal(frame["purity"], [0.4, 0.5, np.nan])
    assert "1 values lie outside 0..1 (samples S2)" in str(found[0])


def test_ages_that_privacy_rules_cap_are_their_bound_and_told():
    frame, found = read({"clinical": {"age_years": "x"}}, x=["61", ">89", "90+", "<18", ">= 85", ""])
    np.testing.assert_array_equal(frame["age_years"], [61, 89, 90, 18, 85, np.nan])
    assert [finding.level for finding in found] == ["warning"]
    assert "4 ages are capped, such as >89, and were read as their bound" in str(found[0])


def test_extras_are_numbers_of_their_own():
    extra = {"ploidy": {"column": "p", "unit": "copies", "low": 0.5, "high": 10}}
    frame, found = read({"extras": extra}, p=["2.1", "", "4"])
    np.testing.assert_array_equal(frame["extra.ploidy"], [2.1, np.nan, 4.0])
    assert found == []


def test_an_extra_outside_its_range_is_an_error_with_ids():
    extra = {"ploidy": {"column": "p", "unit": "copies", "low": 0.5, "high": 10}}
    frame, found = read({"extras": extra}, p=["2.1", "40"])
    assert "1 values lie outside 0.5..10 (samples S1)" in str(found[0])
    assert np.isnan(frame["extra.ploidy"].iloc[1])


def test_text_that_stands_for_a_number_is_read_by_its_codes():
    codes = {"T1": 1, "t2a": 2, "T2": 2.5, "tx": None}
    extra = {"t": {"column": "t", "unit": "T category", "low": 0, "high": 4, "codes": codes}}
    frame, found = read({"extras": extra}, t=["t1", "T2a ", "t2", "TX", ""])
    np.testing.assert_array_equal(frame["extra.t"], [1.0, 2.0, 2.5, np.nan, np.nan])
    assert found == []


def test_text_without_a_code_is_unknown_and_told():
    extra = {"t": {"column": "t", "unit": "T category", "low": 0, "high": 4, "codes": {"t1": 1}}}
    frame, found = read({"extras": extra}, t=["t1", "1", "t9"])
    np.testing.assert_array_equal(frame["extra.t"], [1.0, np.nan, np.nan])
    assert len(found) == 1
    assert found[0].level == "warning"
    assert "the text of 2 samples stands for no number" in str(found[0])
    assert "name it under codes in the study file" in str(found[0])


def test_an_extra_that_is_missing_gets_the_nearest_name():
    extra = {"ploidy": {"column": "ploydy", "unit": "copies", "low": 0.5, "high": 10}}
    _, found = read({"extras": extra}, ploidy=["2"])
    assert "has no column 'ploydy'. Did you mean 'ploidy'?" in str(found[0])


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("OS0.5yr", "survival after baseline"),
        ("OS_MONTHS", "survival after baseline"),
        ("OVERALL_SURVIVAL", "survival after baseline"),
        ("PFI", "follow-up after baseline"),
        ("DSS.time", "follow-up after baseline"),
        ("DFI.time", "follow-up after baseline"),
        ("t.dmfs", "follow-up after baseline"),
        ("last_contact_days_to", "follow-up after baseline"),
        ("new_tumor_event_site", "a later tumour event"),
        ("nte_site_bone", "a later tumour event"),
        ("vital_status", "survival after baseline"),
        ("death_days_to", "survival after baseline"),
        ("tumor_status", "the state at last contact"),
        ("treatment_outcome_first_course", "the outcome"),
        ("RECIST", "the outcome"),
        ("BONE_MONTHS", "dates or names a metastasis"),
        ("DMETS_DX_LIVER", "recorded after baseline"),
        ("AGE_AT_DEATH", "known only after death"),
        ("MET_COUNT", "counts metastases of the whole course"),
    ],
)
def test_a_fact_of_the_future_is_refused_with_the_reason_by_every_route(column, reason):
    extra = {"x": {"column": column, "unit": "u", "low": 0, "high": 1e5}}
    _, as_clinical = read({"clinical": {"therapy_line": column}}, **{column: ["1"]})
    _, as_extra = read({"extras": extra}, **{column: ["1"]})
    for found, where in ((as_clinical, "clinical.therapy_line"), (as_extra, "extras.x")):
        assert f"{where} cannot be read from {column}: it" in str(found[0])
        assert reason in str(found[0])


@pytest.mark.parametrize(
    "column", ["LORIS", "MSI_SCORE", "OSTEOPONTIN", "STAGE", "SAMPLE_TYPE", "PRE_SAMPLE_TX", "NEOADJUVANT"]
)
def test_what_was_known_at_baseline_may_be_used(column):
    assert leakage_reason(column) is None


def test_no_column_of_the_schema_is_taken_for_the_future():
    assert [name for name in NUMERIC if leakage_reason(name)] == []


def test_biopsy_sites_are_read_by_the_vocabulary_and_unknown_ones_are_told():
    sites = ["Lymph-node", "SQ", "bladder", "Other", "", "Adbdominal wall", "lung and liver"]
    frame, found = read({"clinical": {"biopsy_site": "x"}}, x=sites)
    expected = ["lymph_node", "skin", "bladder", "other", None, None, None]
    assert frame["biopsy_site"].tolist() == expected
    assert "the value of 2 samples names no single site metarisk knows. It is unknown" in str(found[0])


def test_words_of_a_biopsy_site_are_shown_where_five_samples_share_them():
    sites = ["Adbdominal wall"] * 5 + ["seen by Dr Smith in May"] * 4
    _, found = read({"clinical": {"biopsy_site": "x"}}, x=sites)
    told = "the value of 9 samples names no single site metarisk knows (Adbdominal wall)."
    assert told in str(found[0])


def test_a_biopsy_site_can_be_recoded_to_the_vocabulary():
    study = {"clinical": {"biopsy_site": "x"}, "recode": {"biopsy_site": {"RPLND": "lymph node"}}}
    frame, found = read(study, x=["RPLND"])
    assert frame["biopsy_site"].tolist() == ["lymph_node"]
    assert found == []


def test_a_sex_that_is_coded_is_told_and_unknown():
    frame, found = read({"clinical": {"sex": "x"}}, x=["1", "0", "F", ""])
    assert frame["sex"].tolist() == [None, None, "Female", None]
    assert "the value of 2 samples is no sex" in str(found[0])


def test_spellings_that_differ_in_case_or_white_space_are_told_and_kept():
    cells = ["luad", *["LUAD"] * 6, *["Breast  Cancer", "Breast Cancer"] * 5]
    frame, found = read({"clinical": {"cancer_type": "x"}}, x=cells)
    assert frame["cancer_type"].nunique() == 4
    assert "cancer_type has 4 values that differ only in case or white space" in str(found[0])
    # A spelling of one sample only is not shown.
    assert "('LUAD', 'Breast  Cancer', 'Breast Cancer')" in str(found[0])


def test_usual_columns_of_the_portal_need_no_study_file():
    frame, found = read(
        {}, BMI=["25"], HGB=["12"], PDL1_TPS=["50"], BIOPSY_SITE=["Liver"], CURRENT_AGE=["70"]
    )
    row = frame.iloc[0]
    assert (row["bmi"], row["hemoglobin_g_per_dl"], row["pdl1_percent"]) == (25, 12, 50)
    assert row["biopsy_site"] == "liver"
    assert np.isnan(row["age_years"])
    assert found == []
