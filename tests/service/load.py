"""A load test on loopback: submitters at once, workers killed at random, every result complete and right.

Usage: python -m tests.service.load BUNDLE [--jobs 40] [--submitters 8] [--workers 2] [--kills 5] [--seed 7]

It ends by itself: after the last job, or with an error after ``--seconds``. Everything that it starts listens
on 127.0.0.1 and is gone at its end.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from metarisk.files import sha256_of
from metarisk.jobs.score import score
from tests.service.conftest import Service, make_service, write_samples

SIZES = (5, 50, 200)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, print the table, and say by the exit code whether all was right."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as room:
        service = make_service(Path(room), options.bundle.resolve(), lease_s=2.0, database=options.database)
        expected = _expected(service, options.bundle)
        service.serve()
        try:
            figures = _run(service, options)
            figures["results wrong or missing"] = _wrong(service, expected)
        finally:
            service.end()
    for name, value in figures.items():
        print(f"{name:32s} {value}")
    wrong = figures["results wrong or missing"] or figures["jobs not done"] or figures["answers of 5xx"]
    return int(bool(wrong))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--database", default=None, help="postgresql://... in place of SQLite")
    for name, default in (("jobs", 40), ("submitters", 8), ("workers", 2), ("kills", 5), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=600.0)
    return parser.parse_args(arguments)


def _expected(service: Service, bundle: Path) -> dict[str, str]:
    """Hash of the scores of each input, as one undisturbed process makes them."""
    hashes = {}
    for size in SIZES:
        samples = write_samples(service.root / f"{size}.tsv", size)
        hashes[samples.name] = sha256_of(score(str(bundle), samples, service.folder / f"out{size}").scores)
    return hashes


def _run(service: Service, options: argparse.Namespace) -> dict[str, Any]:
    draw, started_s = random.Random(options.seed), time.monotonic()
    workers = [service.work() for _ in range(options.workers)]
    kills = threading.Thread(target=_kill, args=(service, workers, draw, options.kills))
    kills.start()
    names = [f"{SIZES[number % len(SIZES)]}.tsv" for number in range(options.jobs)]
    with ThreadPoolExecutor(options.submitters) as pool:
        answers = [
            code
            for codes in pool.map(lambda pair: _submit(service, *pair), enumerate(names))
            for code in codes
        ]
    submitted_s = time.monotonic() - started_s
    kills.join()
    left = _wait(service, started_s + options.seconds)
    seconds = time.monotonic() - started_s
    jobs = httpx.get(f"{service.url}/v1/jobs?limit=500", timeout=60).json()["jobs"]
    return {
        "jobs submitted": len(jobs),
        "submissions, each key twice": len(answers),
        "submitters at once": options.submitters,
        "workers": options.workers,
        "workers killed": options.kills,
        "jobs begun more than once": sum(job["tries"] > 1 for job in jobs),
        "jobs not done": left + options.jobs - len(jobs),
        "answers of 5xx": sum(code >= 500 for code in answers),
        "seconds to submit": round(submitted_s, 1),
        "seconds in all": round(seconds, 1),
        "samples a second": round(sum((job["counts"] or {}).get("samples", 0) for job in jobs) / seconds, 1),
    }


def _submit(service: Service, number: int, name: str) -> list[int]:
    """Hand a job in twice with one key, as a client does that did not hear the first answer."""
    headers = {"Idempotency-Key": f"load-{number}"}
    content = (service.root / name).read_bytes()
    codes = []
    for _ in range(2):
        files = {"file": (name, content)}
        answer = httpx.post(f"{service.url}/v1/jobs", files=files, headers=headers, timeout=60)
        codes.append(answer.status_code)
    return codes


def _kill(service: Service, workers: list[subprocess.Popen[bytes]], draw: random.Random, kills: int) -> None:
    """Kill a worker that is at work, and start another in its place; a job loses two at most."""
    for _ in range(kills):
        time.sleep(draw.uniform(4.0, 8.0))
        while any(job["tries"] > 2 for job in _jobs(service, "running")):
            time.sleep(0.2)
        at = draw.randrange(len(workers))
        workers[at].kill()
        workers[at].wait()
        workers[at] = service.work()


def _wait(service: Service, until_s: float) -> int:
    """Jobs that had not ended in time."""
    while True:
        left = _jobs(service, "queued") + _jobs(service, "running")
        if not left or time.monotonic() > until_s:
            return len(left)
        time.sleep(0.5)


def _jobs(service: Service, state: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{service.url}/v1/jobs?limit=500&state={state}", timeout=60)
    jobs: list[dict[str, Any]] = answer.json()["jobs"]
    return jobs


def _wrong(service: Service, expected: dict[str, str]) -> int:
    """Jobs whose scores are not those of one undisturbed process, told from the bytes that are fetched."""
    import hashlib

    sizes = {int(name.partition(".")[0]): sha256 for name, sha256 in expected.items()}
    wrong = 0
    for job in httpx.get(f"{service.url}/v1/jobs?limit=500", timeout=60).json()["jobs"]:
        fetched = httpx.get(f"{service.url}/v1/jobs/{job['id']}/scores", timeout=60)
        samples = (job["counts"] or {}).get("samples")
        if hashlib.sha256(fetched.content).hexdigest() != sizes.get(samples):
            wrong += 1
            print(f"{job['id']}: {job['state']}, {fetched.status_code}, {job['tries']} tries, {job['error']}")
    return wrong


if __name__ == "__main__":
    raise SystemExit(main())
