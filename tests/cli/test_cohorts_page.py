"""The page on cohorts does what it says: its files are written, its commands run, its output is compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from metarisk.cli import run

PAGE = Path(__file__).parents[2] / "docs" / "cohorts.md"
BLOCK = re.compile(r"<!-- (file|run|output)(?:: (\S+))? -->\n```\w*\n(.*?)```", re.DOTALL)


def test_the_example_runs_as_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = []
    for kind, told, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        done.append(kind)
        if kind == "file":
            Path(told).parent.mkdir(exist_ok=True)
            Path(told).write_text(content, encoding="utf-8")
        elif kind == "run":
            for line in content.splitlines():
                assert run(line.split()[1:]) == int(told)
        else:
            assert without_hashes(capsys.readouterr().out) == content
    assert done == ["file"] * 4 + ["run", "output", "run"]
    assert {"findings.json", "findings.html", "cohort", "cohort.h5mu"} <= {
        path.name for path in tmp_path.iterdir()
    }


def without_hashes(text: str) -> str:
    """Text as the page shows it: a hash is shortened, nothing else."""
    return re.sub(r"\b([0-9a-f]{8})[0-9a-f]{56}\b", r"\1...", text)


def test_every_study_file_is_counted() -> None:
    studies = len(list((PAGE.parents[1] / "configs" / "studies").glob("*.yaml")))
    words = {15: "fifteen", 16: "sixteen", 17: "seventeen"}
    assert f"holds {words[studies]} real ones" in PAGE.read_text(encoding="utf-8")
