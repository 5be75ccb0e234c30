from __future__ import annotations

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
from metarisk.models.scoring import score_cohort
from metarisk.schema.assays import ASSAYS
from metarisk.score import is_table, read_table

MAPS = {str(assay) for assay in ASSAYS}


def as_text(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows with each map as JSON and nothing where a cell is unknown."""
    maps = {name: rows[name].map(lambda cell: json.dumps(cell) if cell else "") for name in MAPS & set(rows)}
    return rows.assign(**maps)


def write(rows: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        columns = {name: pa.array(rows[name], from_pandas=True, type=kind(name, rows)) for name in rows}
        pq.write_table(pa.table(columns), path)
    else:
        as_text(rows).to_csv(path, sep="," if ".csv" in path.name else "\t", index=False)
    return path


def kind(name: str, rows: pd.DataFrame) -> pa.DataType | None:
    return pa.map_(pa.string(), pa.float64()) if name in MAPS else None


@pytest.fixture(scope="module")
def rows(samples: Cohort) -> pd.DataFrame:
    return rows_of(samples.take(np.arange(6)))


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz"])
def test_a_table_scores_like_the_cohort_it_came_from(
    name: str, rows: pd.DataFrame, bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    cohort = read_table(write(rows, tmp_path / name))
    expected = score_cohort(bundle, samples.take(np.arange(6)))
    found = score_cohort(bundle, cohort)
    np.testing.assert_allclose(found["probability"], expected["probability"], rtol=0, atol=1e-6)
    assert found["flags"].tolist() == expected["flags"].tolist()


def test_a_tab_separated_table_holds_the_same(rows: pd.DataFrame, tmp_path: Path) -> None:
    few = as_text(rows.drop(columns=["expression", "expression_unit"]))
    path = tmp_path / "a.tsv"
    lines = ["\t".join(few.columns)]
    lines += ["\t".join("" if cell is None else str(cell) for cell in row) for row in few.to_numpy()]
    path.write_text("\n".join(lines) + "\n")
    cohort = read_table(path)
    assert rows_of(cohort)["mutation"].tolist() == rows["mutation"].tolist()
    assert cohort.provenance.name == "a.tsv"


def test_a_struct_lacks_the_genes_that_are_null(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"sample_id": ["a", "b"], "mutation": [{"TP53": 0.0}, {"KRAS": 0.0}]}).to_parquet(path)
    assert rows_of(read_table(path))["mutation"].tolist() == [{"TP53": 0.0}, {"KRAS": 0.0}]


@pytest.mark.parametrize("name", ["00123", "1E5", "NA", "null", "=1"])
def test_an_id_is_kept_to_the_letter(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'sample_id,age_years\n"{name}",61\n')
    assert read_table(path).sample_ids.tolist() == [name]


def test_a_number_that_is_none_is_told_with_its_line_and_not_its_value(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sample_id,age_years\na,61\nb,sixty\nc,\n")
    with pytest.raises(
        InvalidStudyError, match=r"a.csv, column age_years: 1 cells are not numbers"
    ) as caught:
        read_table(path)
    (finding,) = caught.value.findings
    assert "line 3" in str(finding)
    assert "sixty" not in str(finding)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_numbers_of_the_blood_and_of_a_study_itself_are_read(name: str, tmp_path: Path) -> None:
    known = {"ctdna_fraction": [0.25, np.nan], "ctc_count": [np.nan, 12.0], "extra.ldh": [310.5, np.nan]}
    path = write(pd.DataFrame({"sample_id": ["a", "b"], **known}), tmp_path / name)
    pd.testing.assert_frame_equal(read_table(path).clinical[list(known)], pd.DataFrame(known, ["a", "b"]),
                                  check_names=False)  # fmt: skip


def test_a_number_of_a_study_itself_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sample_id,extra.ldh\na,high\n")
    with pytest.raises(
        InvalidStudyError, match=r"column extra\.ldh: 1 cells are not numbers.*Write a number"
    ):
        read_table(path)


def test_scores_of_pathways_and_fractions_of_cells_are_read(tmp_path: Path) -> None:
    maps = {"signature": [{"HALLMARK_HYPOXIA": -0.5}, {}], "cell_fraction": [{}, {"T cell, CD8": 0.125}]}
    rows = pd.DataFrame({"sample_id": ["a", "b"], **maps, "signature_unit": ["score", None]})
    found = rows_of(read_table(write(rows, tmp_path / "a.parquet")))
    assert found["signature"].tolist() == [{"HALLMARK_HYPOXIA": -0.5}, None]
    assert found["cell_fraction"].tolist() == [None, {"T cell, CD8": 0.125}]


def test_a_map_that_is_no_json_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('sample_id\tmutation\na\t{"TP53": 0}\nb\tTP53\n')
    with pytest.raises(InvalidStudyError, match=r"column mutation: 1 cells are not JSON objects"):
        read_table(path)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_sample_that_stands_twice_is_refused_with_both_lines(name: str, tmp_path: Path) -> None:
    twice = pd.DataFrame({"sample_id": ["a", "b", "a"], "age_years": [50.0, 60.0, 70.0]})
    with pytest.raises(InvalidStudyError, match=r"column sample_id: the id stands twice") as caught:
        read_table(write(twice, tmp_path / name))
    assert "lines [" in str(caught.value.findings[0])


def test_a_table_without_ids_is_refused_with_the_nearest_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sample,age_years\na,61\n")
    with pytest.raises(InvalidStudyError, match=r"has no column 'sample_id'. Did you mean 'sample'\?"):
        read_table(path)


def test_a_cut_parquet_table_is_refused_with_its_bytes(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = write(rows, tmp_path / "a.parquet")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InvalidStudyError, match=r"a.parquet: is not a whole parquet file \(\d+ bytes\)"):
        read_table(path)


def test_a_cut_text_table_is_refused(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = write(rows, tmp_path / "a.csv")
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(InputError, match=r"a.csv"):
        read_table(path)


def test_an_unknown_unit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('sample_id,expression,expression_unit\na,"{""TP53"": 4.0}",furlong\n')
    with pytest.raises(InputError, match=r"furlong"):
        read_table(path)


def test_only_a_file_with_the_name_of_a_table_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("")
    (tmp_path / "a.csv.gz").write_text("")
    assert is_table(tmp_path / "a.csv.gz")
    assert not is_table(tmp_path / "a.yaml")
    assert not is_table(tmp_path)
