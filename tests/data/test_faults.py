"""Real faults in real files, each answered with what was found and what to do."""

from __future__ import annotations

import gzip

import pytest

SAMPLE = "data_clinical_sample.txt"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty (0 bytes): no samples"),
        (b"#only a comment\nSAMPLE_ID\tPATIENT_ID\n", "has a header and no rows: no samples"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "is a web page, not a table"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "is a git-lfs pointer"),
        ("SAMPLE_ID\tPATIENT_ID\nS1\tP1\n".encode("utf-16"), "is UTF-16 text; expected UTF-8"),
        (b"SAMPLE_ID\tPATIENT_ID\nS1\tP1\nS2\tP\xff2\n", "line 3: byte 0xff is not UTF-8"),
        (b"SAMPLE_ID\tPATIENT_ID\nS1\tP1\0\n", "line 2: holds a NUL byte"),
        (b"SAMPLE_ID,PATIENT_ID\nS1,P1\n", "no tab found in the header; is this a comma-separated file?"),
        (
            b"SAMPLE_ID\tPATIENT_ID\nS1\tP1\nS2\n",
            "line 3: 1 rows have another number of fields than the header (2)",
        ),
        (
            b"SAMPLE_ID\tPATIENT_ID\nS1\tP1\t9\nS2\tP2\t9\n",
            "every row has one field more than the header (3 against 2)",
        ),
        (b"SAMPLE_ID\tPATIENT_ID\nS1\tP1\nS2", "line 3: is cut in the middle of its last row: 1 of 2 fields"),
        (b"SAMPLE_ID\tSAMPLE_ID\nS1\tP1\n", "1 column names stand more than once (SAMPLE_ID)"),
        (b"SAMPLE\tPATIENT_ID\nS1\tP1\n", "has no column 'SAMPLE_ID'"),
    ],
)
def test_a_file_that_is_no_table_is_told_by_what_it_is(tiny, content, sentence):
    assert any(f"{SAMPLE}" in error and sentence in error for error in tiny.put(SAMPLE, content).errors())


def test_a_truncated_gzip_is_told_with_its_bytes(tiny):
    packed = gzip.compress(tiny.files[SAMPLE].encode())[:-12]
    (error,) = tiny.put(SAMPLE, packed).errors()
    assert f"is a truncated gzip file: {len(packed)} bytes hold" in error


def test_a_damaged_gzip_is_told(tiny):
    packed = bytearray(gzip.compress(tiny.files[SAMPLE].encode()))
    packed[-6] ^= 0xFF
    assert "is a damaged gzip file" in tiny.put(SAMPLE, bytes(packed)).errors()[0]


def test_a_gzip_of_several_members_is_read_whole(tiny):
    lines = tiny.files[SAMPLE].encode().splitlines(keepends=True)
    tiny.put(SAMPLE, gzip.compress(b"".join(lines[:6])) + gzip.compress(b"".join(lines[6:])))
    reading = tiny.read()
    assert reading.cohort is not None
    assert len(reading.cohort) == 4


def test_a_missing_last_newline_is_a_warning_where_the_row_is_whole(tiny):
    tiny.put(SAMPLE, tiny.files[SAMPLE].rstrip("\n"))
    assert tiny.errors() == []
    assert "warning: data_clinical_sample.txt, line 9: does not end in a new line" in tiny.told()


def test_a_decimal_comma_is_named_with_its_column_and_without_the_value(tiny):
    (error,) = tiny.change(SAMPLE, "4.5", "4,5").errors()
    assert "column TMB_NONSYNONYMOUS: holds 1 numbers with a decimal comma (samples S1)" in error
    assert "4,5" not in error


def test_text_in_a_numeric_cell_is_named_without_the_value(tiny):
    (error,) = tiny.change(SAMPLE, "4.5", "high").errors()
    assert "column TMB_NONSYNONYMOUS: holds 1 values that are not numbers (samples S1)" in error
    assert "high" not in error


def test_text_in_a_matrix_is_named_with_line_and_column(tiny):
    (error,) = tiny.change("data_cna.txt", "EGFR\t2\t0", "EGFR\t2\t0,5").errors()
    assert "data_cna.txt, line 2, column S2: holds 1 numbers with a decimal comma" in error


def test_a_repeated_sample_is_cited_with_both_lines(tiny):
    (error,) = tiny.change(SAMPLE, "S4\tP3", "S1\tP3").errors()
    assert "lines [6, 9], column SAMPLE_ID, value 'S1': the id stands twice" in error


def test_a_repeated_gene_is_cited_with_both_lines(tiny):
    (error,) = tiny.change("data_cna.txt", "EGFR", "TP53").errors()
    assert "data_cna.txt, lines [2, 3], value 'TP53': the gene stands twice" in error


@pytest.mark.parametrize("bad", ["S1 ", " S1", "S\u00a01"])
def test_white_space_in_an_id_is_refused(tiny, bad):
    (error,) = tiny.change(SAMPLE, "S1\tP1", f"{bad}\tP1").errors()
    assert "line 6, column SAMPLE_ID: 1 ids hold white space" in error


def test_an_empty_id_is_refused(tiny):
    assert any("1 ids are empty" in error for error in tiny.change(SAMPLE, "S1\tP1", "S1\t").errors())


def test_foreign_samples_of_an_omics_file_are_told_both_ways(tiny):
    tiny.change("data_cna.txt", "S1\tS2\tS3\tS4", "S1\tS2\tX3\tX4")
    told = tiny.told()
    assert (
        "2 samples are not in the clinical table (X3, X4); 2 clinical samples are not in it (S3, S4)" in told
    )
    assert tiny.errors() == []


def test_an_omics_file_that_shares_no_sample_is_an_error(tiny):
    tiny.change("data_cna.txt", "S1\tS2\tS3\tS4", "X1\tX2\tX3\tX4")
    assert any("4 samples are not in the clinical table (X1, X2, X3, X4)" in error for error in tiny.errors())


def test_a_patient_that_is_not_described_is_an_error(tiny):
    (error,) = tiny.change(SAMPLE, "P2", "P9").errors()
    assert "1 patients of the samples are not described (P9)" in error


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("S1\tP1\tLUAD\tPrimary\t50", "S1\tP1\tLUAD\tPrimary\t500", "1 values lie outside 0..1 (samples S1)"),
        ("4.5", "4500", "1 values lie outside 0..2000 (samples S1)"),
    ],
)
def test_a_number_outside_its_range_is_an_error(tiny, old, new, sentence):
    (error,) = tiny.change(SAMPLE, old, new).errors()
    assert sentence in error


def test_copy_number_outside_two_is_an_error(tiny):
    (error,) = tiny.change("data_cna.txt", "EGFR\t2", "EGFR\t3").errors()
    assert "discrete copy number lies in -2..2 (samples S1)" in error


def test_a_symbol_that_a_spreadsheet_damaged_is_named(tiny):
    (error,) = tiny.change("data_cna.txt", "EGFR", "2-Sep").errors()
    assert "look damaged by a spreadsheet (2-Sep = SEPTIN2)" in error


def test_mouse_genes_are_refused(tiny):
    (error,) = tiny.change("data_cna.txt", "TP53", "Trp53").errors()
    assert "1 gene names are written as mouse genes are (Trp53)" in error


def test_an_alias_of_several_genes_is_left_out_and_asks_which(tiny):
    tiny.change("data_cna.txt", "TP53", "MLL4")
    assert "(MLL4 = KMT2B or KMT2D) and were left out. Say which one you mean" in tiny.told()
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\ngene_names: {MLL4: KMT2B}\n")
    assert "MLL4" not in tiny.told()


def test_no_message_holds_a_measurement(tiny):
    tiny.change(SAMPLE, "4.5", "4321.75").change("data_cna.txt", "EGFR\t2", "EGFR\t77")
    tiny.change("data_clinical_patient.txt", "P1\tFemale\t12", "P1\tFemale\t-8.125")
    told = tiny.told()
    assert not any(value in told for value in ("4321", "77", "8.125"))
