"""A load test on loopback: submitters at once, workers killed at random, every result complete and right.

Usage: python -m tests.service.load BUNDLE [--jobs 60] [--submitters 8] [--workers 2] [--kills 6] [--seed 7]
                                    [--database postgresql://...] [--out TABLE.tsv]

While jobs are submitted and done, one more client asks for eight samples at once, again and again. The
figures go to stdout, one JSON object, and with ``--out`` as a row to a table. It exits 0 if every job was
done once and right and no answer was a server's error, 1 otherwise. It ends by itself: after the last job,
or after ``--seconds``. Everything that it starts listens on 127.0.0.1 and is gone at its end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from metarisk.files import sha256_of
from metarisk.jobs.benchmark_table import setting
from metarisk.jobs.score import score
from tests.nursery import Forked
from tests.service.conftest import Service, make_service, write_samples

SIZES = (5, 50, 200)
ASKED_AT_ONCE = 8
MIB = 1024.0
# What a table and an exit code must show none of.
FAULTS = ("wrong", "lost", "double", "answers_5xx")


@dataclass(frozen=True)
class Figures:
    """What a run came to; seconds by the wall, latencies in milliseconds, memory in MiB.

    Attributes
    ----------
    wrong
        Done jobs whose fetched bytes are not those of one undisturbed process.
    lost
        Keys without a job that is done.
    double
        Keys that made two jobs, and jobs that were ended twice.
    """

    database: str
    jobs: int
    submitters: int
    workers: int
    kills: int
    wrong: int
    lost: int
    double: int
    answers_5xx: int
    begun_again: int
    wall_s: float
    jobs_per_min: float
    samples_per_s: float
    submit_p50_ms: float
    submit_p95_ms: float
    score_p50_ms: float
    score_p95_ms: float
    scored_at_once: int
    worker_peak_mib: float
    server_peak_mib: float


class Reply(NamedTuple):
    """An answer: its status, the job that it names, and how long it took."""

    status: int
    job: str
    ms: float


@dataclass
class Workers:
    """Processes that come and go, and the most memory that one of them had."""

    service: Service
    running: list[Forked]
    killed: int = 0
    peak_mib: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def kill_now_and_then(self, draw: random.Random, kills: int) -> None:
        """Kill a worker that has begun while jobs run, and start another; a job loses two at most."""
        while self.killed < kills and not self.ended.wait(draw.uniform(1.0, 4.0)):
            at = draw.randrange(len(self.running))
            while not self._may_kill(at) and not self.ended.wait(0.3):
                pass
            if self.ended.is_set():
                return
            self.look()
            self.running[at].kill()
            self.running[at].wait()
            self.running[at] = self.service.work()
            self.killed += 1

    def _may_kill(self, at: int) -> bool:
        begun = re.search(rf"worker \S+-{self.running[at].pid}-\w+ begins", self.service.log())
        tries = [job["tries"] for job in _jobs(self.service, "running")]
        return begun is not None and bool(tries) and max(tries) <= 2

    def look(self) -> None:
        """Note how much memory they have had so far."""
        self.peak_mib = max(self.peak_mib, *(_peak_mib(child) for child in self.running))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, print the figures, and say by the exit code whether all was right."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as room:
        service = make_service(Path(room), options.bundle.resolve(), lease_s=2.0, database=options.database)
        expected = _expected(service, options.bundle)
        service.serve()
        try:
            figures = _run(service, options, expected)
        finally:
            service.end()
    print(json.dumps(asdict(figures), indent=1))
    if options.out is not None:
        _add_row(options.out, figures, options)
    return int(any(getattr(figures, name) for name in FAULTS))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--database", default=None, help="postgresql://... in place of SQLite")
    parser.add_argument("--out", type=Path, default=None, help="table to begin, or to add a row to")
    for name, default in (("jobs", 60), ("submitters", 8), ("workers", 2), ("kills", 6), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=900.0)
    return parser.parse_args(arguments)


def _expected(service: Service, bundle: Path) -> dict[int, str]:
    """Hash of the scores of each number of samples, as one undisturbed process makes them."""
    hashes = {}
    for size in SIZES:
        samples = write_samples(service.root / f"{size}.tsv", size)
        hashes[size] = sha256_of(score(str(bundle), samples, service.folder / f"out{size}").scores)
    return hashes


def _run(service: Service, options: argparse.Namespace, expected: dict[int, str]) -> Figures:
    draw, started_s = random.Random(options.seed), time.monotonic()
    workers = Workers(service, [service.work() for _ in range(options.workers)])
    asked: list[Reply] = []
    beside = [
        threading.Thread(target=workers.kill_now_and_then, args=(draw, options.kills)),
        threading.Thread(target=_ask_again_and_again, args=(service, workers.ended, asked)),
    ]
    for thread in beside:
        thread.start()
    try:
        with ThreadPoolExecutor(options.submitters) as pool:
            pairs = list(pool.map(lambda number: _submit(service, number), range(options.jobs)))
        _wait(service, workers, started_s + options.seconds)
    finally:
        wall_s = time.monotonic() - started_s
        workers.ended.set()
        for thread in beside:
            thread.join()
    workers.look()
    jobs = httpx.get(f"{service.url}/v1/jobs?limit=500", timeout=60).json()["jobs"]
    told = {"submitters": options.submitters, "workers": options.workers, "kills": workers.killed}
    return Figures(
        database="PostgreSQL" if options.database else "SQLite",
        jobs=len(jobs),
        wrong=_wrong(service, jobs, expected),
        lost=options.jobs - sum(job["state"] == "done" for job in jobs),
        double=sum(len({each.job for each in pair}) > 1 for pair in pairs) + _ended_twice(service),
        answers_5xx=sum(each.status >= 500 for each in [*asked, *(one for pair in pairs for one in pair)]),
        begun_again=sum(job["tries"] > 1 for job in jobs),
        wall_s=round(wall_s, 1),
        jobs_per_min=round(60 * len(jobs) / wall_s, 1),
        samples_per_s=round(sum((job["counts"] or {}).get("samples", 0) for job in jobs) / wall_s, 1),
        **_latencies("submit", [pair[0] for pair in pairs]),
        **_latencies("score", [each for each in asked if each.status == 200]),
        scored_at_once=sum(each.status == 200 for each in asked),
        worker_peak_mib=round(workers.peak_mib, 1),
        server_peak_mib=round(_peak_mib(service.children[0]), 1),
        **told,
    )


def _submit(service: Service, number: int) -> list[Reply]:
    """Hand a job in twice with one key, as a client does that did not hear the first answer."""
    name = f"{SIZES[number % len(SIZES)]}.tsv"
    content = (service.root / name).read_bytes()
    headers = {"Idempotency-Key": f"load-{number}"}
    return [
        _timed(f"{service.url}/v1/jobs", files={"file": (name, content)}, headers=headers) for _ in range(2)
    ]


def _ask_again_and_again(service: Service, ended: threading.Event, asked: list[Reply]) -> None:
    """Ask for a few samples at once until the run has ended."""
    rows = [{"sample_id": f"A{row}", "age_years": 50.0 + row} for row in range(ASKED_AT_ONCE)]
    while not ended.wait(0.2):
        asked.append(_timed(f"{service.url}/v1/score", json={"rows": rows}))


def _timed(url: str, **request: Any) -> Reply:
    started_s = time.monotonic()
    answer = httpx.post(url, timeout=60, **request)
    body = answer.json()
    return Reply(answer.status_code, str(body.get("id", "")), 1000 * (time.monotonic() - started_s))


def _wait(service: Service, workers: Workers, until_s: float) -> None:
    """Until every job has ended and the kills are done, or time is up."""
    while time.monotonic() < until_s and _jobs(service, "queued") + _jobs(service, "running"):
        workers.look()
        time.sleep(0.5)


def _jobs(service: Service, state: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{service.url}/v1/jobs?limit=500&state={state}", timeout=60)
    jobs: list[dict[str, Any]] = answer.json()["jobs"]
    return jobs


def _wrong(service: Service, jobs: list[dict[str, Any]], expected: dict[int, str]) -> int:
    """Done jobs whose fetched bytes are not those of one undisturbed process."""
    wrong = 0
    for job in (job for job in jobs if job["state"] == "done"):
        fetched = httpx.get(f"{service.url}/v1/jobs/{job['id']}/scores", timeout=60)
        if hashlib.sha256(fetched.content).hexdigest() != expected.get(job["counts"]["samples"]):
            wrong += 1
            print(f"{job['id']}: {fetched.status_code}, {job['tries']} tries", file=sys.stderr)
    return wrong


def _ended_twice(service: Service) -> int:
    """Jobs that two workers say they have done."""
    done = Counter(re.findall(r"job (\S+) try \d+: done", service.log()))
    return sum(times > 1 for times in done.values())


def _latencies(what: str, replies: Sequence[Reply]) -> dict[str, float]:
    """Median and the 95th percentile; zero where fewer than two were answered."""
    if len(replies) < 2:
        return {f"{what}_p50_ms": 0.0, f"{what}_p95_ms": 0.0}
    cuts = statistics.quantiles([each.ms for each in replies], n=20, method="inclusive")
    return {f"{what}_p50_ms": round(cuts[9], 1), f"{what}_p95_ms": round(cuts[18], 1)}


def _peak_mib(child: Forked) -> float:
    """Most resident memory that a process has had; 0 for one that is gone."""
    try:
        status = Path(f"/proc/{child.pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / MIB if found else 0.0


def _add_row(table: Path, figures: Figures, options: argparse.Namespace) -> None:
    """Begin a table, or add to it."""
    names = [each.name for each in fields(figures)]
    row = "\t".join(str(getattr(figures, name)) for name in names)
    words = [
        f"--{name} {getattr(options, name)}" for name in ("jobs", "submitters", "workers", "kills", "seed")
    ]
    words += ["--database postgresql://..."] if options.database else []
    line = " ".join(["# command: python -m tests.service.load BUNDLE", *words, "--out TABLE"])
    before = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    commands = [each for each in before if each.startswith("# command:")]
    rows = [each for each in before if not each.startswith("#")] or ["\t".join(names)]
    table.write_text("\n".join([*commands, line, f"# on: {setting()}", *rows, row]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
