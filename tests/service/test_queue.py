"""The queue, on SQLite and on PostgreSQL by URI."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from metarisk.errors import ConfigError, InputError, ResourceError
from metarisk.service.database import open_database
from metarisk.service.queue import FATAL, Order, Queue
from tests.nursery import run_at_once


def order(key: str | None = None, *, owner: str = "", request: str = "a") -> Order:
    return Order(
        str(uuid4()), owner, "path", "samples.tsv", "/in/samples.tsv", "/in", "small", "/m", request, key
    )


@pytest.fixture
def queue(database_uri: str) -> Iterator[Queue]:
    engine = open_database(database_uri)
    yield Queue(engine, lease_s=30.0)
    engine.dispose()


@pytest.fixture
def impatient(queue: Queue) -> Queue:
    return Queue(queue.engine, lease_s=0.05)


def test_the_oldest_job_comes_first_and_once(queue: Queue) -> None:
    first, second = queue.submit(order()).job, queue.submit(order()).job
    assert first.state == "queued"
    taken = queue.claim("a")
    assert taken is not None
    assert (taken.id, taken.state, taken.attempt) == (first.id, "running", 1)
    other = queue.claim("b")
    assert other is not None
    assert other.id == second.id
    assert queue.claim("c") is None


def test_the_same_key_is_the_same_job_of_its_owner(queue: Queue) -> None:
    first = queue.submit(order("k", owner="ada"))
    again = queue.submit(order("k", owner="ada"))
    assert (first.new, again.new) == (True, False)
    assert again.job.id == first.job.id
    assert queue.submit(order("k", owner="bob")).new
    with pytest.raises(InputError, match="the idempotency key was used for another request"):
        queue.submit(order("k", owner="ada", request="b"))
    assert queue.submit(order()).job.id != queue.submit(order()).job.id  # no key, no bond


def test_a_silent_workers_job_goes_to_another_and_the_first_can_no_longer_end_it(impatient: Queue) -> None:
    impatient.submit(order())
    first = impatient.claim("a")
    assert first is not None
    time.sleep(0.1)
    second = impatient.claim("b")
    assert second is not None
    assert (second.id, second.attempt, second.deaths) == (first.id, 2, 1)
    assert not impatient.renew(first).held
    assert not impatient.finish(first, {"samples": 1})
    assert impatient.finish(second, {"samples": 2})
    ended = impatient.find(first.id)
    assert ended is not None
    assert (ended.state, ended.samples) == ("done", 2)
    assert not impatient.finish(second, {"samples": 3})  # it ends once


def test_a_worker_that_renews_keeps_its_job(queue: Queue) -> None:
    short = Queue(queue.engine, lease_s=1.0)
    short.submit(order())
    job = short.claim("a")
    assert job is not None
    for done in range(8):
        time.sleep(0.2)
        assert short.renew(job, stage="scoring", done=done, of=8) == (True, False)
        assert short.claim("b") is None
    seen = short.find(job.id)
    assert seen is not None
    assert (seen.stage, seen.done, seen.of) == ("scoring", 7, 8)


def test_a_job_that_kills_three_workers_has_failed_and_says_so(impatient: Queue) -> None:
    job = impatient.submit(order()).job
    for _ in range(FATAL):
        assert impatient.claim("a") is not None
        time.sleep(0.1)
    assert impatient.claim("a") is None
    ended = impatient.find(job.id)
    assert ended is not None
    assert (ended.state, ended.deaths) == ("failed", FATAL)
    assert ended.told_fault is not None
    assert ended.told_fault["found"] == "3 workers died while they worked on this job"


def test_a_job_that_was_given_back_has_killed_nobody(queue: Queue) -> None:
    queue.submit(order())
    for attempt in range(1, 6):
        job = queue.claim("a")
        assert job is not None
        assert (job.attempt, job.deaths) == (attempt, 0)
        assert queue.give_back(job)
    later = queue.claim("a")
    assert later is not None
    assert queue.give_back(later, wait_s=60)
    assert queue.claim("a") is None


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_when_its_worker_hears_of_it(
    queue: Queue,
) -> None:
    waiting, running = queue.submit(order()).job, queue.submit(order()).job
    cancelled = queue.cancel(waiting.id)
    assert cancelled is not None
    assert cancelled.state == "cancelled"
    job = queue.claim("a")
    assert job is not None
    assert job.id == running.id
    asked = queue.cancel(job.id)
    assert asked is not None
    assert asked.state == "running"
    assert queue.renew(job) == (True, True)
    assert queue.stopped(job)
    assert queue.claim("a") is None
    assert [each.state for each in queue.listed(owner="")] == ["cancelled", "cancelled"]


def test_a_cancelled_job_whose_worker_died_or_gave_it_back_does_not_run_again(impatient: Queue) -> None:
    died, given = impatient.submit(order()).job, impatient.submit(order()).job
    first, second = impatient.claim("a"), impatient.claim("b")
    assert first is not None
    assert second is not None
    impatient.cancel(died.id)
    impatient.cancel(given.id)
    assert impatient.give_back(second)
    time.sleep(0.1)
    assert impatient.claim("c") is None
    assert [impatient.find(job.id).state for job in (died, given)] == ["cancelled"] * 2  # type: ignore[union-attr]


def test_the_first_pin_holds_across_a_workers_death(impatient: Queue) -> None:
    impatient.submit(order())
    first = impatient.claim("a")
    assert first is not None
    assert impatient.pin(first, pinned="models:/m/1", version="1", sha256="a" * 64) is not None
    time.sleep(0.1)
    second = impatient.claim("b")
    assert second is not None
    assert (second.pinned, second.model_version) == ("models:/m/1", "1")
    kept = impatient.pin(second, pinned="models:/m/2", version="2", sha256="b" * 64)
    assert kept is not None
    assert kept.model_version == "1"
    assert impatient.pin(first, pinned="models:/m/3", version="3", sha256="c" * 64) is None


def test_an_owner_sees_no_other_owners_jobs(queue: Queue) -> None:
    mine = queue.submit(order(owner="ada")).job
    assert queue.find(mine.id, owner="bob") is None
    assert queue.listed(owner="bob") == []
    assert [job.id for job in queue.listed(owner="ada")] == [mine.id]
    assert queue.listed(owner="ada", state="done") == []


def test_results_past_their_time_are_listed_until_they_are_swept(queue: Queue) -> None:
    queue.submit(order())
    job = queue.claim("a")
    assert job is not None
    queue.finish(job, {})
    assert queue.expired(kept_s=60) == []
    assert [each.id for each in queue.expired(kept_s=-1)] == [job.id]
    queue.mark_swept(job)
    assert queue.expired(kept_s=-1) == []


CLAIMER = """
import sys
from metarisk.service.database import open_database
from metarisk.service.queue import Queue
queue = Queue(open_database(sys.argv[1]), lease_s=60)
while (job := queue.claim(sys.argv[2])) is not None:
    print(job.id, queue.finish(job, {"samples": 1}))
"""


def test_four_processes_share_sixty_jobs_each_done_once(database_uri: str, queue: Queue) -> None:
    for _ in range(60):
        queue.submit(order())
    claimers = run_at_once(*(("-c", CLAIMER, database_uri, str(name)) for name in range(4)), timeout=60)
    lines = [line for claimer in claimers for line in claimer.stdout.splitlines()]
    assert len(lines) == 60
    assert Counter(line.split()[1] for line in lines) == {"True": 60}
    assert len({line.split()[0] for line in lines}) == 60


def test_processes_that_start_at_once_on_an_empty_database_all_start(database_uri: str) -> None:
    code = "import sys; from metarisk.service.database import open_database; open_database(sys.argv[1])"
    children = run_at_once(*[("-c", code, database_uri)] * 4, timeout=60)
    assert [(child.returncode, child.stderr) for child in children] == [(0, "")] * 4


def test_an_address_that_is_no_database_and_a_server_that_is_down_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the database's address begins with 'mysql'"):
        open_database("mysql://secret:word@host/x")
    with pytest.raises(ResourceError, match="the service's database does not answer") as told:
        open_database("postgresql://ada:hidden-word@127.0.0.1:9/x")
    assert "hidden-word" not in str(told.value)
