"""First metastasis after baseline, anywhere or in one organ, against a patient-by-patient reading."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

OS = {"time": "os_time", "unit": "days", "status": "os", "event": ["dead"], "censored": ["alive"]}
BONE: dict[str, Any] = {
    "time": "bone_time",
    "unit": "days",
    "status": "bone",
    "event": ["yes"],
    "censored": ["no"],
    "undated": "at_baseline",
    "end": OS,
}
NAN = math.nan
PARTS = ["site.bone.time_days", "site.bone.event"]


def by_hand(bone: str, time: str, vital: str, end: str) -> tuple[float, float]:
    """One patient's (days, event), written as a person would say it."""
    if bone == "yes":
        if time == "" or int(time) <= 0:
            return math.nan, math.nan  # it was there at baseline
        if end and vital and int(time) > int(end) + 3:
            return math.nan, math.nan  # dated after the end: a contradiction
        return float(time), 1.0
    if bone == "" or vital == "" or end == "":
        return math.nan, math.nan
    return float(end), 2.0 if vital == "dead" else 0.0


days = st.one_of(st.just(""), st.integers(0, 900).map(str))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["yes", "no", ""]), days, st.sampled_from(["dead", "alive", ""]), days),
        min_size=1,
        max_size=12,
    )
)
def test_an_organ_is_dated_as_a_hand_would_write_it(read, patients):
    bone, time, vital, end = map(list, zip(*patients, strict=True))
    frame, _ = read({"site_times": {"bone": BONE}}, bone=bone, bone_time=time, os=vital, os_time=end)
    np.testing.assert_allclose(
        frame[PARTS].to_numpy(), [by_hand(*patient) for patient in patients], equal_nan=True
    )


def test_a_last_contact_before_baseline_is_told_and_unknown(read):
    said = {key: value for key, value in BONE.items() if key != "end"}
    cells = {"bone": ["no"] * 200, "bone_time": ["-5", *["900"] * 199]}
    frame, found = read({"site_times": {"bone": said}}, **cells)
    assert frame[PARTS].iloc[0].isna().all()
    assert frame[PARTS].iloc[1].tolist() == [900, 0]
    assert "follow-up ends before baseline in 1 samples (S0)" in str(found[0])


def test_reached_without_a_date_is_at_baseline_or_a_slip_as_declared(read):
    cells = {"bone": ["yes"], "bone_time": [""], "os": ["alive"], "os_time": ["90"]}
    frame, found = read({"site_times": {"bone": BONE}}, **cells)
    assert frame[PARTS].isna().all(axis=None)
    assert found == []
    _, found = read({"site_times": {"bone": BONE | {"undated": "unknown"}}}, **cells)
    assert "column bone_time: an event without its time in 1 samples (S0)" in str(found[0])


def test_an_organ_reached_after_death_is_an_error_with_ids(read):
    cells = {"bone": ["yes"], "bone_time": ["200"], "os": ["dead"], "os_time": ["100"]}
    frame, found = read({"site_times": {"bone": BONE}}, **cells)
    assert "1 metastases are dated after death (samples S0)" in str(found[0])
    assert found[0].level == "error"
    assert frame[PARTS].isna().all(axis=None)


def test_an_organ_reached_after_last_contact_is_told_with_ids(read):
    cells = {"bone": ["yes"], "bone_time": ["200"], "os": ["alive"], "os_time": ["100"]}
    _, found = read({"site_times": {"bone": BONE}}, **cells)
    assert "an event dated after last contact in 1 samples (S0)" in str(found[0])


@pytest.mark.parametrize(("said", "bone", "time", "event"), [("Yes", "no", "", 1), ("No", "yes", "50", 0)])
def test_an_organ_whose_answer_and_date_contradict_is_told_and_undated(read, said, bone, time, event):
    sites = {"bone": {"column": "said", "yes": ["Yes"], "no": ["No"]}}
    cells = {"said": [said], "bone": [bone], "bone_time": [time], "os": ["alive"], "os_time": ["90"]}
    frame, found = read({"sites": sites, "site_times": {"bone": BONE}}, **cells)
    assert "site.bone and its dated endpoint contradict each other in 1 samples (S0)" in str(found[0])
    assert frame[PARTS].isna().all(axis=None)
    assert frame["site.bone"].tolist() == [event]


def test_a_metastasis_after_the_end_of_survival_is_told(read):
    said = {key: value for key, value in BONE.items() if key != "end"}
    cells = {"bone": ["yes"], "bone_time": ["200"], "os": ["dead"], "os_time": ["100"]}
    frame, found = read({"metastasis": said, "os": OS}, **cells)
    assert "metastasis is dated after the end of follow-up in 1 samples (S0)" in str(found[0])
    assert frame["metastasis.event"].isna().all()
    assert frame["os.event"].tolist() == [1]


def test_a_progression_after_the_end_of_survival_is_told(read):
    pfs = OS | {"time": "pfs_time", "status": "pfs"}
    cells = {"pfs": ["dead"], "pfs_time": ["200"], "os": ["dead"], "os_time": ["100"]}
    frame, found = read({"pfs": pfs, "os": OS}, **cells)
    assert "column pfs_time: pfs is dated after the end of follow-up in 1 samples (S0)" in str(found[0])
    assert frame["pfs.event"].isna().all()


def test_an_organ_reached_in_a_patient_without_metastasis_is_told(read):
    said = {
        "metastatic": {"column": "met", "yes": ["TRUE"], "no": ["FALSE"]},
        "sites": {"bone": {"column": "bone", "yes": ["Yes"], "no": ["No"]}},
    }
    frame, found = read(said, met=["FALSE", "FALSE", "TRUE"], bone=["Yes", "No", "Yes"])
    assert "column met: an organ was reached, and the patient is said never" in str(found[0])
    np.testing.assert_array_equal(frame["metastatic"], [NAN, 0, 1])
    np.testing.assert_array_equal(frame["site.bone"], [1, 0, 1])


def test_without_an_end_the_time_is_also_the_last_contact(read):
    said = {key: value for key, value in BONE.items() if key != "end"}
    frame, found = read({"metastasis": said}, bone=["yes", "no", ""], bone_time=["70", "90", "30"])
    np.testing.assert_array_equal(frame["metastasis.event"], [1, 0, np.nan])
    np.testing.assert_array_equal(frame["metastasis.time_days"], [70, 90, np.nan])
    assert found == []


def test_a_fault_of_the_shared_last_contact_is_told_once(read):
    cells = {"bone": ["no"] * 2, "bone_time": [""] * 2, "os": ["dead"] * 2, "os_time": ["", "60"]}
    organs = dict.fromkeys(("bone", "liver", "lung"), BONE)
    _, found = read({"site_times": organs, "os": OS}, **cells)
    assert ["an event without its time in 1 samples (S0)" in str(finding) for finding in found] == [True]


def test_thresholds_leave_what_lies_between_unknown(read):
    said = {"column": "log10", "yes_from": -2, "no_up_to": -4}
    frame, _ = read({"sites": {"bone": said}}, log10=["-4", "-3", "-2", "0.5", "", "-4.5"])
    np.testing.assert_array_equal(frame["site.bone"], [0, np.nan, 1, 1, np.nan, 0])


def test_thresholds_that_nobody_reaches_are_an_error(read):
    said = {"column": "log10", "yes_from": 20, "no_up_to": -40}
    _, found = read({"sites": {"bone": said}}, log10=["-3"])
    assert "no sample lies at or above 20, or at or below -40" in str(found[0])
