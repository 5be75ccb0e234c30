"""The same faults in a folder of plain tables: a row of FAULTS is a real file, its level and its sentence."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from metarisk.cli import run
from metarisk.data import StudyReading, inspect_study, patient_folds
from metarisk.schema.assays import Assay

SAMPLES = [f"S{n}" for n in range(6)]
GENES = [
    *("TP53", "KRAS", "EGFR", "BRAF", "PTEN", "RB1", "MYC", "CDH1", "VIM", "ZEB1", "TWIST1", "SNAI1", "MET"),
    *("KIT", "ALK", "RET", "ROS1", "NF1", "ATM", "BRCA1", "BRCA2", "CDK4", "MDM2", "ERBB2", "FGFR1", "FGFR2"),
]
EXPRESSION, CLINICAL, STUDY = "expression.tsv", "clinical.csv", "study.yaml"


@dataclass
class Plain:
    """A sound folder of tables, to break in one place."""

    folder: Path
    clinical: pd.DataFrame
    expression: pd.DataFrame
    study: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)

    def write(self) -> Path:
        self.clinical.to_csv(self.folder / CLINICAL, index=False)
        self.expression.to_csv(self.folder / EXPRESSION, sep="\t", index=False)
        (self.folder / STUDY).write_text(yaml.safe_dump(self.study))
        for name, content in self.files.items():
            (self.folder / name).write_bytes(content)
        return self.folder / STUDY

    def read(self) -> StudyReading:
        return inspect_study(self.write())

    def written(self, name: str) -> bytes:
        """What stands in a file while it is sound."""
        self.write()
        return (self.folder / name).read_bytes()

    def change(self, name: str, old: bytes, new: bytes) -> None:
        content = self.written(name)
        assert old in content
        self.files[name] = content.replace(old, new, 1)

    def declare(self, **more: Any) -> None:
        """Change the declaration of the expression matrix."""
        self.study["assays"][0] |= more

    def matrix(self, assay: str, unit: str, values: np.ndarray, **more: Any) -> None:
        """Another assay of the first genes."""
        frame = pd.DataFrame(values, columns=SAMPLES)
        frame.insert(0, "gene", GENES[: len(values)])
        self.files[f"{assay}.csv"] = frame.to_csv(index=False).encode()
        row = {"assay": assay, "file": f"{assay}.csv", "unit": unit}
        self.study["assays"].append(row | {"orientation": "genes_in_rows", "id_column": "gene"} | more)


@pytest.fixture
def plain(tmp_path: Path) -> Plain:
    folder = tmp_path / "plain"
    folder.mkdir()
    values = np.random.default_rng(0).gamma(2.0, 2.0, size=(len(GENES), len(SAMPLES))).round(3) + 3.0
    expression = pd.DataFrame(values, columns=SAMPLES)
    expression.insert(0, "gene", GENES)
    clinical = pd.DataFrame(
        {
            "sample": SAMPLES,
            "patient": [f"P{n}" for n in range(6)],
            "age": ["50", "61", "72", "", "44", "58"],
            "tmb": ["4.5", "1.25", "0.5", "10.75", "2.5", "3.5"],
            "response": ["1", "0", "", "1", "0", "0"],
            "os": ["12.5", "3.25", "30.5", "8.75", "16.5", "22.25"],
            "died": ["1", "0", "1", "0", "1", "0"],
        }
    )
    study: dict[str, Any] = {
        "name": "plain",
        "format": "tables",
        "folder": ".",
        "clinical_file": {"file": CLINICAL, "sample_column": "sample", "patient_column": "patient"},
        "clinical": {"age_years": "age", "tmb_per_mb": "tmb"},
        "endpoints": {
            "response": {"column": "response", "yes": ["1"], "no": ["0"]},
            "os": {"time": "os", "unit": "months", "status": "died", "event": ["1"], "censored": ["0"]},
        },
        "assays": [
            {
                "assay": "expression",
                "file": EXPRESSION,
                "unit": "log2_tpm",
                "orientation": "genes_in_rows",
                "id_column": "gene",
            }
        ],
    }
    return Plain(folder, clinical, expression, study)


Spoil = Callable[[Plain], Any]


def put(name: str, content: bytes) -> Spoil:
    return lambda plain: plain.files.update({name: content})


def change(name: str, old: bytes, new: bytes) -> Spoil:
    return lambda plain: plain.change(name, old, new)


def cut(name: str, letters: int) -> Spoil:
    return lambda plain: plain.files.update({name: plain.written(name)[:-letters]})


def longer_rows(plain: Plain) -> None:
    head, *rows = plain.written(EXPRESSION).splitlines()
    plain.files[EXPRESSION] = b"\n".join((head, *(row + b"\t1.0" for row in rows), b""))


def as_parquet(plain: Plain) -> bytes:
    plain.declare(file="e.parquet")
    plain.write()
    plain.expression.to_parquet(plain.folder / "e.parquet")
    return (plain.folder / "e.parquet").read_bytes()


def cut_gzip(plain: Plain) -> None:
    plain.declare(file="e.tsv.gz")
    plain.files["e.tsv.gz"] = gzip.compress(plain.written(EXPRESSION))[:-20]


def cut_parquet(plain: Plain) -> None:
    plain.files["e.parquet"] = as_parquet(plain)[:-50]


def flipped_parquet(plain: Plain) -> None:
    content = bytearray(as_parquet(plain))
    content[40] ^= 1
    plain.files["e.parquet"] = bytes(content)


def set_cell(column: str, row: int, value: str) -> Spoil:
    def spoil(plain: Plain) -> None:
        plain.clinical.loc[row, column] = value

    return spoil


def rename_gene(old: str, new: str) -> Spoil:
    return change(EXPRESSION, f"\n{old}\t".encode(), f"\n{new}\t".encode())


def first_value(new: bytes) -> Spoil:
    """The value of KRAS in the first sample."""

    def spoil(plain: Plain) -> None:
        content = plain.written(EXPRESSION)
        plain.files[EXPRESSION] = re.sub(rb"\nKRAS\t[^\t]+", b"\nKRAS\t" + new, content)

    return spoil


def zero_sample(plain: Plain) -> None:
    plain.expression["S2"] = 0.0


def turned(plain: Plain) -> None:
    plain.declare(orientation="samples_in_rows")


def repeated_sample(plain: Plain) -> None:
    plain.files[EXPRESSION] = plain.written(EXPRESSION).replace(b"\tS5\n", b"\tS4\n", 1)


def values_of(plain: Plain, change: Callable[[np.ndarray], np.ndarray]) -> None:
    plain.expression[SAMPLES] = change(plain.expression[SAMPLES].to_numpy())


def mostly(number: float, other: float) -> np.ndarray:
    values = np.full((5, len(SAMPLES)), number)
    values[2, 3] = other
    return values


def as_clinical(ours: str, theirs: str) -> Spoil:
    def spoil(plain: Plain) -> None:
        plain.clinical[theirs] = "3"
        plain.study["clinical"][ours] = theirs

    return spoil


def as_endpoint(ours: str, theirs: str) -> Spoil:
    """A feature made of a column that the study file reads an endpoint from."""
    return lambda plain: plain.study["clinical"].update({ours: theirs})


def months_of_days(plain: Plain) -> None:
    plain.clinical["os"] = ["380", "1200", "930", "2660", "510", "1670"]


ERROR, WARNING = "error", "warning"
HTML = b"<!DOCTYPE html>\n<html><body>404</body></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"

# Row of FAULTS, the fault, its level, its sentence.
FAULTS: list[tuple[int, Spoil, str, str]] = [
    (1, cut(EXPRESSION, 12), ERROR, r"expression.tsv, line 27: is cut in the middle of its last row: 6 of 7"),
    (
        1,
        cut(CLINICAL, 8),
        ERROR,
        r"clinical.csv, line 7: is cut in the middle of its last row: 6 of 7 fields",
    ),
    (2, cut_gzip, ERROR, r"e.tsv.gz: is a truncated gzip file: \d+ bytes hold \d+ bytes of text and no end"),
    (2, cut_parquet, ERROR, r"e.parquet: is not a whole parquet file \(\d+ bytes\)"),
    (4, put(CLINICAL, b""), ERROR, r"clinical.csv: is empty \(0 bytes\): no samples"),
    (4, put(CLINICAL, b"sample,patient\n"), ERROR, r"clinical.csv: has a header and no rows: no samples"),
    (4, put(EXPRESSION, b"gene\tS0\n"), ERROR, r"expression.tsv: has a header and no rows"),
    (5, put(EXPRESSION, HTML), ERROR, r"expression.tsv: is a web page, not a table"),
    (5, put(CLINICAL, POINTER), ERROR, r"clinical.csv: is a git-lfs pointer, not the table it points to"),
    (
        6,
        put(EXPRESSION, "gene\tS0\nTP53\t5\n".encode("utf-16")),
        ERROR,
        r"line 1: is UTF-16 text; expected UTF",
    ),
    (6, change(EXPRESSION, b"TP53", b"TP\xff3"), ERROR, r"expression.tsv, line 2: byte 0xff is not UTF-8"),
    (6, change(CLINICAL, b"S1,", b"S\0,"), ERROR, r"clinical.csv, line 3: holds a NUL byte"),
    (
        7,
        put(EXPRESSION, b"gene,S0\nTP53,5.5\n"),
        ERROR,
        r"no tab found in the header; is this a comma-separated",
    ),
    (
        7,
        put(CLINICAL, b"sample\tpatient\nS0\tP0\n"),
        ERROR,
        r"no comma found in the header; is this a tab-sep",
    ),
    (8, longer_rows, ERROR, r"every row has one field more than the header \(8 against 7\)"),
    (8, change(EXPRESSION, b"\nKRAS", b"\nKRAS\t1"), ERROR, r"line 3: 1 rows have another number of fields"),
    (9, set_cell("tmb", 0, "4,5"), ERROR, r"column tmb: holds 1 numbers with a decimal comma \(samples S0\)"),
    (9, set_cell("age", 2, "old"), ERROR, r"column age: holds 1 values that are not numbers \(samples S2\)"),
    (9, first_value(b"7,1"), ERROR, r"line 3, column S0: holds 1 numbers with a decimal comma"),
    (9, first_value(b"low"), ERROR, r"line 3, column S0: holds 1 cells that are not numbers"),
    (
        10,
        turned,
        ERROR,
        r"declared as samples_in_rows, but the sample ids stand in its columns. Declare orient",
    ),
    (
        11,
        set_cell("sample", 4, "S1"),
        ERROR,
        r"lines \[3, 6\], column sample, value 'S1': the id stands twice",
    ),
    (11, rename_gene("KRAS", "TP53"), ERROR, r"lines \[2, 3\], value 'TP53': the gene stands twice"),
    (11, repeated_sample, ERROR, r"expression.tsv.*column names stand more than once \(S4\)"),
    (
        12,
        set_cell("patient", 4, "P1"),
        WARNING,
        r"1 patients have several samples \(P1\). Kept; all samples of",
    ),
    (13, set_cell("sample", 0, " S0"), ERROR, r"line 2, column sample: 1 ids hold white space \(' S0'\)"),
    (13, set_cell("patient", 0, "P\u00a00"), ERROR, r"1 patient ids hold white space"),
    (13, set_cell("sample", 0, "S\u200b0"), ERROR, r"1 ids hold a letter that cannot be seen"),
    (
        14,
        change(EXPRESSION, b"\tS4\tS5", b"\tX4\tX5"),
        WARNING,
        r"2 samples are not in .* \(X4, X5\); 2 .*S4, S5",
    ),
    (
        15,
        rename_gene("MET", "ENSG00000105976.15"),
        WARNING,
        r"25 approved symbols, 1 Ensembl ids without a table",
    ),
    (
        16,
        rename_gene("MET", "PARK2"),
        WARNING,
        r"1 names are not approved symbols and were mapped \(PARK2 -> PRKN",
    ),
    (
        16,
        rename_gene("MET", "MLL4"),
        WARNING,
        r"MLL4 = KMT2B or KMT2D\) and were left out. Say which one you",
    ),
    (16, rename_gene("MET", "Trp53"), ERROR, r"1 gene names are written as mouse genes are \(Trp53\)"),
    (16, rename_gene("MET", "2-Sep"), ERROR, r"look damaged by a spreadsheet \(2-Sep = SEPTIN2\)"),
    (
        19,
        lambda p: values_of(p, lambda v: np.exp2(v) * 10),
        ERROR,
        r"log2_tpm, but 6 samples look like linear",
    ),
    (19, lambda p: values_of(p, lambda v: np.rint(np.exp2(v) * 9)), ERROR, r"but 6 samples look like counts"),
    (
        19,
        lambda p: values_of(p, lambda v: v - v.mean(1, keepdims=True)),
        ERROR,
        r"6 samples look like z-scores",
    ),
    (19, lambda p: values_of(p, lambda v: np.log2(v + 1)), ERROR, r"samples look like values logged twice"),
    (
        20,
        first_value(b"inf"),
        WARNING,
        r"1 samples hold an infinite value \(S0\). This assay counts as missing",
    ),
    (
        20,
        zero_sample,
        WARNING,
        r"1 samples are zero throughout \(S2\). This assay counts as missing for them",
    ),
    (21, lambda p: p.matrix("methylation", "beta", mostly(0.5, 1.5)), ERROR, r"beta values lie in 0..1 .*S3"),
    (
        21,
        lambda p: p.matrix("copy_number", "discrete", mostly(0, 3)),
        ERROR,
        r"copy number lies in -2..2 .*S3",
    ),
    (
        21,
        lambda p: p.matrix("cell_fraction", "fraction", mostly(0.1, 20)),
        ERROR,
        r"fractions lie in 0..1 .*S3",
    ),
    (21, set_cell("tmb", 1, "4500"), ERROR, r"column tmb: 1 values lie outside 0..2000 \(samples S1\)"),
    (21, set_cell("age", 1, "430"), ERROR, r"column age: 1 values lie outside 0..120 \(samples S1\)"),
    (21, months_of_days, ERROR, r"column os: times longer than 60 years when read as months"),
    (22, set_cell("os", 0, "-2"), ERROR, r"column os: negative times in 1 samples \(S0\)"),
    (22, set_cell("died", 1, "2"), ERROR, r"column died: 1 states are none of 1, 0 \(samples S1\)"),
    (22, set_cell("os", 0, ""), ERROR, r"column os: an event without its time in 1 samples \(S0\)"),
    (24, as_clinical("therapy_line", "met_count"), ERROR, r"it counts metastases of the whole course"),
    (24, as_clinical("age_years", "age_at_death"), ERROR, r"it is known only after death"),
    (
        24,
        as_endpoint("age_years", "died"),
        ERROR,
        r"age_years cannot be read from died: the study file reads an",
    ),
    (
        24,
        as_endpoint("therapy_line", "os"),
        ERROR,
        r"therapy_line cannot be read from os: it is survival after",
    ),
    (24, as_clinical("tmb_per_mb", "os_months"), ERROR, r"it is survival after baseline"),
    (41, lambda p: p.declare(file="../expression.tsv"), ERROR, r"names a file outside the study's folder"),
    (41, lambda p: p.declare(file="/etc/passwd"), ERROR, r"names a file outside the study's folder"),
    (41, set_cell("sample", 0, "../../S0"), ERROR, r"column sample: 1 ids are paths \('../../S0'\)"),
    (41, set_cell("patient", 0, "/etc/P0"), ERROR, r"1 patient ids are paths \('/etc/P0'\)"),
]
# Rows that need no broken file are claims of their own below; 17 and 23 are faults of scoring (tests/score,
# tests/models), 3 of stores (tests/data/test_store_faults.py).
ELSEWHERE = frozenset({3, 17, 18, 23, 44})


def test_a_sound_folder_has_no_findings(plain: Plain) -> None:
    assert plain.read().findings == ()


@pytest.mark.parametrize(
    ("row", "spoil", "level", "sentence"),
    [pytest.param(*fault, id=f"{fault[0]}-{n}") for n, fault in enumerate(FAULTS)],
)
def test_a_fault_is_told_with_its_sentence(
    plain: Plain, row: int, spoil: Spoil, level: str, sentence: str
) -> None:
    spoil(plain)
    reading = plain.read()
    told = [str(finding) for finding in reading.findings if finding.level.value == level]
    assert any(re.search(sentence, text) for text in told), [str(finding) for finding in reading.findings]
    assert (reading.cohort is None) == (level == ERROR)


def test_every_row_of_the_list_has_its_fault() -> None:
    assert {row for row, *_ in FAULTS} == (set(range(1, 25)) | {41}) - ELSEWHERE


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda plain: None, 0),
        (set_cell("patient", 4, "P1"), 3),
        (cut(EXPRESSION, 12), 1),
        (lambda plain: plain.declare(unit="tpms"), 2),
        (lambda plain: plain.study.update(folder="../plain"), 2),
        (lambda plain: plain.study.update(genes="/etc/passwd"), 2),
    ],
    ids=["clean", "warnings", "errors", "study file", "folder outside", "gene table outside"],
)
def test_the_command_line_ends_with_the_code_of_the_worst(plain: Plain, spoil: Spoil, code: int) -> None:
    spoil(plain)
    assert run(["validate", str(plain.write())]) == code


def test_a_path_out_of_the_root_is_refused_by_its_key(
    plain: Plain, capsys: pytest.CaptureFixture[str]
) -> None:
    plain.study["panels"] = "../panels.tsv"
    assert run(["validate", str(plain.write())]) == 2
    told = capsys.readouterr().err
    assert "study.yaml: panels is '../panels.tsv'; expected a path below the data root, without `..`" in told


def test_all_faults_of_a_folder_are_told_at_once(plain: Plain) -> None:
    for spoil in (set_cell("tmb", 0, "4,5"), set_cell("died", 1, "2"), first_value(b"low"), rename_patient):
        spoil(plain)
    told = "\n".join(map(str, plain.read().findings))
    for column in ("column tmb", "column died", "column S0", "1 patients have several samples"):
        assert column in told


def rename_patient(plain: Plain) -> None:
    plain.clinical.loc[4, "patient"] = "P1"


def test_a_byte_order_mark_is_tolerated(plain: Plain) -> None:
    for name in (EXPRESSION, CLINICAL):
        plain.files[name] = b"\xef\xbb\xbf" + plain.written(name)
    reading = plain.read()
    assert reading.findings == ()
    assert reading.cohort is not None
    assert reading.cohort.sample_ids.tolist() == SAMPLES


def test_repeated_genes_are_aggregated_only_when_asked(plain: Plain) -> None:
    plain.expression.loc[1, "gene"] = "TP53"
    twice = plain.expression.loc[:1, SAMPLES].to_numpy()
    plain.declare(repeated="mean")
    reading = plain.read()
    assert reading.cohort is not None
    table = reading.cohort.assays[Assay.EXPRESSION]
    np.testing.assert_allclose(table.values[:, table.genes.index("TP53"), 0], twice.mean(axis=0), rtol=1e-6)


def test_samples_of_a_patient_fall_into_one_fold(plain: Plain) -> None:
    plain.clinical["patient"] = ["P0", "P1", "P1", "P2", "P0", "P3"]
    cohort = plain.read().cohort
    assert cohort is not None
    fold = patient_folds(cohort.patient_ids, 2, "salt")
    assert fold[0] == fold[4]
    assert fold[1] == fold[2]


def test_samples_that_only_one_file_knows_are_counted_and_ten_are_named(plain: Plain) -> None:
    strange = [f"X{n:02}" for n in range(12)]
    plain.expression = plain.expression.join(pd.DataFrame(5.5, index=plain.expression.index, columns=strange))
    (told,) = plain.read().findings
    assert "12 samples are not in the clinical table" in told.message
    assert "X00, X01, X02, X03, X04, X05, X06, X07, X08, X09, (2 more)" in told.message


def test_a_gene_that_was_not_measured_is_never_wild_type(plain: Plain) -> None:
    calls = np.array([[1.0, 0, 0, 0, np.nan, 0], [0, 0, 1, 0, np.nan, 0]])
    plain.matrix("mutation", "calls", calls)
    cohort = plain.read().cohort
    assert cohort is not None
    table = cohort.assays[Assay.MUTATION]
    assert np.isnan(table.values[4]).all()
    assert table.measured.sum() == 10


def test_no_sentence_holds_a_measurement(plain: Plain) -> None:
    plain.clinical.loc[1, "tmb"] = "4321.75"
    plain.clinical.loc[2, "os"] = "-8.125"
    plain.matrix("methylation", "beta", mostly(0.5, 77.25))
    told = "\n".join(map(str, plain.read().findings))
    assert told.count("error") == 3
    assert not any(value in told for value in ("4321", "8.125", "77.25"))
