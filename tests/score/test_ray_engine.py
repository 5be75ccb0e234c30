"""Scoring on Ray: a real cluster of two workers on this machine, whose workers and whose job are killed."""

from __future__ import annotations

import os
import signal
import stat
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metarisk.data import write_cohort
from metarisk.data.cohort import Cohort
from metarisk.errors import BundleError, ResourceError, StoppedError
from metarisk.jobs.score import score
from metarisk.models.bundle import ModelBundle
from metarisk.score import Conduct, score_stream, stream_cohort
from metarisk.score.engine import Engine
from metarisk.score.ray_connection import PREFIX, RayPlan
from metarisk.score.ray_engine import LIVES, on_ray
from metarisk.score.sent_bundle import SentBundle

# Ray is not imported to find out: it reads where to listen when it is.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="pip install 'metarisk[ray]'"),
]
SMALL = 7
LISTENS = "0A"  # a state in /proc/net/tcp
LOOPBACK_IN_HEX = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def engine(bundle: ModelBundle) -> Iterator[Engine]:
    with on_ray(bundle, RayPlan(workers=2)) as made:
        yield made


def workers_of_ray() -> list[int]:
    """Processes of ours that hold an actor."""
    found = []
    for process in descendants():
        with suppress(OSError):
            if Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"ray::_Scorer"):
                found.append(process)
    return found


@pytest.fixture(scope="module")
def undisturbed(bundle: ModelBundle, samples: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    score_stream(bundle, stream_cohort(samples), out)
    return out


def test_ray_writes_the_bytes_of_this_process(
    engine: Engine, bundle: ModelBundle, samples: Cohort, undisturbed: Path, tmp_path: Path
) -> None:
    conduct = Conduct(engine=engine, samples_at_a_time=SMALL)
    score_stream(bundle, stream_cohort(samples), tmp_path / "out", conduct=conduct)
    assert bytes_of(tmp_path / "out") == bytes_of(undisturbed)


def test_workers_are_not_starved_on_a_busy_machine(engine: Engine, samples: Cohort) -> None:
    """Ray's default gives way to all else that runs: measured, nine times slower beside two processes."""
    list(engine([samples]))
    priorities = {os.getpriority(os.PRIO_PROCESS, worker) for worker in workers_of_ray()}
    assert priorities == {os.getpriority(os.PRIO_PROCESS, os.getpid())}


def test_workers_killed_again_and_again_are_replaced_and_nothing_is_lost_or_twice(
    engine: Engine, bundle: ModelBundle, samples: Cohort, undisturbed: Path, tmp_path: Path
) -> None:
    killed: list[int] = []

    def killing(cohorts: Iterable[Cohort]) -> Iterator[Cohort]:
        for at, cohort in enumerate(cohorts):
            if at % 4 == 2:
                killed.extend(kill_workers())
            yield cohort

    conduct = Conduct(engine=lambda cohorts: engine(killing(cohorts)), samples_at_a_time=2)
    score_stream(bundle, stream_cohort(samples), tmp_path / "out", conduct=conduct)
    assert len(set(killed)) > 2 * LIVES
    assert bytes_of(tmp_path / "out") == bytes_of(undisturbed)


def kill_workers() -> list[int]:
    killed = workers_of_ray()
    for worker in killed:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    return killed


def test_samples_that_every_worker_dies_over_end_the_job_in_words(engine: Engine, samples: Cohort) -> None:
    ended = threading.Event()

    def kill() -> None:
        while not ended.wait(0.05):
            kill_workers()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(ResourceError, match="a worker of Ray died 4 times over the same samples, or can"):
            list(engine([samples]))
    finally:
        ended.set()
        killer.join()


def test_ray_listens_on_the_loopback_only_and_reports_to_nobody(engine: Engine) -> None:
    ours = descendants()
    assert any(b"raylet" in (Path("/proc") / str(process) / "cmdline").read_bytes() for process in ours)
    assert {*map(listening, ours)} > {frozenset()}
    assert frozenset().union(*map(listening, ours)) <= LOOPBACK_IN_HEX
    (folder,) = Path(tempfile.gettempdir()).glob(f"{PREFIX}*/ray/session_*_{os.getpid()}")
    assert stat.S_IMODE(folder.parents[1].stat().st_mode) == 0o700
    raylet = next(p for p in ours if b"raylet" in (Path("/proc") / str(p) / "cmdline").read_bytes())
    assert b"RAY_USAGE_STATS_ENABLED=0" in (Path("/proc") / str(raylet) / "environ").read_bytes().split(b"\0")


def descendants() -> set[int]:
    """Processes that this one started, those that they started, and so on; this one too."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def listening(process: int) -> frozenset[str]:
    """Addresses that a process listens on, as the kernel writes them."""
    sockets = set()
    with suppress(OSError):
        sockets = {str(file.readlink()) for file in Path(f"/proc/{process}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, address, _, state, *_, inode = line.split()[:10]
            if state == LISTENS and f"socket:[{inode}]" in sockets:
                found.add(address.partition(":")[0])
    return frozenset(found)


def test_a_bundle_that_changed_on_its_way_is_not_scored_with(bundle: ModelBundle) -> None:
    sent = SentBundle.of(bundle)
    assert sent.load().sha256 == bundle.sha256
    weights = bytearray(sent.files["weights.safetensors"])
    weights[-1] ^= 1
    files = {**sent.files, "weights.safetensors": bytes(weights)}
    with pytest.raises(BundleError, match=r"altered since it was saved \(weights.safetensors\)"):
        replace(sent, files=files).load()


def test_few_portions_are_in_flight(engine: Engine, samples: Cohort) -> None:
    """Samples are read as workers have room for them: memory does not grow with the input."""
    taken = 0

    def portions() -> Iterator[Cohort]:
        nonlocal taken
        for _ in range(12):
            taken += 1
            yield samples

    ahead = []
    for at, _ in enumerate(engine(portions()), start=1):
        ahead.append(taken - at)
    assert max(ahead) <= 4
    assert len(ahead) == 12


@pytest.mark.parametrize("goes_on", ["process", "ray"])
def test_what_one_engine_left_the_other_goes_on_with(
    goes_on: str, engine: Engine, bundle: ModelBundle, samples: Cohort, undisturbed: Path, tmp_path: Path
) -> None:
    asked = iter(range(1, 1000))
    first, second = (engine, None) if goes_on == "process" else (None, engine)
    stopped = Conduct(engine=first, stop=lambda: next(asked) >= 3, samples_at_a_time=SMALL)
    with pytest.raises(StoppedError):
        score_stream(bundle, stream_cohort(samples), tmp_path / "out", conduct=stopped)
    rest = Conduct(engine=second, samples_at_a_time=SMALL)
    score_stream(bundle, stream_cohort(samples), tmp_path / "out", conduct=rest)
    assert bytes_of(tmp_path / "out") == bytes_of(undisturbed)


def test_without_ray_it_says_what_to_install(
    tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    write_cohort(tiny_model.new_samples, tmp_path / "new")
    with pytest.raises(
        ResourceError,
        match=r"ray is not installed; expected ray 2.50 .*. Install it with `pip install 'metarisk\[ray\]'`",
    ):
        score(str(tiny_model.folder), tmp_path / "new", tmp_path / "out", ray=RayPlan())
    assert not (tmp_path / "out").exists()


def test_scores_on_ray_are_a_table_that_may_be_written_to(engine: Engine, samples: Cohort) -> None:
    (scores,) = engine([samples])
    scores["probability"] = 0.0
    assert isinstance(scores, pd.DataFrame)
