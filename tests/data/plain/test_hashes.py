"""Files that the study file states a SHA-256 of: nothing but that file is read under its name."""

from __future__ import annotations

import hashlib

import pytest

from metarisk.config.load import load_study_file
from metarisk.errors import ConfigError


def test_a_table_cut_cleanly_between_two_rows_is_seen_by_its_hash(folder):
    folder.put("calls.tsv", "sample gene", "00123 TP53", "1E5 KRAS")
    folder.calls("calls.tsv")
    path = folder.path / "calls.tsv"
    folder.study["sha256"] = {"calls.tsv": hashlib.sha256(path.read_bytes()).hexdigest().upper()}
    assert len(folder.read()) == 4
    path.write_bytes(path.read_bytes().removesuffix(b"1E5\tKRAS\n"))
    assert "calls.tsv: its 23 bytes have another SHA-256 than the study file states" in folder.errors()[0]


def test_a_stated_file_that_is_not_there_or_elsewhere_is_named(folder):
    folder.study["sha256"] = {"absent.tsv": "0" * 64, "../elsewhere.tsv": "0" * 64}
    absent, elsewhere = sorted(folder.errors())
    assert "absent.tsv: has a sha256 in the study file, and does not exist" in absent
    assert "names a file outside the study's folder (../elsewhere.tsv)" in elsewhere


def test_what_is_no_hash_is_refused_with_the_keys_path(folder):
    folder.study["sha256"] = {"clinical.csv": "abc"}
    with pytest.raises(ConfigError, match=r"sha256\.clinical\.csv is 'abc'"):
        load_study_file(folder.write())
