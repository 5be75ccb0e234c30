"""Whatever stands in the cells of a clinical table: findings, no traceback, no impossible endpoint."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

OS: dict[str, Any] = {"time": "t", "unit": "months", "status": "s", "event": ["1"], "censored": ["0"]}
ENDPOINTS: dict[str, Any] = {
    "sites": {
        "bone": {"column": "a", "yes": ["1"], "no": ["0"]},
        "skin": {"column": "t", "yes_from": 1, "no_up_to": 0},
    },
    "site_times": {"bone": OS | {"time": "u", "end": OS}},
    "site_text": {"columns": ["w", "a"], "sites": ["lung", "other"], "where": {"s": ["1"]}},
    "metastatic": {"column": "s", "yes": ["1"], "no": ["0"]},
    "metastasis": {"baseline": "t", "metastasis": "u", "death": "a", "last_contact": "t"},
    "os": OS,
    "pfs": OS | {"time": "u"},
}
CODES = {"os": {0, 1}, "pfs": {0, 1}, "metastasis": {0, 1, 2}, "site.bone": {0, 1, 2}}

number = st.floats(-1e5, 1e5).map(lambda value: f"{value:.2f}")
word = st.sampled_from(
    ["lung", "Lung|Bone", "no lung", "Other, specify", ">89", "1:DECEASED", "nan", "inf", "1e999"]
)
cell = st.one_of(number, word, st.sampled_from(["0", "1", "", "NA", " 1 "]), st.text(max_size=6))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cell, cell, cell, cell, cell), min_size=1, max_size=30))
def test_any_text_is_an_endpoint_or_a_finding(read, rows):
    columns = dict(zip("astuw", map(list, zip(*rows, strict=True)), strict=True))
    frame, found = read(ENDPOINTS, **columns)
    assert len(frame) == len(rows)
    for name, codes in CODES.items():
        time, event = frame[f"{name}.time_days"], frame[f"{name}.event"]
        assert set(event.dropna()) <= codes
        assert (time.dropna() >= 0).all()
        np.testing.assert_array_equal(time.isna(), event.isna())
    for name in ("site.bone", "site.skin", "site.lung", "site.other", "metastatic"):
        assert set(frame[name].dropna()) <= {0.0, 1.0}
    for finding in found:
        assert str(finding)
