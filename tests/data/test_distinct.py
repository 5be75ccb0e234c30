"""What is asked once for each distinct text is what cell by cell would have told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metarisk.data.text import MISSING, as_numbers, in_capitals, is_missing, stripped
from metarisk.schema.ids import id_fault

CELLS = st.lists(
    st.sampled_from(
        ["", " ", "NA", " n/a", "unknown", "Unknown ", "TP53", " x ", "5", " 5 ", "-1.5\t", "1e3"]
    )
    | st.sampled_from(["nan", "inf", "1,5", "0x10", "\u00a07", "\u00e9", "\u00df"])
    | st.text(max_size=4)
)


def column(cells: list[str]) -> pd.Series:
    return pd.Series(cells, index=[f"S{n}" for n in range(len(cells))], name="C", dtype=object)


def number(cell: str) -> float:
    return float(pd.to_numeric(pd.Series([cell.strip()]), errors="coerce").iloc[0])


@given(CELLS)
def test_missing_cells_are_those_that_say_so(cells):
    assert is_missing(column(cells)).tolist() == [cell.strip().upper() in MISSING for cell in cells]


@given(CELLS)
@example(["", "\x00", "a", "a\x00b"])
def test_text_keeps_its_order_and_its_index(cells):
    values = column(cells)
    pd.testing.assert_series_equal(stripped(values), values.map(str.strip).astype(object))
    pd.testing.assert_series_equal(in_capitals(values), values.map(str.upper).astype(object))


@given(CELLS)
def test_a_cell_is_the_number_that_stands_between_its_white_space(cells):
    np.testing.assert_array_equal(as_numbers(column(cells)), [number(cell) for cell in cells])


def test_a_cell_that_is_no_text_is_not_missing():
    assert is_missing(pd.Series(["", None, np.nan, "x"], dtype=object)).tolist() == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("value", ["00123", "1E5", "NA", "TCGA-AB-1234.01", "a..b", "P_1", "_", "-"])
def test_an_ordinary_id_has_no_fault(value):
    assert id_fault(value) is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [("..", "are paths"), ("../x", "are paths"), ("a\n", "hold white space"), ("", "are empty"), (".", None)],
)
def test_an_id_of_few_signs_is_still_looked_at(value, fault):
    assert id_fault(value) == fault
