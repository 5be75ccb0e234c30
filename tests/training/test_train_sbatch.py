from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DOOR = Path(__file__).parents[2] / "training" / "train.sbatch"


def test_the_slurm_door_asks_for_a_configuration_and_passes_a_refusal_on(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    bare = {key: value for key, value in os.environ.items() if key not in {"CONFIG", "OUT"}}
    unset = subprocess.run(["bash", DOOR], env=bare, capture_output=True, text=True, check=False)
    assert unset.returncode != 0
    assert "set CONFIG to a file of configs/" in unset.stderr
    given = {**bare, "PATH": path, "CONFIG": str(tmp_path / "none.yaml"), "OUT": str(tmp_path / "out")}
    refused = subprocess.run(["bash", DOOR], env=given, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "none.yaml does not exist" in refused.stderr
