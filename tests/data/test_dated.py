"""Dated values: several rows a patient, and nothing after the prediction time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metarisk.data import at_times, inspect_study, read_study
from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.data.dated import DATED_COLUMNS, latest_before
from metarisk.errors import InputError
from metarisk.schema.assays import Assay

NAN = np.nan


def dated_of(*rows: tuple[str, float, str, float]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(DATED_COLUMNS)).astype(DATED_COLUMNS)


def slow_latest(rows, patient: str, day: float, variable: str) -> float:
    known = [(row[1], row[3]) for row in rows if (row[0], row[2]) == (patient, variable) and row[1] <= day]
    return max(known, key=lambda pair: pair[0])[1] if known else NAN


row = st.tuples(
    st.sampled_from("ab"),
    st.integers(-30, 30).map(float),
    st.sampled_from(["nlr", "ctdna_fraction"]),
    st.floats(0, 1),
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(row, max_size=20, unique_by=lambda value: value[:3]),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(-40, 40)), min_size=1, max_size=6),
)
def test_the_latest_value_is_the_one_that_a_hand_would_look_up(rows, asked):
    patients, days = (np.array(part) for part in zip(*asked, strict=True))
    variables = ["nlr", "ctdna_fraction"]
    read = latest_before(dated_of(*rows), patients, days.astype(float), variables)
    expected = [[slow_latest(rows, patient, day, name) for name in variables] for patient, day in asked]
    np.testing.assert_array_equal(read, expected)


@pytest.fixture
def cohort() -> Cohort:
    """Two patients with a tumour each, three dated variables, and every kind of endpoint."""
    ids = pd.Index(["S1", "S2"], name="sample_id", dtype=object)
    clinical = pd.DataFrame(
        {"patient_id": ["a", "b"], "age_years": [50.0, 60.0], "nlr": [NAN, 4.0], "sex": ["Male", None]},
        index=ids,
    )
    endpoints = pd.DataFrame(
        {
            "site.bone": [1.0, 0.0],
            "site.bone.time_days": [100.0, 300.0],
            "site.bone.event": [1.0, 2.0],
            "site.liver": [1.0, 0.0],
            "metastatic": [1.0, 0.0],
            "metastasis.time_days": [100.0, NAN],
            "metastasis.event": [1.0, NAN],
            "response": [0.0, 1.0],
            "os.time_days": [400.0, 300.0],
            "os.event": [0.0, 1.0],
        },
        index=ids,
    )
    values = np.array([[1.0], [-1.0]], dtype=np.float32)[:, :, None]
    table = AssayTable(Assay.COPY_NUMBER, ids.to_numpy(str), ("TP53",), values, np.full(2, "discrete"))
    dated = dated_of(
        ("a", -5.0, "nlr", 2.0),
        ("a", 50.0, "nlr", 3.0),
        ("a", 200.0, "nlr", 9.0),
        ("b", -5.0, "nlr", 7.0),
        ("b", 50.0, "nlr", 5.0),
        ("b", 120.0, "ctdna_fraction", 0.5),
    )
    return Cohort.join(clinical, [table], endpoints, Provenance("two", "", ""), dated)


def test_a_patient_is_seen_at_several_times(cohort):
    seen = at_times(cohort, [120, 0, 60])
    assert seen.sample_ids.tolist() == ["S1@0", "S1@60", "S1@120", "S2@0", "S2@60", "S2@120"]
    assert seen.patient_ids.tolist() == ["a"] * 3 + ["b"] * 3
    # The clinical table's own number counts as baseline's, a dated one before it does not replace it.
    np.testing.assert_array_equal(seen.clinical["nlr"], [2, 3, 3, 4, 5, 5])
    np.testing.assert_array_equal(seen.clinical["ctdna_fraction"], [NAN, NAN, NAN, NAN, NAN, 0.5])
    np.testing.assert_allclose(seen.clinical["age_years"].iloc[:3], 50 + np.array([0, 60, 120]) / 365.25)
    assert seen.assays[Assay.COPY_NUMBER].values[:, 0, 0].tolist() == [1, 1, 1, -1, -1, -1]
    assert len(seen.dated) == 0


def test_endpoints_count_from_the_prediction_time_and_end_with_it(cohort):
    seen = at_times(cohort, [0, 60, 120]).endpoints
    np.testing.assert_array_equal(seen["site.bone.time_days"], [100, 40, NAN, 300, 240, 180])
    np.testing.assert_array_equal(seen["site.bone.event"], [1, 1, NAN, 2, 2, 2])
    np.testing.assert_array_equal(seen["site.bone"], [1, 1, NAN, 0, 0, 0])
    np.testing.assert_array_equal(seen["os.time_days"], [400, 340, 280, 300, 240, 180])


def test_an_answer_of_which_nobody_knows_when_it_came_is_unknown_later(cohort):
    seen = at_times(cohort, [0, 60, 120]).endpoints
    np.testing.assert_array_equal(seen["site.liver"], [1, NAN, NAN, 0, NAN, NAN])
    np.testing.assert_array_equal(seen["metastatic"], [1, 1, NAN, 0, NAN, NAN])


def test_response_is_asked_of_whoever_is_still_followed(cohort):
    seen = at_times(cohort, [0, 350]).endpoints
    np.testing.assert_array_equal(seen["response"], [0, 0, 1, NAN])


def test_at_baseline_nothing_but_the_ids_changes(cohort):
    seen = at_times(cohort, [0])
    pd.testing.assert_frame_equal(
        seen.endpoints.reset_index(drop=True), cohort.endpoints.reset_index(drop=True)
    )
    assert seen.clinical["age_years"].tolist() == [50, 60]


@settings(max_examples=30, deadline=None)
@given(
    day=st.floats(0, 250),
    value=st.floats(0, 100),
    later=st.floats(0.001, 400),
    variable=st.sampled_from(["nlr", "ctdna_mtm_per_ml"]),
)
def test_no_later_value_ever_enters(day, value, later, variable):
    baseline = pd.DataFrame(
        {"patient_id": ["a"], "nlr": [1.0]}, index=pd.Index(["S1"], name="sample_id", dtype=object)
    )
    endpoints = pd.DataFrame({"os.time_days": [600.0], "os.event": [1.0]}, index=baseline.index)
    rows = [("a", 10.0, "nlr", 2.0), ("a", 40.0, "ctdna_mtm_per_ml", 3.0), ("a", 900.0, variable, 1.0)]

    def seen(*more: tuple[str, float, str, float]) -> Cohort:
        table = dated_of(*rows, *more)
        return at_times(Cohort.join(baseline, [], endpoints, Provenance("one", "", ""), table), [day])

    plain, disturbed = seen(), seen(("a", day + later, variable, value))
    assert plain.content_sha256() == disturbed.content_sha256()


@pytest.mark.parametrize("times", [[], [-1.0], [float("nan")], [30, 30]])
def test_times_that_cannot_be_are_refused(cohort, times):
    with pytest.raises(InputError, match="expected different days from baseline, 0 or later"):
        at_times(cohort, times)


class Folder:
    """A folder with a clinical table and a table of dated values."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clinical = "sample,patient,nlr\ns1,a,\ns2,b,4\ns3,c,\n"
        self.dated = "id,week,nlr\na,0,2\na,4,3\nb,-1,9\nb,2,5\n"
        self.section = {
            "file": "dated.csv",
            "patient_column": "id",
            "time": "week",
            "unit": "weeks",
            "values": {"nlr": "nlr"},
        }

    def write(self) -> Path:
        (self.path / "clinical.csv").write_text(self.clinical)
        (self.path / "dated.csv").write_text(self.dated)
        study = {
            "name": "dated",
            "format": "tables",
            "folder": ".",
            "clinical_file": {
                "file": "clinical.csv",
                "sample_column": "sample",
                "patient_column": "patient",
            },
            "clinical": {"nlr": "nlr"},
            "dated": [self.section],
        }
        (self.path / "study.yaml").write_text(yaml.safe_dump(study))
        return self.path / "study.yaml"

    def told(self, level: str) -> list[str]:
        findings = inspect_study(self.write()).findings
        return [str(finding) for finding in findings if finding.level.value == level]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_table_of_dated_values_is_read_in_days(folder):
    cohort = read_study(folder.write())
    assert cohort.dated.to_numpy().tolist() == [
        ["a", 0.0, "nlr", 2.0],
        ["a", 28.0, "nlr", 3.0],
        ["b", -7.0, "nlr", 9.0],
        ["b", 14.0, "nlr", 5.0],
    ]


def test_the_baseline_is_filled_with_the_latest_value_by_then_and_never_replaced(folder):
    cohort = read_study(folder.write())
    np.testing.assert_array_equal(cohort.clinical["nlr"], [2.0, 4.0, NAN])


def test_patients_that_one_of_the_tables_lacks_are_told_both_ways(folder):
    folder.dated += "z,3,1\n"
    (told,) = folder.told("warning")
    assert "1 patients are not in the clinical table (z); 1 clinical patients are not in it (c)" in told
    assert "z" not in set(read_study(folder.write()).dated["patient_id"])


def test_two_values_of_a_patient_at_one_time_are_refused_with_both_lines(folder):
    folder.dated += "a,4,8\n"
    (told,) = folder.told("error")
    assert (
        "dated.csv, lines [3, 6], column nlr, value 'a': the patient has several values at one time" in told
    )


def test_a_value_that_two_tables_date_is_refused(folder):
    (folder.path / "more.csv").write_text("id,week,nlr\na,4,3\n")
    path = folder.write()
    study = yaml.safe_load(path.read_text())
    study["dated"].append(folder.section | {"file": "more.csv"})
    path.write_text(yaml.safe_dump(study))
    (told,) = [str(finding) for finding in inspect_study(path).findings if finding.level.value == "error"]
    assert "two tables date the same values (a)" in told


def test_an_empty_cell_is_no_value(folder):
    folder.dated += "a,4,\n"
    assert folder.told("error") == []
    assert len(read_study(folder.write()).dated) == 4


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a,,8\n", "line 6, column week: 1 rows have no time"),
        ("a,x,8\n", "line 6, column week: holds 1 values that are not numbers"),
        ("a,9,high\n", "line 6, column nlr: holds 1 values that are not numbers"),
        ("a,9,8000\n", "line 6, column nlr: 1 values lie outside 0..300"),
        ("a b,9,8\n", "1 ids hold white space ('a b')"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line_and_without_the_value(folder, row, sentence):
    folder.dated += row
    (told,) = folder.told("error")
    assert sentence in told
    assert "8000" not in told
    assert "high" not in told


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"nlr": "os_months"}, "dated.nlr cannot be read from os_months: it is survival after baseline"),
        ({"nrl": "nlr"}, "dated.nrl is not a clinical number of metarisk. Did you mean 'nlr'?"),
        ({"nlr": "ratio"}, "has no column 'ratio'"),
    ],
)
def test_a_variable_that_may_not_be_read_is_refused(folder, values, sentence):
    folder.section["values"] = values
    assert any(sentence in told for told in folder.told("error"))


def test_percent_where_a_fraction_was_declared_is_named_and_can_be_scaled(folder):
    folder.section["values"] = {"ctdna_fraction": "nlr"}
    assert any("they look like percent" in told for told in folder.told("error"))
    folder.section["scale"] = {"ctdna_fraction": 0.01}
    assert read_study(folder.write()).dated["value"].tolist() == [0.02, 0.03, 0.09, 0.05]


def test_a_table_outside_the_folder_is_refused(folder):
    folder.section["file"] = "../dated.csv"
    assert "names a file outside the study's folder" in folder.told("error")[0]


def test_a_study_folder_has_tables_of_dated_values_too(study_folder):
    (study_folder / "serial.tsv").write_text("id\tday\tratio\nP1\t-3\t2.5\nP1\t30\t4\n")
    (study_folder / "metarisk_study.yaml").write_text(
        "name: two\nfolder: .\ndated:\n"
        "  - {file: serial.tsv, patient_column: id, time: day, unit: days, values: {nlr: ratio}}\n"
    )
    cohort = read_study(study_folder)
    np.testing.assert_array_equal(cohort.clinical["nlr"], [2.5, NAN])
    assert at_times(cohort, [60]).clinical["nlr"].iloc[0] == 4


def test_the_real_serial_samples_are_read(shared_data):
    study = Path(__file__).parents[2] / "configs" / "studies" / "liquid.yaml"
    cohort = read_study(study, data_root=shared_data)
    assert len(cohort) == 94
    assert len(cohort.dated) == 262
    assert cohort.dated["patient_id"].nunique() <= 74
    seen = at_times(cohort, [0, 42, 84])
    assert len(seen) == 3 * 94
    known = seen.clinical["extra.size_change_percent"].notna().to_numpy().reshape(94, 3).sum(axis=0)
    assert known[0] == 0
    assert known[1] < known[2]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "z", ""]),
            st.sampled_from(["0", "-3", "4", "", "x", "1e400"]),
            st.sampled_from(["1", "", "0.5", "-2", "9999", "inf", "1.5x"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_cells_are_values_or_findings(tmp_path, rows):
    folder = Folder(tmp_path)
    folder.dated = "id,week,nlr\n" + "".join(",".join(row) + "\n" for row in rows)
    reading = inspect_study(folder.write())
    if reading.cohort is not None:
        dated = reading.cohort.dated
        assert np.isfinite(dated[["time_days", "value"]].to_numpy()).all()
        assert not dated.duplicated(["patient_id", "time_days", "variable"]).any()
        assert dated["value"].between(0, 300).all()
    else:
        assert any(finding.level.value == "error" for finding in reading.findings)
