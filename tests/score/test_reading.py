from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from metarisk.errors import InputError
from metarisk.score import ScoreReport, read_scores


@pytest.fixture
def copied(scored: ScoreReport, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scored.out, tmp_path / "scores"))


def test_one_flipped_byte_is_named(copied: Path) -> None:
    path = copied / "scores.parquet"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"scores.parquet \(\d+ bytes\) hashes to .* It was altered or cut"):
        read_scores(copied)


def test_a_cut_table_is_named(copied: Path) -> None:
    path = copied / "scores.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"It was altered or cut: copy it again, or score again"):
        read_scores(copied)


def test_a_missing_table_is_named(copied: Path) -> None:
    (copied / "scores.parquet").unlink()
    with pytest.raises(InputError, match=r"scores: scores.parquet is missing"):
        read_scores(copied)


def test_a_folder_without_a_manifest_holds_no_scores(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no readable scores.json; expected a folder that"):
        read_scores(tmp_path)


def test_scores_of_a_newer_format_are_refused(copied: Path) -> None:
    path = copied / "scores.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 9}))
    with pytest.raises(InputError, match=r"format version 9; expected version 3. Read it with the metarisk"):
        read_scores(copied)


def test_a_manifest_of_another_table_is_noticed(copied: Path) -> None:
    path = copied / "scores.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rows": 5}))
    with pytest.raises(InputError, match=r"expected 5 rows and 17 columns"):
        read_scores(copied)
