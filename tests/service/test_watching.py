"""A watched folder, and jobs that come once a day."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from metarisk.service.database import open_database
from metarisk.service.queue import Queue
from metarisk.service.schedule import submit_due
from metarisk.service.settings import Settings
from metarisk.service.submission import Desk
from metarisk.service.watching import OWNER, Watcher
from tests.service.conftest import ENVIRONMENT, write_samples


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "root").mkdir()
    settings = Settings.model_validate(
        {"data": tmp_path / "data", "models": {"m": "/bundle"}, "roots": [tmp_path / "root"]}
    )
    (tmp_path / "data").mkdir()
    engine = open_database(settings.database_uri)
    yield Desk(settings, Queue(engine))
    engine.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "watched").mkdir()
    return tmp_path / "watched"


@pytest.fixture
def watcher(folder: Path, desk: Desk) -> Watcher:
    return Watcher(folder, desk, settle_s=0.05)


def look_twice(watcher: Watcher) -> bool:
    watcher.look()
    time.sleep(0.1)
    return watcher.look()


def end_jobs(desk: Desk, *, well: bool = True) -> int:
    """What a worker does, without the scoring: the number of jobs that were ended."""
    from metarisk.errors import InputError

    ended = 0
    while (job := desk.queue.claim("test")) is not None:
        result = desk.folder.result(job.id)
        result.mkdir(parents=True)
        (result / "scores.json").write_text(job.input_name)
        if well:
            desk.queue.finish(job, {"samples": 1})
        else:
            desk.queue.fail(job, InputError("the age is no number", do="Write a number."))
        ended += 1
    return ended


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_file_that_has_settled_is_taken_submitted_once_and_its_result_put_under_its_name(
    watcher: Watcher, folder: Path, desk: Desk
) -> None:
    write_samples(folder / "tonight.tsv", 2)
    assert watcher.look()
    assert names(folder) == ["done", "failed", "taken", "tonight.tsv"]
    assert look_twice(watcher)
    assert names(folder) == ["done", "failed", "taken"]
    assert look_twice(watcher)
    assert len(desk.queue.listed(owner=OWNER)) == 1
    assert end_jobs(desk) == 1
    assert not watcher.look()
    assert (folder / "done" / "tonight.tsv" / "scores.json").read_text() == "tonight.tsv"
    assert names(folder / "taken") == []
    assert not watcher.look()


def test_a_file_that_still_grows_or_has_the_name_of_a_draft_is_left_alone(
    watcher: Watcher, folder: Path
) -> None:
    for name in (".hidden.tsv", "a.tsv.part", "a.tmp"):
        write_samples(folder / name, 2)
    for size in range(4):
        write_samples(folder / "grows.tsv", size)
        assert watcher.look()
        time.sleep(0.06)
    assert names(folder / "taken") == []
    assert "grows.tsv" in names(folder)


def test_a_marker_says_that_a_file_is_whole(folder: Path, desk: Desk) -> None:
    patient = Watcher(folder, desk, settle_s=3600)
    write_samples(folder / "a.tsv", 2)
    patient.look()
    assert "a.tsv" in names(folder)
    (folder / "a.tsv.done").touch()
    patient.look()
    assert names(folder) == ["done", "failed", "taken"]


def test_a_file_that_cannot_be_scored_goes_to_failed_with_the_sentence(
    watcher: Watcher, folder: Path, desk: Desk
) -> None:
    write_samples(folder / "a.tsv", 2)
    (folder / "bad.zip").write_bytes(b"no archive")
    (folder / "link.tsv").symlink_to("/etc/passwd")
    look_twice(watcher)
    end_jobs(desk, well=False)
    watcher.look()
    assert names(folder / "failed") == ["a.tsv", "bad.zip", "link.tsv"]
    reasons = {path.name: (path / "reason.txt").read_text() for path in (folder / "failed").iterdir()}
    assert reasons["a.tsv"] == "the age is no number. Write a number.\n"
    assert "no archive that is read here" in reasons["bad.zip"]
    assert "a link that leads out" in reasons["link.tsv"]
    assert (folder / "failed" / "a.tsv" / "a.tsv").is_file()


def test_a_second_file_of_one_name_does_not_replace_the_first_ones_result(
    watcher: Watcher, folder: Path, desk: Desk
) -> None:
    for _ in range(2):
        write_samples(folder / "a.tsv", 2)
        look_twice(watcher)
        end_jobs(desk)
        watcher.look()
    first, second = names(folder / "done")
    assert first == "a.tsv"
    assert second.startswith("a.tsv.")


def test_a_result_handed_over_just_before_a_kill_is_not_handed_over_again(
    watcher: Watcher, folder: Path, desk: Desk
) -> None:
    write_samples(folder / "a.tsv", 2)
    look_twice(watcher)
    end_jobs(desk)
    (claim,) = (folder / "taken").iterdir()
    content = (claim / "a.tsv").read_bytes()
    watcher.look()
    claim.mkdir()  # as it stood before the kill
    (claim / "a.tsv").write_bytes(content)
    assert not watcher.look()
    assert names(folder / "done") == ["a.tsv"]
    assert names(folder / "taken") == []


WATCH = """
import sys
from pathlib import Path
from metarisk.service.database import open_database
from metarisk.service.queue import Queue
from metarisk.service.settings import Settings
from metarisk.service.submission import Desk
from metarisk.service.watching import Watcher
settings = Settings.model_validate({"data": sys.argv[1], "models": {"m": "/bundle"}, "poll_s": 0.01})
Watcher(Path(sys.argv[2]), Desk(settings, Queue(open_database(settings.database_uri))), settle_s=0.02).run()
"""


def test_two_watchers_that_are_killed_and_started_again_hand_each_file_over_once(
    folder: Path, desk: Desk
) -> None:
    def start() -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", WATCH, str(desk.settings.data), str(folder)]
        return subprocess.Popen(words, env=ENVIRONMENT)

    watchers = [start(), start()]
    try:
        wait_until((folder / "done").is_dir)
        for number in range(30):
            draft = write_samples(folder / f".{number}", 2)
            draft.rename(folder / f"{number:02d}.tsv")
            if number in {10, 20}:
                os.kill(watchers[number // 10 - 1].pid, signal.SIGKILL)
                watchers.append(start())
            time.sleep(0.05)
        wait_until(lambda: end_jobs(desk) >= 0 and len(names(folder / "done")) == 30)
        wait_until(lambda: held(folder / "taken") == [])
    finally:
        for child in watchers:
            child.kill()
            child.wait()
    assert names(folder / "done") == [f"{number:02d}.tsv" for number in range(30)]
    jobs = desk.queue.listed(owner=OWNER)
    assert sorted(job.input_name for job in jobs) == names(folder / "done")


def held(taken: Path) -> list[str]:
    """Files under claims; a claim whose watcher was killed before it took a file stays for a while, empty."""
    return sorted(path.name for path in taken.glob("*/*") if not path.name.startswith("."))


def wait_until(reached: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_schedule_submits_once_a_day_whoever_looks_and_however_often(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "root" / "2026-11-26").mkdir()
    write_samples(tmp_path / "root" / "2026-11-26" / "a.tsv", 2)
    settings = Settings.model_validate(
        {
            **desk.settings.model_dump(),
            "schedules": [
                {"name": "nightly", "at": "02:30", "timezone": "Europe/Berlin", "path": "{date}/a.tsv"}
            ],
        }
    )
    other = Desk(settings, Queue(desk.queue.engine))

    def look(day: int, hour: int, minute: int) -> int:
        now = datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo("UTC"))
        looks = [submit_due(settings.schedules, each, now) for each in (desk, other)]
        return sum(submitted.new for look in looks for submitted in look)

    assert look(26, 1, 29) == 0
    assert look(26, 1, 30) == 1  # half past two in Berlin
    assert [look(26, 1, 31), look(26, 22, 59)] == [0, 0]
    assert look(27, 1, 30) == 0  # tomorrow's samples are not there yet
    (tmp_path / "root" / "2026-11-26").rename(tmp_path / "root" / "2026-11-27")
    assert look(27, 4, 0) == 1
    keys = {job.key for job in desk.queue.listed(owner="")}
    assert keys == {"schedule:nightly:2026-11-26", "schedule:nightly:2026-11-27"}
