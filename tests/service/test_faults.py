"""A disk that is really full, a folder without rights, a locked database, work of other code: the service."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from metarisk.cli.app import run
from metarisk.jobs.score import score
from tests.service.conftest import MANY, Service, make_service, write_samples

pytestmark = pytest.mark.slow
DISK = 24 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own for a service's data, of 24 MiB."""
    folder = tmp_path / "data"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", folder]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk, and not on every machine")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, *, but: int) -> Path:
    """A file that leaves so many bytes free."""
    ballast = disk / "ballast"
    told = os.statvfs(disk)
    ballast.write_bytes(b"\0" * (told.f_bavail * told.f_frsize - but))
    return ballast


def test_an_upload_to_a_full_disk_is_told_507_leaves_nothing_and_goes_through_when_there_is_room(
    small_disk: Path, tiny_model: Any, tmp_path: Path
) -> None:
    service = make_service(tmp_path, tiny_model.folder)
    try:
        service.serve()
        samples = write_samples(tmp_path / "large.tsv", 100_000)  # 1.3 MB
        ballast = fill(small_disk, but=1 << 20)
        refused = upload(service, samples)
        assert (refused.status_code, set(refused.json())) == (507, {"found", "expected", "do"})
        assert "no space" in refused.json()["found"]
        assert not any((small_disk / "jobs").iterdir())
        assert httpx.get(f"{service.url}/v1/jobs").json()["jobs"] == []
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        assert "a bug of ours" not in service.log()
        ballast.unlink()
        assert upload(service, samples).status_code == 201
    finally:
        service.end()


def upload(service: Service, samples: Path) -> httpx.Response:
    with samples.open("rb") as stream:
        files, headers = {"file": (samples.name, stream)}, {"Idempotency-Key": "one"}
        return httpx.post(f"{service.url}/v1/jobs", files=files, headers=headers, timeout=60)


def test_a_job_on_a_full_disk_is_put_off_and_done_when_there_is_room(
    small_disk: Path, tiny_model: Any, tmp_path: Path
) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'service.db'}"
    service = make_service(tmp_path, tiny_model.folder, database=elsewhere, lease_s=8.0)
    try:
        service.serve()
        samples = write_samples(service.root / "some.tsv", 50)
        job = service.submit("some.tsv")
        ballast = fill(small_disk, but=4096)
        service.work()
        wait_for(lambda: "put off (OutputError)" in service.log(), service)
        assert not (small_disk / "jobs" / job / "result").exists()
        ballast.unlink()
        ended = service.wait(job, "done", "failed", seconds=90)
        assert (ended["state"], ended["error"]) == ("done", None)
        assert ended["tries"] >= 2
        whole = score(str(tiny_model.folder), samples, tmp_path / "whole")
        assert service.result(job)["quarantine.tsv"] == (whole.out / "quarantine.tsv").read_bytes()
        assert ended["counts"]["samples"] == 50
    finally:
        service.end()


def wait_for(seen: Any, service: Service, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < until, service.log()[-2000:]
        time.sleep(0.05)


@pytest.mark.parametrize("verb", [["serve"], ["work", "--until-empty"]])
def test_a_data_folder_that_may_not_be_written_to_ends_the_command_in_a_sentence(
    verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as room:
        Path(room).chmod(0o555)
        if user == 0:  # who may write anywhere, so it is somebody else meanwhile
            os.seteuid(65534)
        try:
            code = run([*verb, "--data", f"{room}/data", "--model", "small=none"])
        finally:
            os.seteuid(user)
        Path(room).chmod(0o755)
        assert code == 2
        assert "data cannot be made (Permission denied)" in capsys.readouterr().err
        assert list(Path(room).iterdir()) == []


def test_who_submits_while_another_process_holds_the_database_waits_and_is_served(
    service: Service,
) -> None:
    write_samples(service.root / "few.tsv", 3)
    with closing(sqlite3.connect(service.folder / "data" / "service.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answers: list[str] = []
        asker = threading.Thread(target=lambda: answers.append(service.submit("few.tsv", timeout=30)))
        asker.start()
        time.sleep(1.5)
        assert answers == []
        assert httpx.get(f"{service.url}/v1/jobs", timeout=5).json()["jobs"] == []  # readers do not wait
        other.execute("COMMIT")
        asker.join(timeout=30)
    assert len(answers) == 1


def test_a_job_that_other_code_began_is_begun_anew_and_not_mixed(service: Service, tiny_model: Any) -> None:
    samples = write_samples(service.root / "many.tsv", MANY)
    job = service.submit("many.tsv")
    result = service.folder / "data" / "jobs" / job / "result"
    first = service.work()
    unfinished = result.with_name("result.unfinished")
    service.wait_for_part(job)
    first.kill()
    first.wait()
    (record,) = [path for path in unfinished.glob("*.json") if "metarisk" in json.loads(path.read_text())]
    begun = json.loads(record.read_text())
    record.write_text(json.dumps({**begun, "metarisk": "0.0.1"}))
    service.work()
    ended = service.wait(job, "done", "failed", seconds=120)
    assert (ended["state"], ended["error"]) == ("done", None)
    pinned = service.folder / "data" / "models" / ended["model"]["sha256"]
    whole = score(str(pinned), samples, service.folder / "whole")
    assert service.result(job)["scores.parquet"] == whole.scores.read_bytes()
