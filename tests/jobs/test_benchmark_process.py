"""Work in its own process: what it gives back, what it refuses, how it can die."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from metarisk.errors import InputError, InvalidStudyError, MetariskError
from metarisk.jobs.benchmark_process import Stopwatch, Tell, in_own_process, peak_mib

TOLD: list[tuple[str, int, int]] = []


@pytest.fixture(autouse=True)
def _work_can_be_imported(monkeypatch):
    """A fresh process finds the work by its module's name, `tests.jobs.test_benchmark_process`."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


def holds(mebibytes: int, *, tell: Tell) -> tuple[int, int]:
    held = np.ones(mebibytes * 2**17)
    tell(1, 2)
    tell(2, 2)
    return os.getpid(), held.nbytes


def refuses(kind: str, *, tell: Tell) -> None:
    if kind == "input":
        raise InputError("x.tsv is empty", expected="rows", do="Export it again.")
    raise InvalidStudyError("x has errors", do="Mend them.", findings=["one"])


def dies(*, tell: Tell) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(work, *arguments):
    return in_own_process(work, *arguments, on_progress=lambda *told: TOLD.append(told), stage="work")


def test_the_peak_is_that_of_the_work_and_not_of_the_process_that_asked():
    here = np.ones(300 * 2**17)
    small, large = run(holds, 1), run(holds, 200)
    assert here.nbytes == 300 * 2**20
    assert small.peak_mib < peak_mib() - 200
    assert 180 < large.peak_mib - small.peak_mib < 220
    assert small.result[0] != os.getpid()


def test_progress_arrives_with_the_name_of_the_stage():
    TOLD.clear()
    run(holds, 1)
    assert TOLD == [("work", 1, 2), ("work", 2, 2)]


@pytest.mark.parametrize(
    ("kind", "refusal", "sentence"),
    [
        ("input", InputError, r"x\.tsv is empty; expected rows\. Export it again\."),
        ("study", MetariskError, r"x has errors\. Mend them\."),
    ],
)
def test_a_refusal_arrives_as_it_was_raised(kind, refusal, sentence):
    with pytest.raises(refusal, match=sentence):
        run(refuses, kind)


def test_a_process_that_was_killed_is_told():
    with pytest.raises(MetariskError, match=r"work: its process ended without an answer \(exit code -9\)"):
        run(dies)


def test_a_stopwatch_counts_only_its_blocks():
    watch, started = Stopwatch(), time.perf_counter()
    for _ in range(2):
        with watch.running():
            time.sleep(0.02)
        time.sleep(0.05)
    assert 0.04 <= watch.seconds <= time.perf_counter() - started - 0.1
    assert watch.cpu_seconds < watch.seconds
