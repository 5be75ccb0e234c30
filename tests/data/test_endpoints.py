"""Endpoints against a patient-by-patient reading of the same columns."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarisk.config.study import AgesAtEvents, EndpointColumns, FollowUp, YesNo
from metarisk.data.endpoints import read_endpoints
from metarisk.data.found import Found
from metarisk.data.outcomes.first_event import ROUNDING_YEARS
from metarisk.data.source import ClinicalSource

AGES = AgesAtEvents(baseline="base", metastasis="met", death="death", last_contact="last")
METASTATIC = YesNo(column="ever", yes=("TRUE",), no=("FALSE",))


def source(**columns: list[str]) -> ClinicalSource:
    n = len(next(iter(columns.values())))
    frame = pd.DataFrame(columns, index=pd.Index([f"S{i}" for i in range(n)], name="sample_id"))
    return ClinicalSource(frame, np.array([f"P{i}" for i in range(n)]), dict.fromkeys(columns, "clinic.txt"))


def read(columns: EndpointColumns, **cells: list[str]) -> tuple[pd.DataFrame, Found]:
    found: Found = []
    return read_endpoints(source(**cells), columns, found), found


def by_hand(base: float, met: float, death: float, last: float, ever: bool) -> tuple[float, float]:
    """One patient's (days, event), written as a person would say it."""
    if math.isnan(base):
        return math.nan, math.nan
    if not math.isnan(met):
        return ((met - base) * 365.25, 1.0) if met - base > ROUNDING_YEARS else (math.nan, math.nan)
    if ever:
        return math.nan, math.nan
    end, event = (death, 2.0) if not math.isnan(death) else (last, 0.0)
    if math.isnan(end) or end - base < -ROUNDING_YEARS:
        return math.nan, math.nan
    return max(end - base, 0.0) * 365.25, event


age = st.one_of(st.just(math.nan), st.integers(4000, 9000).map(lambda hundredths: hundredths / 100))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(age, age, age, age, st.booleans()), min_size=1, max_size=12))
def test_first_metastasis_is_what_a_hand_would_write(patients):
    text = [["" if math.isnan(value) else f"{value:.2f}" for value in patient[:4]] for patient in patients]
    base, met, death, last = map(list, zip(*text, strict=True))
    ever = ["TRUE" if patient[4] else "FALSE" for patient in patients]
    columns = EndpointColumns(metastatic=METASTATIC, metastasis=AGES)
    frame, _ = read(columns, base=base, met=met, death=death, last=last, ever=ever)
    expected = [by_hand(*patient) for patient in patients]
    np.testing.assert_allclose(
        frame[["metastasis.time_days", "metastasis.event"]].to_numpy(), expected, atol=1e-6, equal_nan=True
    )


def test_a_metastasis_after_death_is_an_error_with_ids():
    _, found = read(EndpointColumns(metastasis=AGES), base=["50"], met=["53"], death=["52"], last=[""])
    assert "1 metastases are dated after death (samples S0)" in str(found[0])


def test_follow_up_that_ends_before_baseline_is_an_error_where_it_is_the_rule():
    cells = {"base": ["60", "60"], "met": ["", ""], "death": ["55", "61"], "last": ["", ""]}
    _, found = read(EndpointColumns(metastasis=AGES), **cells)
    assert "follow-up ends before baseline in 1 samples (S0)" in str(found[0])
    assert found[0].level == "error"


def test_a_few_slips_among_many_are_a_warning_and_unknown():
    many = 300
    cells = {"base": ["60"] * many, "met": [""] * many, "death": [""] * many, "last": ["61"] * many}
    cells["last"][7] = "59"
    frame, found = read(EndpointColumns(metastasis=AGES), **cells)
    assert [finding.level for finding in found] == ["warning"]
    assert frame["metastasis.event"].isna().sum() == 1


OS = FollowUp(time="months", unit="months", status="status", event=("dead",), censored=("alive",))


@pytest.mark.parametrize(
    ("months", "status", "sentence"),
    [
        ("-1", "alive", "negative times in 1 samples (S0)"),
        ("3650", "alive", "times longer than 60 years when read as months in 1 samples (S0)"),
        ("12", "gone", "1 states are none of dead, alive (samples S0)"),
        ("", "dead", "an event without its time in 1 samples (S0)"),
        ("1,5", "dead", "holds 1 numbers with a decimal comma (samples S0)"),
    ],
)
def test_follow_up_that_cannot_be_is_an_error_with_ids(months, status, sentence):
    _, found = read(EndpointColumns(os=OS), months=[months], status=[status])
    assert [finding.level for finding in found] == ["error"]
    assert sentence in str(found[0])


def test_unknown_time_or_status_leaves_both_unknown():
    frame, found = read(EndpointColumns(os=OS), months=["", "6", "6"], status=["alive", "", "dead"])
    np.testing.assert_allclose(
        frame.to_numpy(), [[np.nan, np.nan], [np.nan, np.nan], [182.625, 1.0]], equal_nan=True
    )
    assert found == []


def test_whatever_is_neither_yes_nor_no_stays_unknown():
    said = EndpointColumns(sites={"bone": YesNo(column="bone", yes=("Yes",), no=("No",))})
    frame, found = read(said, bone=["Yes", "No", "", "yes", "maybe"])
    np.testing.assert_array_equal(frame["site.bone"], [1, 0, np.nan, np.nan, np.nan])
    assert "2 cells are neither a declared yes nor a no" in str(found[0])
    assert "maybe" not in str(found[0])


def test_a_word_that_is_declared_to_say_nothing_is_not_told():
    bone = YesNo(column="bone", yes=("Yes",), no=("No",), unknown=("maybe",))
    frame, found = read(EndpointColumns(sites={"bone": bone}), bone=["Yes", "No", "maybe"])
    np.testing.assert_array_equal(frame["site.bone"], [1, 0, np.nan])
    assert found == []


def test_a_column_without_any_declared_value_is_an_error():
    said = EndpointColumns(sites={"bone": YesNo(column="bone", yes=("Yes",), no=("No",))})
    _, found = read(said, bone=["TRUE", "FALSE"])
    assert "no sample has one of the values Yes, No" in str(found[0])


def test_a_missing_column_gets_the_nearest_name():
    _, found = read(EndpointColumns(os=OS), month=["1"], status=["dead"])
    assert "has no column 'months'. Did you mean 'month'?" in str(found[0])


def test_endpoints_hold_only_at_the_rows_whose_clock_they_are():
    said = EndpointColumns(
        rows={"type": ("Primary",)}, sites={"bone": YesNo(column="bone", yes=("Yes",), no=("No",))}
    )
    frame, _ = read(said, bone=["Yes", "Yes"], type=["Primary", "Metastasis"])
    np.testing.assert_array_equal(frame["site.bone"], [1, np.nan])
