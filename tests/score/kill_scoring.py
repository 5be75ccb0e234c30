"""Kill a scoring job again and again at random moments; its result must be that of a job nobody killed.

    python tests/score/kill_scoring.py BUNDLE INPUT --kills 200 --seed 1

Each attempt is a process of its own, forked from this one so that it need not import torch anew. It reads the
input in portions of another size each time and dies by SIGKILL. Once an attempt ends by itself the result is
compared, byte for byte, and all begins again.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from metarisk.jobs.opening import open_stream
from metarisk.models.bundle import ModelBundle, load_bundle
from metarisk.score import Conduct, read_scores, score_stream
from metarisk.score.unfinished import unfinished_of

PORTIONS = (17, 64, 100, 256)
FILES = ("scores.json", "scores.parquet", "quarantine.tsv")


@dataclass
class Siege:
    """What became of the attempts."""

    kills: int = 0
    finished: int = 0
    beyond_name: int = 0  # kills after the result had its name and before the work was cleared up
    resumed: int = 0  # attempts that found work of an earlier one
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        found = "; ".join(self.faults) or "nothing lost, nothing twice, every byte equal"
        return (
            f"{self.kills} kills in {self.seconds:.0f} s, {self.resumed} attempts went on with earlier work, "
            f"{self.finished} jobs finished, {self.beyond_name} kills after the result had its name: {found}"
        )


def besiege(bundle_folder: Path, samples: Path, kills: int, seed: int, folder: Path) -> Siege:
    """Kill jobs until there were so many kills and the last job is done."""
    bundle, rng, siege = load_bundle(bundle_folder), random.Random(seed), Siege()
    began = time.monotonic()
    attempt(bundle, samples, folder / "undisturbed", 256, None)
    lasted, out = time.monotonic() - began, folder / "out"
    expected = contents(folder / "undisturbed")
    while siege.kills < kills or unfinished_of(out).exists():
        siege.resumed += any((unfinished_of(out) / "parts").glob("[0-9]*.parquet"))
        # Most end early, since a long life would often end the job.
        life = rng.uniform(0.0, lasted) * rng.choice([0.3, 0.6, 1.0, 1.2]) if siege.kills < kills else None
        ended = attempt(bundle, samples, out, rng.choice(PORTIONS), life)
        siege.kills += ended == -signal.SIGKILL
        siege.beyond_name += ended != 0 and out.exists()
        if ended not in {0, -signal.SIGKILL}:
            siege.faults.append(f"an attempt ended with {ended}")
            break
        if ended == 0:
            siege.finished += 1
            siege.faults += differences(out, expected, folder)
            shutil.rmtree(out)
    siege.seconds = time.monotonic() - began
    return siege


def attempt(bundle: ModelBundle, samples: Path, out: Path, portion: int, life_s: float | None) -> int:
    """Exit code of a process that scores and is killed after a while; minus the signal if it was."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            score_stream(bundle, open_stream(samples), out, conduct=Conduct(samples_at_a_time=portion))
            code = 0
        finally:
            os._exit(code)
    if life_s is not None:
        time.sleep(life_s)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


def differences(out: Path, expected: dict[str, bytes], folder: Path) -> list[str]:
    """What is not as it was in the job that nobody killed."""
    faults = [f"{name} differs" for name, raw in contents(out).items() if raw != expected[name]]
    asked = read_scores(out).duplicated(["sample_id", "task", "target", "horizon_days"])
    faults += [f"{asked.sum()} rows stand twice"] if asked.any() else []
    rests = sorted(path.name for path in folder.iterdir() if path.name not in {"out", "undisturbed"})
    return faults + ([f"left behind: {', '.join(rests)}"] if rests else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        siege = besiege(asked.bundle, asked.samples, asked.kills, asked.seed, Path(folder))
    print(siege)
    return 1 if siege.faults else 0


if __name__ == "__main__":
    sys.exit(main())
