"""What schedulers start: every door builds a command that the command line takes, for every configuration."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from metarisk.cli.app import app
from metarisk.config import load_experiment

ROOT = Path(__file__).parents[2]
DOORS, CONFIGS = ROOT / "training", sorted((ROOT / "configs").glob("*.yaml"))


def knock(door: str, *words: str, **said: str) -> subprocess.CompletedProcess[str]:
    """Run a door with the commands of this environment on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ours = ("CONFIG", "OUT", "PROCESSES", "DRY_RUN", "SLURM_")
    bare = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return subprocess.run(
        ["bash", DOORS / door, *words],
        env={**bare, "PATH": path, **said},
        capture_output=True,
        text=True,
        check=False,
    )


def parsed(words: list[str]) -> dict[str, Any]:
    """Options of `metarisk train` as the command line reads them; an unknown one would raise."""
    command: Any = typer.main.get_command(app)
    at = words.index("metarisk")
    assert words[at + 1] == "train"
    return dict(command.commands["train"].make_context("train", words[at + 2 :]).params)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_every_configuration_goes_through_every_door(config: Path) -> None:
    assert load_experiment(config).training.folds
    doors = [
        knock("torchrun.sh", "4", str(config), "runs/x", "--overwrite", DRY_RUN="1"),
        knock("train.sbatch", CONFIG=str(config), OUT="runs/x", DRY_RUN="1"),
        knock("train.sbatch", CONFIG=str(config), OUT="runs/x", PROCESSES="4", DRY_RUN="1"),
    ]
    for door in doors:
        assert door.returncode == 0, door.stderr
        told = parsed(shlex.split(door.stdout))
        assert (told["config"], told["out"], told["resume"]) == (config, Path("runs/x"), True)
    assert parsed(shlex.split(doors[0].stdout))["overwrite"]


def test_slurm_starts_one_process_plainly_and_several_through_torchrun() -> None:
    one = knock("train.sbatch", CONFIG="a.yaml", OUT="runs/a", DRY_RUN="1")
    assert one.stdout.startswith("metarisk train a.yaml ")
    many = knock(
        "train.sbatch",
        CONFIG="a.yaml",
        OUT="runs/a",
        PROCESSES="4",
        SLURM_JOB_NUM_NODES="2",
        SLURM_JOB_ID="77",
        DRY_RUN="1",
    )
    words = shlex.split(many.stdout)
    assert words[:6] == ["srun", "torchrun", "--nnodes", "2", "--nproc-per-node", "4"]
    assert words[words.index("--rdzv-id") + 1] == "77"
    from torch.distributed.run import parse_args

    assert parse_args(words[2:]).training_script == "metarisk"


def test_a_task_of_a_slurm_array_takes_its_own_configuration_and_folder() -> None:
    def task(number: str) -> subprocess.CompletedProcess[str]:
        return knock(
            "train.sbatch",
            CONFIG="configs/a.yaml configs/b.yaml",
            OUT="runs",
            DRY_RUN="1",
            SLURM_ARRAY_TASK_ID=number,
        )

    told = parsed(shlex.split(task("1").stdout))
    assert (told["config"], told["out"]) == (Path("configs/b.yaml"), Path("runs/b"))
    assert "more tasks than CONFIG has files" in task("2").stderr


def test_the_slurm_door_asks_for_a_configuration_and_passes_a_refusal_on(tmp_path: Path) -> None:
    unset = knock("train.sbatch")
    assert unset.returncode != 0
    assert "set CONFIG to a file of configs/" in unset.stderr
    refused = knock("train.sbatch", CONFIG=str(tmp_path / "none.yaml"), OUT=str(tmp_path / "out"))
    assert refused.returncode == 2
    assert "none.yaml does not exist" in refused.stderr


@pytest.mark.slow
def test_the_doors_of_torchrun_start_processes_that_pass_a_refusal_on(tmp_path: Path) -> None:
    srun = tmp_path / "srun"  # on one node it does no more than this
    srun.write_text('#!/bin/sh\nexec "$@"\n')
    srun.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    config, out = str(tmp_path / "none.yaml"), str(tmp_path / "out")
    path = f"{tmp_path}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for refused in (
        knock("torchrun.sh", "2", config, out),
        knock("train.sbatch", CONFIG=config, OUT=out, PROCESSES="2", PORT=port, PATH=path),
    ):
        assert refused.returncode != 0
        assert "none.yaml does not exist" in refused.stderr


def test_the_kubernetes_job_goes_on_after_a_restart_and_not_after_a_refusal() -> None:
    job = yaml.safe_load((DOORS / "job.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    told = parsed(container["command"])
    assert told["resume"]
    assert (ROOT / "configs" / told["config"].name).is_file()
    # A pod failure policy needs pods that are not restarted in place.
    assert pod["restartPolicy"] == "Never"
    refusal = job["spec"]["podFailurePolicy"]["rules"][0]
    assert (refusal["action"], refusal["onExitCodes"]["values"]) == ("FailJob", [2])
    assert refusal["onExitCodes"]["containerName"] == container["name"]
    # Checkpoints outlive the pod: all paths are relative to the claimed volume, where it works.
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    claimed = {volume["name"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume}
    assert mounts[container["workingDir"]] in claimed
    assert not any(told[name].is_absolute() for name in ("config", "out", "data_root"))
