"""Where one of several sections may stand, errors speak of the one that was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from metarisk.config import load_study_file
from metarisk.config.study import EndpointColumns, FirstEvent, Threshold, YesNo
from metarisk.errors import ConfigError

EVENT: dict[str, Any] = {"time": "t", "unit": "days", "status": "s", "event": ["1"], "censored": ["0"]}
AGES = {"baseline": "b", "metastasis": "m", "death": "d", "last_contact": "l"}


def without(section: dict[str, Any], key: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name != key} | more


@pytest.mark.parametrize(
    ("endpoints", "sentence"),
    [
        (
            {"metastasis": without(EVENT, "censored", censord=["0"])},
            "endpoints.metastasis.censord is not a key of this file.* Did you mean 'censored'",
        ),
        (
            {"metastasis": without(AGES, "death", deth="d")},
            "endpoints.metastasis.deth is not a key of this file.* Did you mean 'death'",
        ),
        (
            {"sites": {"bone": {"column": "c", "yes_from": 1, "no_upto": 0}}},
            "endpoints.sites.bone.no_upto is not a key of this file.* Did you mean 'no_up_to'",
        ),
        (
            {"sites": {"bone": {"column": "c", "yes": ["1"], "noo": ["0"]}}},
            "endpoints.sites.bone.noo is not a key of this file.* Did you mean 'no'",
        ),
        (
            {"os": EVENT | {"unit": {"column": "c", "of": {"a": "days"}, "other": "months"}}},
            "endpoints.os.unit.other is not a key of this file.* Did you mean 'others'",
        ),
        (
            {"site_times": {"bone": EVENT | {"end": without(EVENT, "time", tme="t")}}},
            "endpoints.site_times.bone.end.tme is not a key of this file.* Did you mean 'time'",
        ),
        ({"os": EVENT | {"unit": "dayz"}}, "endpoints.os.unit is 'dayz'; expected .*'days', 'weeks'"),
        (
            {"metastatic": {"column": "c", "yes_from": 1, "no_up_to": 2}},
            "endpoints.metastatic is .*no_up_to 2 must lie below yes_from 1",
        ),
        ({"metastasis": without(EVENT, "status")}, "endpoints.metastasis.status is missing; expected"),
    ],
)
def test_an_error_names_the_key_and_the_nearest_of_the_section_that_was_meant(
    endpoints: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({"name": "s", "folder": "f", "endpoints": endpoints}))
    with pytest.raises(ConfigError, match=sentence):
        load_study_file(path)


def test_sections_that_are_built_already_are_taken_as_they_are() -> None:
    answers = {
        "bone": YesNo(column="c", yes=("1",), no=("0",)),
        "liver": Threshold(column="d", yes_from=1, no_up_to=0),
    }
    event = FirstEvent.model_validate(EVENT)
    columns = EndpointColumns(sites=answers, metastasis=event)
    assert columns.sites == answers
    assert columns.metastasis == event


def test_alternatives_survive_being_written_and_read() -> None:
    unit = {"column": "c", "of": {"a": "days"}, "others": "months"}
    columns = EndpointColumns.model_validate({"os": EVENT | {"unit": unit}, "metastasis": AGES})
    assert EndpointColumns.model_validate(columns.model_dump(mode="json")) == columns
