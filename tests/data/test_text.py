"""Delimited text, against the standard library's slow reader."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metarisk.data import layout
from metarisk.data.numbers import read_numbers
from metarisk.data.text import read_text

cell = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\r\n\x1c\x1d\x1e\x85\u2028\u2029"), max_size=6
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=6))
def test_comma_files_read_as_the_csv_module_reads_them(tmp_path, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("id", "b", "c"), *((f"x{first}", *rest) for first, *rest in rows)])
    path = tmp_path / "t.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    found = []
    table = read_text(path, found)
    assert found == []
    assert table.frame.to_numpy().tolist() == list(csv.reader(io.StringIO(text.getvalue())))[1:]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.sampled_from([1, 7, 1000]))
def test_ragged_rows_are_found_where_splitting_finds_them(tmp_path, monkeypatch, widths, block):
    monkeypatch.setattr(layout, "BYTES_AT_A_TIME", block)
    path = tmp_path / "t.tsv"
    path.write_text("a\tb\tc\n" + "".join("\t".join("x" * width) + "\n" for width in widths))
    found = []
    table = read_text(path, found)
    by_hand = tuple(line for line, width in enumerate(widths, start=2) if width != 3)
    assert (table is None) == bool(by_hand)
    assert (found[0].lines if found else ()) == by_hand


def test_quotes_in_tab_files_are_letters(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text('a\tb\n"x\ty"\n5\'UTR\t"\n')
    assert read_text(path, []).frame.to_numpy().tolist() == [['"x', 'y"'], ["5'UTR", '"']]


def test_only_asked_columns_are_read(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("a\tb\tc\n1\t2\t3\n")
    assert list(read_text(path, [], ("c", "z", "a")).frame.columns) == ["a", "c"]


def test_a_matrix_reads_as_pandas_reads_it(tmp_path):
    values = np.random.default_rng(0).normal(size=(30, 200)).astype(np.float32)
    values[3, 7] = np.nan
    frame = pd.DataFrame(values, columns=[f"S{n}" for n in range(200)])
    frame.insert(0, "gene", [f"G{n}" for n in range(30)])
    frame.to_csv(tmp_path / "m.tsv", sep="\t", index=False, na_rep="NA")
    table = read_numbers(tmp_path / "m.tsv", ("gene",), [])
    np.testing.assert_allclose(table.values, values, rtol=1e-6)
    assert table.ids["gene"].tolist() == frame["gene"].tolist()


@pytest.mark.parametrize("name", ["absent.tsv", "absent.parquet"])
def test_an_absent_file_is_named(tmp_path, name):
    found = []
    assert read_numbers(tmp_path / name, ("gene",), found) is None
    assert f"{name}: does not exist" in str(found[0])
