"""A real `metarisk train` that is killed, and goes on to the same bundle."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metarisk.errors import InputError, OutputError
from metarisk.jobs.train import CHECKPOINTS, train
from metarisk.models.bundle import load_bundle
from tests.nursery import start

pytestmark = pytest.mark.slow


def kill_when(job: Any, out: Path, reached: Callable[[], bool], pause_s: float = 0.0) -> None:
    """Start or resume the job and kill it a moment after it reached a point."""
    child = start(*job.command(out, "--resume"), env=job.environment)
    while not reached():
        assert child.poll() is None, "the job ended before it was killed"
        time.sleep(0.001)
    time.sleep(pause_s)
    child.kill()
    child.wait()


def wrote(out: Path, more: int) -> Callable[[], bool]:
    """Whether a job wrote that many more checkpoints than lie there now."""
    seen = versions(out)
    most = len(seen) + more

    def reached() -> bool:
        seen.update(versions(out))
        return len(seen) >= most

    return reached


def versions(out: Path) -> set[tuple[str, int]]:
    """Checkpoints that lie there, each by the time it was written."""
    return {
        (file.name, file.stat().st_mtime_ns) for file in (out / CHECKPOINTS).glob("*/member-*.safetensors")
    }


def test_a_job_killed_again_and_again_ends_with_the_same_bundle(job: Any, tmp_path: Path) -> None:
    out, draw = tmp_path / "out", random.Random(4)
    for checkpoints in (5, 17):
        kill_when(job, out, wrote(out, checkpoints), draw.random() * 0.1)
        assert not (out / "bundle").exists()
        assert (out / CHECKPOINTS).is_dir()
    with pytest.raises(OutputError, match=r"holds checkpoints of a job that did not end; .*--resume"):
        train(job.config(), out=out)
    with pytest.raises(
        InputError, match=r"rests on something else: training\.learning_rate was 0\.003 and is 0\.5"
    ):
        train(job.config(learning_rate=0.5), out=out, resume=True)
    assert start(*job.command(out, "--resume"), env=job.environment).wait() == 0
    assert load_bundle(out / "bundle").sha256 == job.undisturbed.sha256
    assert not list(out.glob(f"{CHECKPOINTS}*"))
    with pytest.raises(OutputError, match=r"bundle exists\. Choose another"):
        train(job.config(), out=out, resume=True)  # it has ended: there is nothing to go on with


def test_a_job_killed_between_its_bundle_and_its_end_is_brought_to_its_end(job: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    kill_when(job, out, (out / "bundle").is_dir)
    assert (out / CHECKPOINTS).is_dir()
    result = train(job.config(), out=out, resume=True)
    assert result is not None
    assert load_bundle(out / "bundle").sha256 == job.undisturbed.sha256
    assert (out / "figures.tsv").is_file()
    assert not list(out.glob(f"{CHECKPOINTS}*"))


def test_overwriting_starts_anew(job: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    kill_when(job, out, wrote(out, 2))
    assert train(job.config(epochs=1, folds=2, seeds=1), out=out, overwrite=True) is not None
    assert not list(out.glob(f"{CHECKPOINTS}*"))
