"""The clinical tables of a study folder: several files, header lines, what the study says of itself."""

from __future__ import annotations

import pytest

from metarisk.data import inspect_study, read_study
from tests.data.conftest import TinyStudy, meta, rows

SAMPLE = "data_clinical_sample.txt"
COLUMNS = "SAMPLE_ID PATIENT_ID ONCOTREE_CODE SAMPLE_TYPE TUMOR_PURITY TMB_NONSYNONYMOUS GENE_PANEL BONE"


def with_types(tiny: TinyStudy, types: str) -> TinyStudy:
    text = tiny.files[SAMPLE].replace("#c\n", "#" + types.replace(" ", "\t") + "\n")
    return tiny.put(SAMPLE, text)


def supplement(tiny: TinyStudy, text: str, kind: str = "SAMPLE_ATTRIBUTES") -> TinyStudy:
    tiny.put("meta_clinical_supp.txt", meta("CLINICAL", kind, "supp.txt"))
    return tiny.put("supp.txt", text)


def test_cells_that_are_what_their_header_declares_are_silent(tiny):
    with_types(tiny, "STRING STRING STRING STRING NUMBER NUMBER STRING BOOLEAN")
    assert "declare" not in tiny.told()


def test_text_in_a_column_declared_as_numbers_is_told_with_its_lines(tiny):
    with_types(tiny, "STRING STRING STRING NUMBER NUMBER NUMBER STRING STRING")
    told = tiny.told()
    where = "warning: data_clinical_sample.txt, lines [6, 7, 8, (1 more)], column SAMPLE_TYPE"
    assert f"{where}: is declared as NUMBER, but 4 cells are no number" in told
    assert "Primary" not in told


def test_limits_and_unknown_cells_are_numbers_enough(tiny):
    with_types(tiny, "STRING STRING STRING STRING NUMBER NUMBER STRING NUMBER")
    for old, new in (("BIG\tYes", "BIG\t>90"), ("SMALL\tNo", "SMALL\t[Not Available]")):
        tiny.change(SAMPLE, old, new)
    assert "is declared as" not in tiny.told()


def test_a_column_declared_as_yes_or_no_holds_nothing_else(tiny):
    with_types(tiny, "STRING STRING BOOLEAN STRING NUMBER NUMBER STRING BOOLEAN")
    assert "column ONCOTREE_CODE: is declared as BOOLEAN, but 4 cells are no yes or no" in tiny.told()


def test_header_lines_that_do_not_fit_the_columns_are_told(tiny):
    with_types(tiny, "STRING STRING NUMBER")
    assert "line 3: declares 3 datatypes above 8 columns" in tiny.told()
    tiny.files[SAMPLE] = tiny.files[SAMPLE].replace("#STRING\tSTRING\tNUMBER\n", "#c\n")
    with_types(tiny, "STRING STRING STRING STRING NUMBER FLOAT STRING STRING")
    assert "line 3: declares datatypes that do not exist (FLOAT)" in tiny.told()


def test_a_table_without_header_lines_is_read_all_the_same(tiny, tmp_path):
    expected = read_study(tiny.write()).content_sha256()
    tiny.files[SAMPLE] = tiny.files[SAMPLE].replace("#a\n#b\n#c\n#d\n", "")
    tiny.folder = tmp_path / "bare"
    assert read_study(tiny.write()).content_sha256() == expected


def test_a_supplement_adds_columns_to_the_samples_that_it_names(tiny):
    supplement(tiny, rows("SAMPLE_ID PATIENT_ID AGE_AT_SAMPLE MSI_SCORE", "S3 P3 70 1.5", "S1 P1 60 0.5"))
    clinical = read_study(tiny.write()).clinical
    assert clinical["msi_score"].tolist()[::2] == [0.5, 1.5]
    assert clinical["msi_score"].isna().tolist() == [False, True, False, True]


def test_a_supplement_never_changes_the_first_tables_columns(tiny):
    supplement(tiny, rows("SAMPLE_ID PATIENT_ID ONCOTREE_CODE", "S1 P1 SKCM"))
    assert read_study(tiny.write()).clinical["cancer_type"].tolist() == ["LUAD", "LUAD", "BRCA", "BRCA"]


def test_samples_that_only_a_supplement_names_are_told(tiny):
    supplement(tiny, rows("SAMPLE_ID PATIENT_ID MSI_SCORE", "S9 P9 1", "S1 P1 0.5"))
    assert "supp.txt: 1 samples are not in the first sample table (S9)" in tiny.told()
    assert len(read_study(tiny.folder)) == 4


def test_a_supplement_of_patients_reaches_all_their_samples(tiny):
    supplement(tiny, rows("PATIENT_ID RACE", "P3 Asian", "P1 White"), "PATIENT_ATTRIBUTES")
    assert read_study(tiny.write()).clinical["race"].tolist() == ["White", None, "Asian", "Asian"]


def test_a_broken_supplement_is_an_error_and_not_a_loss(tiny):
    supplement(tiny, rows("SAMPLE_ID PATIENT_ID MSI_SCORE", "S1 P1 1", "S1 P1 2"))
    (told,) = tiny.errors()
    assert "supp.txt, lines [2, 3], column SAMPLE_ID, value 'S1': the id stands twice" in told


def test_a_study_without_patients_table_is_read_from_its_samples(tiny):
    tiny.drop("meta_clinical_patient.txt", "data_clinical_patient.txt")
    cohort = read_study(tiny.write())
    assert cohort.patient_ids.tolist() == ["P1", "P2", "P3", "P3"]


def test_a_study_without_samples_table_says_which_meta_file_is_missing(tiny):
    tiny.drop("meta_clinical_sample.txt")
    assert "no meta file names a clinical sample table" in tiny.errors()[0]


def test_licence_and_citation_of_the_meta_file_stand_in_the_provenance(tiny):
    assert read_study(tiny.write()).provenance.licence == "CC0"
    tiny.change("meta_study.txt", "license: CC0", "license: CC0\ncitation: Doe et al. 2020")
    assert read_study(tiny.write()).provenance.licence == "CC0; cite Doe et al. 2020"
    tiny.change("meta_study.txt", "license: CC0\n", "")
    assert read_study(tiny.write()).provenance.licence == "not stated; cite Doe et al. 2020"


def test_the_study_files_licence_wins_and_the_folders_stands_where_it_says_none(tiny):
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\n")
    assert read_study(tiny.write()).provenance.licence == "CC0"
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\nlicence: by contract\n")
    assert read_study(tiny.write()).provenance.licence == "by contract"
    tiny.change("meta_study.txt", "license: CC0\n", "").put("metarisk_study.yaml", "name: tiny\nfolder: .\n")
    assert read_study(tiny.write()).provenance.licence == "not stated"


def test_a_study_without_a_name_goes_by_its_folders(tiny):
    tiny.change("meta_study.txt", "cancer_study_identifier: tiny\n", "")
    assert "meta_study.txt: has no cancer_study_identifier" in tiny.told()
    assert inspect_study(tiny.folder).provenance.name == "tiny"


@pytest.mark.parametrize("name", ["/etc/passwd", "../data_sv.txt", "a/../../b.txt"])
def test_a_meta_file_may_not_name_a_file_elsewhere(tiny, name):
    tiny.change("meta_sv.txt", "data_sv.txt", name)
    assert any("names a file outside its folder" in told for told in tiny.errors())


def test_a_meta_file_without_its_keys_is_an_error(tiny):
    tiny.put("meta_sv.txt", "cancer_study_identifier: tiny\ndatatype: SV\n")
    assert any("has no genetic_alteration_type and no data_filename" in told for told in tiny.errors())
