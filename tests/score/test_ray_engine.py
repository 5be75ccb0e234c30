"""Scoring on Ray: a real cluster of two workers on this machine, whose workers and whose job are killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metarisk.data import write_cohort
from metarisk.data.cohort import Cohort
from metarisk.errors import ResourceError, StoppedError
from metarisk.jobs.score import score
from metarisk.models.bundle import ModelBundle
from metarisk.score import Conduct, score_stream, stream_cohort
from metarisk.score.engine import Engine
from metarisk.score.ray_engine import RayPlan, on_ray

pytestmark = pytest.mark.slow
SMALL = 7


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def engine(bundle: ModelBundle) -> Iterator[Engine]:
    pytest.importorskip("ray", reason="pip install 'metarisk[ray]'")
    with on_ray(bundle, RayPlan(workers=2)) as made:
        yield made


def workers_of_ray() -> list[int]:
    """Processes that hold an actor of ours."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(b"ray::_Scorer"):
                found.append(int(folder.name))
        except OSError:
            continue
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


def test_killed_workers_are_replaced_and_nothing_is_lost_or_twice(
    engine: Engine, bundle: ModelBundle, samples: Cohort, undisturbed: Path, tmp_path: Path
) -> None:
    killed: list[int] = []

    def killing(cohorts: Iterable[Cohort]) -> Iterator[Cohort]:
        for at, cohort in enumerate(cohorts):
            if at == 2:
                killed.extend(workers_of_ray())
                for worker in killed:
                    os.kill(worker, signal.SIGKILL)
            yield cohort

    conduct = Conduct(engine=lambda cohorts: engine(killing(cohorts)), samples_at_a_time=SMALL)
    score_stream(bundle, stream_cohort(samples), tmp_path / "out", conduct=conduct)
    assert len(killed) == 2
    assert bytes_of(tmp_path / "out") == bytes_of(undisturbed)


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
        ResourceError, match=r"ray is not installed. Install it with `pip install 'metarisk\[ray\]'`"
    ):
        score(str(tiny_model.folder), tmp_path / "new", tmp_path / "out", ray=RayPlan())
    assert not (tmp_path / "out").exists()


def test_scores_on_ray_are_a_table_that_may_be_written_to(engine: Engine, samples: Cohort) -> None:
    (scores,) = engine([samples])
    scores["probability"] = 0.0
    assert isinstance(scores, pd.DataFrame)
