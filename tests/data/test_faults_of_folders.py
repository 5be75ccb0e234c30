"""Faults of a study folder: a row of FAULTS is a real file, its level and its sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from metarisk.cli import run
from metarisk.data import patient_folds, read_study
from metarisk.schema.assays import Assay

SAMPLE, PATIENT, CNA = "data_clinical_sample.txt", "data_clinical_patient.txt", "data_cna.txt"
META = "cancer_study_identifier: tiny\ngenetic_alteration_type: {}\ndatatype: {}\ndata_filename: data_m.txt\n"
GENES = [f"GENE{n}" for n in range(30)]
VALUES = np.random.default_rng(0).gamma(2.0, 2.0, size=(30, 4)).round(3) + 3.0

Spoil = Callable[[Any], Any]


def change(name: str, old: str, new: str) -> Spoil:
    return lambda tiny: tiny.change(name, old, new)


def lines_cut(name: str, kept: int) -> Spoil:
    """A table that ends at the end of a line: no row of it is short."""
    return lambda tiny: tiny.put(name, "".join(tiny.files[name].splitlines(keepends=True)[:kept]))


def without_column(name: str, column: str) -> Spoil:
    def spoil(tiny: Any) -> None:
        rows = [line.split("\t") for line in tiny.files[name].splitlines()]
        place = rows[0].index(column)
        tiny.put(name, "".join("\t".join(row[:place] + row[place + 1 :]) + "\n" for row in rows))

    return spoil


def cases(name: str, *samples: str) -> Spoil:
    text = f"cancer_study_identifier: tiny\nstable_id: tiny_all\ncase_list_ids: {chr(9).join(samples)}\n"
    return lambda tiny: tiny.put(f"case_lists/{name}", text)


def both(*spoils: Spoil) -> Spoil:
    return lambda tiny: [spoil(tiny) for spoil in spoils]


def study_file(text: str) -> Spoil:
    return lambda tiny: tiny.put("metarisk_study.yaml", f"name: tiny\nfolder: .\n{text}\n")


def matrix(
    values: np.ndarray, unit: str, kind: str = "MRNA_EXPRESSION", datatype: str = "CONTINUOUS"
) -> Spoil:
    def spoil(tiny: Any) -> None:
        rows = ("\t".join((gene, *map(str, row))) for gene, row in zip(GENES, values, strict=True))
        tiny.put("data_m.txt", "\n".join(("Hugo_Symbol\tS1\tS2\tS3\tS4", *rows, "")))
        tiny.put("meta_m.txt", META.format(kind, datatype))
        if unit:
            study_file(f"units: {{data_m.txt: {unit}}}")(tiny)

    return spoil


def with_cell(row: int, column: int, value: float) -> np.ndarray:
    values = VALUES.copy()
    values[row, column] = value
    return values


def turned_cna(tiny: Any) -> None:
    tiny.put(CNA, "Hugo_Symbol\tEGFR\tTP53\nS1\t2\t-2\nS2\t0\t0\nS3\t0\tNA\nS4\t0\t-1\n")


def one_zero_sample() -> np.ndarray:
    values = VALUES.copy()
    values[:, 1] = 0.0
    return values


ORGAN = "endpoints: {sites: {bone: {column: BONE, 'yes': ['Yes'], 'no': ['No']}}}"
AGES = """endpoints:
  metastasis: {baseline: AGE_AT_SEQUENCING, metastasis: MET_AGE, death: DEATH_AGE, last_contact: LAST_AGE}
"""
ERROR, WARNING = "error", "warning"
FAULTS: list[tuple[int, Spoil, str, str]] = [
    (
        1,
        both(lines_cut(SAMPLE, 7), cases("cases_all.txt", "S1", "S2", "S3", "S4")),
        ERROR,
        r"lists 2 samples that the clinical table does not have \(S3, S4\). The table looks cut",
    ),
    (1, lines_cut(PATIENT, 6), ERROR, r"2 patients of the samples are not described \(P2, P3\)"),
    (
        1,
        lambda tiny: tiny.put("meta_cna.txt", "cancer_study_id"),
        ERROR,
        r"has no genetic_alteration_type and no data",
    ),
    (
        1,
        without_column("data_sv.txt", "SV_Status"),
        WARNING,
        r"no column SV_Status. Every variant counts as somatic",
    ),
    (
        1,
        without_column("data_sv.txt", "Site2_Hugo_Symbol"),
        WARNING,
        r"no column Site2_Hugo_Symbol or Site2_Entrez",
    ),
    (4, lines_cut("data_mutations.txt", 1), ERROR, r"data_mutations.txt: has a header and no rows"),
    (
        10,
        turned_cna,
        ERROR,
        r"data_cna.txt: has the sample ids in its rows, where genes were expected. Turn it",
    ),
    (
        12,
        lambda tiny: None,
        WARNING,
        r"1 patients have several samples \(P3\). Kept; all samples of a patient fall",
    ),
    (
        14,
        change(CNA, "S3\tS4", "X3\tX4"),
        WARNING,
        r"\(X3, X4\); 2 clinical samples are not in it \(S3, S4\)",
    ),
    (
        15,
        change(CNA, "TP53", "ENSG00000141510.18"),
        ERROR,
        r"Ensembl ids, and the gene table has no Ensembl ids",
    ),
    (
        16,
        change(CNA, "TP53", "PARK2"),
        WARNING,
        r"1 names are not approved symbols and were mapped \(PARK2 -> PRKN",
    ),
    (
        18,
        without_column("data_gene_panel_matrix.txt", "mutations"),
        ERROR,
        r"data_mutations.txt: nothing says which sample was measured on which of the panels BIG, SMALL",
    ),
    (
        18,
        lambda tiny: tiny.drop("data_gene_panel_big.txt"),
        ERROR,
        r"gene panel BIG is used by samples but described",
    ),
    (
        18,
        change(
            "data_mutations.txt", "KRAS\tMissense_Mutation\tG\tT\tS4", "BRAF\tMissense_Mutation\tG\tT\tS4"
        ),
        WARNING,
        r"1 alterations lie in genes off the sample's panel \(BRAF\). They were left out",
    ),
    (
        19,
        matrix(VALUES, ""),
        ERROR,
        r"is expression of datatype CONTINUOUS, which says no unit. Declare its unit",
    ),
    (
        19,
        matrix(np.exp2(VALUES) * 10.03, "log2_tpm"),
        ERROR,
        r"declared as log2_tpm, but 4 samples look like linear",
    ),
    (
        19,
        matrix(np.rint(np.exp2(VALUES) * 10), "log2_tpm"),
        ERROR,
        r"log2_tpm, but 4 samples look like counts",
    ),
    (
        19,
        matrix(VALUES, "", datatype="Z-SCORE"),
        ERROR,
        r"declared as z_score, but 4 samples look like log2 values",
    ),
    (19, matrix(np.log2(VALUES + 1), "log2_tpm"), ERROR, r"but 4 samples look like values logged twice"),
    (20, matrix(with_cell(3, 0, np.inf), "log2_tpm"), WARNING, r"1 samples hold an infinite value \(S1\)"),
    (20, matrix(one_zero_sample(), "log2_tpm"), WARNING, r"1 samples are zero throughout \(S2\)"),
    (21, matrix(VALUES / 20, "", "METHYLATION"), ERROR, r"values are out of range; beta values lie in 0..1"),
    (
        21,
        change(PATIENT, "P1\tFemale\t12\t", "P1\tFemale\t4000\t"),
        ERROR,
        r"OS_MONTHS: times longer than 60 years",
    ),
    (
        22,
        change(PATIENT, "P1\tFemale\t12\t", "P1\tFemale\t-1\t"),
        ERROR,
        r"OS_MONTHS: negative times in 1 samples \(S1\)",
    ),
    (22, change(PATIENT, "0:LIVING", "LOST"), ERROR, r"OS_STATUS: 1 states are none of .*\(samples S2\)"),
    (
        22,
        change(PATIENT, "P1\tFemale\t12\t", "P1\tFemale\t\t"),
        ERROR,
        r"an event without its time in 1 samples \(S1\)",
    ),
    (
        22,
        both(
            study_file(AGES),
            change(PATIENT, "60.5\t61", "62\t61"),
        ),
        ERROR,
        r"dated after death.*S1",
    ),
    (
        24,
        study_file("clinical: {therapy_line: OS_MONTHS}"),
        ERROR,
        r"cannot be read from OS_MONTHS: it is survival after",
    ),
    (
        24,
        study_file("clinical: {grade: BONE}\n" + ORGAN),
        ERROR,
        r"cannot be read from BONE: the study file reads an endpoint from it",
    ),
    (
        41,
        change("meta_cna.txt", "data_cna.txt", "../data_cna.txt"),
        ERROR,
        r"meta_cna.txt: names a file outside its folder",
    ),
    (
        41,
        change("meta_cna.txt", "data_cna.txt", "/etc/passwd"),
        ERROR,
        r"names a file outside its folder \(/etc/passwd\)",
    ),
    (
        41,
        change(SAMPLE, "S1\tP1", "../S1\tP1"),
        ERROR,
        r"line 6, column SAMPLE_ID: 1 ids are paths \('../S1'\)",
    ),
    (41, change(SAMPLE, "S1\tP1", "S1\t/P1"), ERROR, r"line 6, column PATIENT_ID: 1 ids are paths \('/P1'\)"),
]
# Told in tests/data/test_faults.py: what a file is, how it is cut or ragged, cells, ids. Scoring has 17 and
# 23, stores 3.
ELSEWHERE = frozenset({2, 3, 5, 6, 7, 8, 9, 11, 13, 17, 23})


@pytest.mark.parametrize(
    ("row", "spoil", "level", "sentence"),
    [pytest.param(*fault, id=f"{fault[0]}-{n}") for n, fault in enumerate(FAULTS)],
)
def test_a_fault_is_told_with_its_sentence(
    tiny: Any, row: int, spoil: Spoil, level: str, sentence: str
) -> None:
    spoil(tiny)
    reading = tiny.read()
    told = [str(finding) for finding in reading.findings if finding.level.value == level]
    assert any(re.search(sentence, text) for text in told), [str(finding) for finding in reading.findings]
    assert (reading.cohort is None) == (level == ERROR)


def test_every_row_of_the_list_has_its_fault() -> None:
    assert {row for row, *_ in FAULTS} == (set(range(1, 25)) | {41}) - ELSEWHERE


@pytest.mark.parametrize("samples", [("S1", "S2"), ("S1", "S2", "S3", "S4")])
def test_a_list_of_samples_that_are_all_there_is_no_finding(tiny: Any, samples: tuple[str, ...]) -> None:
    before = tiny.told()
    cases("cases_cna.txt", *samples)(tiny)
    assert "lists" not in tiny.told()
    assert tiny.errors() == []
    assert before.count("\n") >= tiny.told().count("\n")


def test_a_matrix_the_right_way_round_may_share_a_name_with_a_sample(tiny: Any) -> None:
    tiny.change(CNA, "EGFR", "S1")
    assert not any("in its rows" in error for error in tiny.errors())


def test_survival_of_a_cohort_in_which_nobody_died_is_read(tiny: Any) -> None:
    tiny.change(PATIENT, "1:DECEASED", "0:LIVING")
    cohort = read_study(tiny.write())
    assert cohort.endpoints["os.event"].tolist() == [0.0, 0.0, 0.0, 0.0]


def test_survival_in_states_of_its_own_is_told_and_left_out(tiny: Any) -> None:
    tiny.change(PATIENT, "1:DECEASED", "dead").change(PATIENT, "0:LIVING", "alive")
    assert (
        "column OS_STATUS: has states of its own, none that begins with 0: or 1:, and was not read"
        in tiny.told()
    )
    assert tiny.errors() == []


def test_samples_of_one_patient_fall_into_one_fold(tiny: Any) -> None:
    cohort = read_study(tiny.write())
    fold = patient_folds(cohort.patient_ids, 3, "salt")
    assert fold[2] == fold[3]


def test_a_gene_off_the_panel_is_unmeasured(tiny: Any) -> None:
    table = read_study(tiny.write()).assays[Assay.MUTATION]
    assert np.isnan(table.values[1, table.genes.index("EGFR")]).all()


@pytest.mark.parametrize(("row", "code"), [(10, 1), (12, 3), (24, 1), (41, 1)])
def test_the_command_line_ends_with_the_code_of_the_worst(tiny: Any, row: int, code: int) -> None:
    next(spoil for number, spoil, *_ in FAULTS if number == row)(tiny)
    assert run(["validate", str(tiny.write())]) == code
