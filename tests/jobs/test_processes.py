"""Two real processes over gloo give what one gives, and a lost one is said."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from metarisk.errors import ConfigError
from metarisk.jobs.train import CHECKPOINTS, train
from metarisk.models.bundle import ModelBundle, load_bundle

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def torchrun(job: Any, out: Path, **training: Any) -> ModelBundle:
    subprocess.run(
        [sys.executable, *TORCHRUN, *job.command(out, **training)],
        env=job.environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return load_bundle(out / "bundle")


@pytest.mark.slow
def test_members_shared_over_two_processes_make_the_bundle_of_one(job: Any, tmp_path: Path) -> None:
    client = MlflowClient(tracking_uri=job.tracking_uri)
    experiment = client.get_experiment_by_name("metarisk")
    assert experiment is not None
    before = {run.info.run_id for run in client.search_runs([experiment.experiment_id])}
    shared = torchrun(job, tmp_path / "out")
    assert shared.sha256 == job.undisturbed.sha256
    runs = [r for r in client.search_runs([experiment.experiment_id]) if r.info.run_id not in before]
    assert len(runs) == 1  # one process alone writes
    for member in range(4):
        curve = client.get_metric_history(runs[0].info.run_id, f"metarisk/member{member}/valid_loss")
        assert len(curve) == 8
    assert not (tmp_path / "out" / CHECKPOINTS).exists()


@pytest.mark.slow
def test_minibatches_split_over_two_processes_give_the_weights_of_one(job: Any, tmp_path: Path) -> None:
    split = torchrun(job, tmp_path / "out", processes_per_member=2)
    one, other = (bundle.ensemble.state_dict() for bundle in (job.undisturbed, split))
    assert max(float((one[name] - other[name]).abs().max()) for name in one) < 1e-5
    assert any(float((one[name] - other[name]).abs().max()) > 0 for name in one)  # it was split


@pytest.mark.slow
def test_a_process_that_dies_ends_the_others_in_words_and_the_job_goes_on(job: Any, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    out = tmp_path / "out"
    world = {**job.environment, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    first, second = (
        subprocess.Popen(
            [sys.executable, *job.command(out)],
            env={**world, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    )
    while not (out / CHECKPOINTS / "metarisk" / "member-1.safetensors").is_file():
        assert second.poll() is None
        time.sleep(0.01)
    second.send_signal(signal.SIGKILL)
    _, said = first.communicate(timeout=120)
    second.communicate()
    assert first.returncode == 2
    assert "another process of this job is gone or does not answer" in said
    assert "start the job again with --resume" in said
    assert "Traceback" not in said
    train(job.config(), out=out, resume=True)  # by one process
    assert load_bundle(out / "bundle").sha256 == job.undisturbed.sha256


def test_processes_that_do_not_come_out_even_are_refused(tmp_path: Path) -> None:
    from metarisk.train.processes import make_teams

    with pytest.raises(
        ConfigError, match=r"processes_per_member is 2 and 1 processes were started; .* torchrun"
    ):
        make_teams(2)
