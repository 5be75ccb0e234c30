from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DOOR = Path(__file__).parents[2] / "serving" / "score_new.sh"


def open_door(model: Path, inbox: Path, outbox: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", DOOR, model, inbox, outbox],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_an_inbox_is_scored_once_and_a_refused_study_stops_no_other(
    tiny_model: Any, study_folder: Path, tmp_path: Path
) -> None:
    inbox, outbox = tmp_path / "inbox", tmp_path / "outbox"
    shutil.copytree(study_folder, inbox / "b_sound")
    shutil.copytree(study_folder, inbox / "a_broken")
    (inbox / "a_broken" / "meta_study.txt").unlink()
    first = open_door(tiny_model.folder, inbox, outbox)
    assert first.returncode == 2
    assert "meta_study.txt" in first.stderr
    assert [folder.name for folder in outbox.iterdir()] == ["b_sound"]
    written = (outbox / "b_sound" / "scores.parquet").stat().st_mtime_ns
    shutil.rmtree(inbox / "a_broken")
    assert open_door(tiny_model.folder, inbox, outbox).returncode == 0
    assert (outbox / "b_sound" / "scores.parquet").stat().st_mtime_ns == written
