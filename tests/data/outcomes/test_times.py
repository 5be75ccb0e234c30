"""Units of follow-up: what is declared is what the numbers can be, cohort by cohort."""

from __future__ import annotations

import numpy as np
import pytest

DAYS_PER_MONTH = 365.25 / 12


def os(unit: object) -> dict[str, object]:
    return {"os": {"time": "time", "unit": unit, "status": "status", "event": ["1"], "censored": ["0"]}}


def text(days: np.ndarray, per: float) -> list[str]:
    return [repr(float(value)) for value in days / per]


@pytest.fixture
def days() -> np.ndarray:
    """Follow-up of forty patients, one to nine years, whole days."""
    return np.rint(np.random.default_rng(3).uniform(365, 9 * 365, size=40))


@pytest.mark.parametrize(
    ("unit", "per"), [("days", 1.0), ("weeks", 7.0), ("months", DAYS_PER_MONTH), ("years", 365.25)]
)
def test_every_unit_is_told_in_days(read, days, unit, per):
    frame, found = read(os(unit), time=text(days, per), status=["1"] * 40)
    np.testing.assert_allclose(frame["os.time_days"], days)
    assert found == []


@pytest.mark.parametrize(
    ("declared", "per", "sentence"),
    [
        ("months", 1.0, "40 times, read as months, have a median above 15 years; they look like days"),
        ("years", DAYS_PER_MONTH, "read as years, have a median above 15 years; they look like months"),
        ("years", 1.0, "they look like days"),
        ("days", DAYS_PER_MONTH, "read as days, have a maximum below 400 days; they look like months"),
        ("days", 365.25, "they look like years"),
    ],
)
def test_times_in_another_unit_than_declared_are_named(read, days, declared, per, sentence):
    _, found = read(os(declared), time=text(days, per), status=["0"] * 40)
    assert [finding.level for finding in found] == ["error"]
    assert sentence in str(found[0])


def test_the_message_holds_no_patients_time(read, days):
    _, found = read(os("months"), time=text(days, 1.0), status=["0"] * 40)
    assert not any(str(value) in str(found[0]) for value in days)


def test_whole_months_declared_as_days_are_named(read):
    months = np.arange(1, 41)
    _, found = read(os("days"), time=text(months, 1.0), status=["0"] * 40)
    assert "have a maximum below 150 days; they look like months" in str(found[0])


def test_one_pooled_cohort_in_another_unit_is_named_and_can_be_declared_by_row(read, days):
    cohort = ["a"] * 40 + ["b"] * 40
    cells = {
        "time": [*text(days, DAYS_PER_MONTH), *text(days, 1.0)],
        "status": ["1"] * 80,
        "cohort": cohort,
    }
    ids = [f"{name}:S{n}" for n, name in enumerate(cohort)]
    _, found = read(os("months"), ids=ids, **cells)
    assert "40 times of cohort b, read as months" in str(found[0])
    by_row = {"column": "cohort", "of": {"b": "days"}, "others": "months"}
    frame, found = read(os(by_row), ids=ids, **cells)
    np.testing.assert_allclose(frame["os.time_days"], [*days, *days])
    assert found == []


def test_a_cohort_without_any_time_is_not_taken_for_a_wrong_column(read, days):
    ids = [f"{'a' if n < 40 else 'b'}:S{n}" for n in range(80)]
    cells = {"time": [*text(days, 1.0), *[""] * 40], "status": ["1"] * 80}
    frame, found = read(os("days"), ids=ids, **cells)
    assert [finding.level for finding in found] == ["warning"]
    assert "1 cohorts have events and no times (b)" in str(found[0])
    assert frame["os.event"].notna().sum() == 40


def test_one_endless_time_among_many_is_a_slip(read, days):
    many = np.tile(days, 4)
    many[11] = 40_000
    frame, found = read(os("days"), time=text(many, 1.0), status=["0"] * 160)
    assert "times longer than 60 years when read as days in 1 samples (S11)" in str(found[0])
    assert found[0].level == "warning"
    assert frame["os.event"].isna().sum() == 1


def test_two_typing_errors_do_not_change_the_unit_of_a_large_cohort(read):
    months = np.tile(np.arange(5.0, 65.0), 6)
    months[[3, 8]] = 5_000
    _, found = read(os("months"), time=text(months, 1.0), status=["0"] * 360)
    assert [finding.level for finding in found] == ["warning"]
    assert "times longer than 60 years when read as months in 2 samples (S3, S8)" in str(found[0])


def test_ages_that_are_days_are_named(read):
    ages = {
        "baseline": "base",
        "metastasis": "met",
        "death": "death",
        "last_contact": "last",
        "unit": "years",
    }
    days_of_life = [str(20_000 + n) for n in range(30)]
    _, found = read(
        {"metastasis": ages}, base=days_of_life, met=[""] * 30, death=[""] * 30, last=days_of_life
    )
    assert "read as years, half of the 30 ages would be above 100 years" in str(found[0])
