"""What a table of compared models rests on, said in its first lines."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

from metarisk.jobs.compared_parts import Bench, ComparedPart


def what_it_rests_on(
    bench: Bench, command: str, parts: Sequence[ComparedPart], wall_s: float
) -> dict[str, str]:
    """First lines of a table: split, seed, hashes of data, graph and settings, and what it took.

    Parameters
    ----------
    bench
        The experiment and its samples.
    command
        What makes the table again.
    parts
        All that was fitted for it, now or earlier.
    wall_s
        Seconds of this run.
    """
    experiment = bench.experiment
    spent: dict[str, float] = {}
    for part in parts:
        name = part.pair.topology or part.pair.model
        spent[name] = spent.get(name, 0.0) + part.seconds
    libraries = ("numpy", "scikit-learn", "torch")
    return {
        "command": command,
        "split": f"{bench.split.name}, each sample predicted once by each model",
        "seed": str(experiment.seed),
        "cohort_sha256": bench.cohort.content_sha256(),
        "topology_sha256": bench.topology.sha256,
        "config_sha256": experiment.sha256,
        "samples": str(len(bench.cohort)),
        "wall_seconds": f"{wall_s:.0f} in this run",
        "parts": f"{len(parts)}, {sum(part.kept for part in parts)} of them kept from earlier runs",
        "fit_seconds": ", ".join(f"{model} {seconds:.0f}" for model, seconds in spent.items()),
        "versions": ", ".join(
            [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in libraries)]
        ),
    }
