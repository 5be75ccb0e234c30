"""Tables that are scored some rows at a time: one bad row is set aside, a bad table is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metarisk.data.cohort import Cohort
from metarisk.data.rows import rows_of
from metarisk.errors import InputError, InvalidStudyError
from metarisk.models.bundle import ModelBundle
from metarisk.score import (
    Conduct,
    read_scores,
    read_table,
    score_stream,
    score_to,
    stream_cohort,
    stream_table,
)
from metarisk.score.first_rows import FirstRows
from metarisk.score.stream import Portion
from tests.score.conftest import MAPS, write_parquet


def write(rows: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        write_parquet(rows, path, 5)
        return path
    told = rows.astype(object).where(rows.notna(), "")
    for name in MAPS & set(rows):
        told[name] = [json.dumps(cell) if isinstance(cell, dict) else cell for cell in told[name]]
    if ".csv" in path.name:
        told.to_csv(path, index=False)
    else:
        lines = ["\t".join(map(str, row)) for row in [tuple(told.columns), *told.itertuples(index=False)]]
        path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def rows(samples: Cohort) -> pd.DataFrame:
    return rows_of(samples.take(np.arange(12)))


def portions(path: Path, at_a_time: int = 4) -> list[Portion]:
    with FirstRows(path.with_name("met")) as met:
        return list(stream_table(path).portions(at_a_time, met))


def set_aside(path: Path) -> list[tuple[int, str, str]]:
    return [tuple(row) for portion in portions(path) for row in portion.set_aside]


@pytest.mark.parametrize("name", ["a.parquet", "a.tsv", "a.csv", "a.csv.gz"])
@pytest.mark.parametrize("at_a_time", [1, 5, 100])
def test_a_table_scores_the_same_some_rows_at_a_time_as_whole(
    name: str, at_a_time: int, rows: pd.DataFrame, bundle: ModelBundle, tmp_path: Path
) -> None:
    path = write(rows, tmp_path / name)
    conduct = Conduct(samples_at_a_time=at_a_time)
    streamed = score_stream(bundle, stream_table(path), tmp_path / "streamed", conduct=conduct)
    whole = score_to(bundle, read_table(path), tmp_path / "whole")
    assert streamed.scores.read_bytes() == whole.scores.read_bytes()
    assert (streamed.out / "scores.json").read_bytes() == (whole.out / "scores.json").read_bytes()


@pytest.mark.parametrize("name", ["a.parquet", "a.tsv", "a.csv"])
def test_a_bad_row_is_set_aside_and_the_rest_is_scored(
    name: str, rows: pd.DataFrame, bundle: ModelBundle, tmp_path: Path
) -> None:
    bad = rows.copy()
    bad.loc[3, "age_years"] = 400.0
    bad.at[6, "expression"] = {"TP53": np.inf}
    bad.loc[8, "sample_id"] = "two words"
    bad.loc[10, "expression_unit"] = "furlong"
    path = write(bad, tmp_path / name)
    report = score_stream(bundle, stream_table(path), tmp_path / "out")
    assert report.set_aside == 4
    first = 1 if name == "a.parquet" else 2
    told = [tuple(line.split("\t")) for line in (report.out / "quarantine.tsv").read_text().splitlines()]
    assert told[0] == ("row", "sample_id", "reason")
    assert [int(row) - first for row, *_ in told[1:]] == [3, 6, 8, 10]
    reasons = [reason for *_, reason in told[1:]]
    assert reasons[0].startswith("age_years lies outside")
    assert "of TP53 is not a finite number" in reasons[1]
    assert reasons[2] == "its id is refused: such ids hold white space"
    assert "expression_unit is 'furlong'" in reasons[3]
    assert "400" not in "".join(reasons)
    sound = score_to(
        bundle, read_table(write(rows.drop([3, 6, 8, 10]), tmp_path / f"sound_{name}")), tmp_path / "s"
    )
    assert report.scores.read_bytes() == sound.scores.read_bytes()


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
@pytest.mark.parametrize("at_a_time", [1, 100])
def test_of_an_id_that_stands_twice_the_first_row_counts(name: str, at_a_time: int, tmp_path: Path) -> None:
    path = write(
        pd.DataFrame({"sample_id": ["a", "b", "a", "a"], "age_years": [1.0, 2.0, 3.0, 4.0]}), tmp_path / name
    )
    first = 1 if name == "a.parquet" else 2
    found = portions(path, at_a_time)
    kept = [sample for portion in found if portion.cohort for sample in portion.cohort.sample_ids]
    assert kept == ["a", "b"]
    assert [tuple(row) for portion in found for row in portion.set_aside] == [
        (first + at, "a", f"the id stands in row {first} already; the first one counts") for at in (2, 3)
    ]


def test_a_first_row_that_is_bad_still_has_the_id(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sample_id,age_years\na,old\nb,61\na,62\n")
    assert set_aside(path) == [
        (2, "a", "age_years is not a number"),
        (4, "a", "the id stands in row 2 already; the first one counts"),
    ]


def test_a_row_with_a_field_too_many_or_too_few_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("sample_id\tage_years\tsex\na\t61\tmale\nb\t61\nc\t61\tmale\textra\n\nd\t50\tmale\n")
    assert set_aside(path) == [
        (3, "b", "has 2 fields, the header 3"),
        (4, "c", "has 4 fields, the header 3"),
        (5, "", "has 1 fields, the header 3"),
    ]


def test_a_map_that_is_no_json_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('sample_id\tmutation\na\t{"TP53": 0}\nb\tTP53\n')
    assert set_aside(path) == [(3, "b", "mutation is not a JSON object")]


def test_expression_that_is_silent_and_a_stored_infinity_are_set_aside(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    few = samples.take(np.arange(20))
    expressed = np.flatnonzero(few.assays["expression"].units != "")  # type: ignore[index]
    few.assays["expression"].values[expressed[0]] = 0.0  # type: ignore[index]
    few.assays["expression"].values[expressed[1], 3] = np.inf  # type: ignore[index]
    report = score_stream(bundle, stream_cohort(few), tmp_path / "out")
    told = (report.out / "quarantine.tsv").read_text()
    assert f"{expressed[0] + 1}\t{few.sample_ids[expressed[0]]}\texpression is 0 in every gene\n" in told
    assert f"{few.sample_ids[expressed[1]]}\texpression holds a value that is infinite\n" in told
    assert report.samples == 18


def test_a_table_of_bad_rows_only_is_an_error_and_leaves_nothing(bundle: ModelBundle, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sample_id,age_years\na,old\nb,older\n")
    with pytest.raises(
        InputError,
        match=r"a.csv: all 2 rows were set aside; row 2: age_years is not a number; expected at least",
    ):
        score_stream(bundle, stream_table(path), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_what_a_spreadsheet_or_a_terminal_would_obey_is_text_in_the_quarantine(
    bundle: ModelBundle, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text('sample_id,age_years\n=cmd|calc,old\nfine,61\n"\x1b[2Jx",60\n')
    report = score_stream(bundle, stream_table(path), tmp_path / "out")
    told = (report.out / "quarantine.tsv").read_text().splitlines()
    assert told[1].split("\t")[1] == "'=cmd|calc"
    assert told[2].split("\t")[1] == "\\x1b[2Jx"


def test_an_id_never_names_a_file(bundle: ModelBundle, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sample_id,patient_id,age_years\n../../b,p,61\n/etc/passwd,p,61\nS/1,../p,61\n")
    report = score_stream(bundle, stream_table(path), tmp_path / "sub" / "out")
    assert report.set_aside == 2
    assert "such ids are paths" in (report.out / "quarantine.tsv").read_text()
    assert read_scores(report.out)["sample_id"].unique().tolist() == ["S/1"]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        ["a.csv", "quarantine.tsv", "scores.json", "scores.parquet"]
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"sample_id,age_years\n", "has a header and no rows: no samples"),
        (b"sample_id\tage_years\na\t61\n", "no comma found in the header; is this a tab-separated file"),
        (b"sample,age_years\na,61\n", r"has no column 'sample_id'. Did you mean 'sample'\?"),
        (b"sample_id,age_years,sex\na,61,male\nb,6", "is cut in the middle of its last row: 2 of 3 fields"),
        (b"sample_id,age_years\na,61,x\nb,61,x\n", "every row has one field more than the header"),
        (b'sample_id,age_years\na,"61\nb,62\n', "quoted cell that is not closed"),
        (b"<html><body>", "is a web page, not a table"),
        (b"\xff\xfes\x00a\x00", "UTF-16"),
        (b"sample_id,sex\na,\xe9\n", "byte 0xe9 is not UTF-8"),
        (b"sample_id,sex\na,m\0\n", "holds a NUL byte"),
        (b"sample_id,site.bone\na,1\n", "site.bone"),
        (b"sample_id,unheard_of\na,1\n", "unheard_of"),
    ],
)
def test_a_table_that_is_none_is_refused_whole(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        stream_table(path)


def test_a_cut_gzip_and_a_cut_parquet_are_refused_whole(rows: pd.DataFrame, tmp_path: Path) -> None:
    zipped, table = tmp_path / "a.csv.gz", write(rows, tmp_path / "a.parquet")
    zipped.write_bytes(gzip.compress(b"sample_id,age_years\n" + b"a,61\n" * 1000)[:-20])
    table.write_bytes(table.read_bytes()[:-50])
    with pytest.raises(InvalidStudyError, match=r"a.csv.gz: is a truncated gzip file \(\d+ bytes without"):
        stream_table(zipped)
    with pytest.raises(InvalidStudyError, match=r"a.parquet: is not a whole parquet file \(\d+ bytes\)"):
        stream_table(table)


def test_a_damaged_page_is_named_when_it_is_met(bundle: ModelBundle, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"sample_id": [f"S{n}" for n in range(3000)], "age_years": np.linspace(30, 80, 3000)})
    pq.write_table(table, path, row_group_size=1000, write_page_checksum=True, compression="none")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InvalidStudyError, match=r"a.parquet: is not a whole parquet file"):
        score_stream(bundle, stream_table(path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_byte_order_mark_other_line_ends_comments_and_blank_ends_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf# note\r\nsample_id,age_years\r\na,61\r\nb,62\r\n\r\n\r\n")
    (found,) = portions(path)
    assert found.cohort is not None
    assert found.cohort.sample_ids.tolist() == ["a", "b"]
    assert (found.rows.tolist(), found.set_aside) == ([3, 4], ())


def test_a_cell_may_hold_a_genome(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    genes = {f"GENE{n}": 1.5 for n in range(20_000)}
    cell = json.dumps(genes).replace('"', '""')
    path.write_text(f'sample_id,expression,expression_unit\na,"{cell}",log2_tpm\n')
    (found,) = portions(path)
    assert found.cohort is not None
    assert len(found.cohort.assays["expression"].genes) == 20_000  # type: ignore[index]
