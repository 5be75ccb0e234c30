from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

import metarisk
from metarisk.cli import run

Captured = pytest.CaptureFixture[str]


def pack(study: Path, server: Any) -> None:
    with tarfile.open(server.folder / "two.tar.gz", "w:gz") as packed:
        packed.add(study, "two")


def test_fetch_says_what_came_under_which_terms_and_what_to_run_next(
    file_server: Any, study_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    pack(study_folder, file_server)
    out = tmp_path / "out"
    assert run(["fetch", "two", "--out", str(out), "--base-url", file_server.base_url]) == 0
    told = capsys.readouterr()
    lines = dict(line.split("  ", 1) for line in told.out.splitlines())
    facts = {name.strip(): value.strip() for name, value in lines.items()}
    assert facts["licence"] == "not stated: ask the authors"
    assert facts["files"] == f"5, {sum(path.stat().st_size for path in study_folder.iterdir())} bytes"
    assert facts["from 1"] == f"{file_server.base_url}/two.tar.gz"
    assert len(facts["sha256 1"]) == 64
    assert facts["next"] == f"metarisk validate {out}"
    assert told.err == "two.tar.gz (MB): 0 of 1\ntwo.tar.gz (MB): 1 of 1\n"
    assert run(["validate", str(out)]) in (0, 3)


def test_the_server_is_read_from_the_environment_and_the_folder_from_the_id(
    file_server: Any, study_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(study_folder, file_server)
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.chdir(room)
    monkeypatch.setenv("METARISK_FETCH_URL", file_server.base_url)
    assert run(["fetch", "two"]) == 0
    assert (room / "two" / "meta_study.txt").is_file()


def test_a_resource_is_fetched_by_name(file_server: Any, tmp_path: Path, capsys: Captured) -> None:
    (file_server.folder / "hgnc_complete_set.txt").write_text(
        "symbol\tprev_symbol\talias_symbol\nTP53\t\tp53\n"
    )
    words = [
        "fetch",
        "--topology",
        "hgnc",
        "--out",
        str(tmp_path / "out"),
        "--base-url",
        file_server.base_url,
    ]
    assert run(words) == 0
    told = capsys.readouterr().out
    assert "- Read it with metarisk.data.genes.GeneTable.from_hgnc." in told
    assert "CC0-1.0 (HGNC)" in told
    assert "next" not in told


def test_the_list_names_both_tables_and_asks_nobody(capsys: Captured) -> None:
    assert run(["fetch", "--list", "--base-url", "http://127.0.0.1:9"]) == 0
    told = capsys.readouterr().out
    assert "msk_met_2021" in told
    assert "read_cellphonedb" in told


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "fetch was given nothing to fetch. Name one study, or one --topology; --list shows"),
        (["two", "--topology", "hgnc"], "fetch was given both a study and a topology."),
        (["--topology", "hgnc", "--sha256", "0" * 64], "--sha256 is for a study's archive."),
        (["../two"], "'../two' is no id of a study; expected small letters"),
        (["two", "--base-url", "ftp://host"], "is of the scheme 'ftp'; expected an address such as https"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_in_a_sentence(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["fetch", *words]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_no_import_opens_a_connection() -> None:
    code = (
        "import importlib, pkgutil, sys\n"
        "sys.addaudithook(lambda event, _: event.startswith('socket.') and sys.exit(event))\n"
        "import metarisk.cli, metarisk.config, metarisk.transfer, metarisk.jobs.fetch\n"
        "for package in (metarisk.cli, metarisk.config, metarisk.transfer):\n"
        "    for each in pkgutil.iter_modules(package.__path__, f'{package.__name__}.'):\n"
        "        importlib.import_module(each.name)\n"
        "print('quiet')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout == "quiet\n", ended.stderr


def test_no_other_verb_can_download() -> None:
    package = Path(metarisk.__file__).parent
    text = {str(path.relative_to(package)): path.read_text() for path in package.rglob("*.py")}
    users = {name for name, code in text.items() if re.search(r"(from|import) metarisk\.transfer", code)}
    outside = {name for name in users if not name.startswith("transfer/")}
    assert outside == {"jobs/fetch.py", "service/intake.py"}
    unpacking = set(re.findall(r"metarisk\.transfer(?:\.\w+)?", text["service/intake.py"]))
    assert unpacking == {"metarisk.transfer.limits", "metarisk.transfer.unpack"}
    assert {name for name, code in text.items() if "jobs.fetch" in code} == {"cli/fetch.py"}
