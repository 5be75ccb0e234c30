"""Scoring on Ray, on one machine or a cluster: the same answers, in the same order, as in this process.

Ray moves samples and scores between its processes and does nothing else: reading, the ledger, the order and
the files stay with the process that was asked. Its actors take portions of the stream as that reads them
(`ray.data` would read the input with readers of its own, past our checks, quarantine and ledger).
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pandas as pd

from metarisk.data.cohort import Cohort
from metarisk.errors import MetariskError, ResourceError
from metarisk.score.engine import Engine, in_this_process

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

LIVES = 3  # a worker that died is replaced so often, and what it had is scored again
AHEAD = 2  # portions in flight for each worker: one that it scores, one that waits
STORE_BYTES = 512 << 20  # of shared memory, for the portions in flight
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class RayPlan:
    """Where to score.

    Attributes
    ----------
    workers
        Actors of one CPU each; as many as Ray has CPUs if None.
    address
        A running cluster, as `ray.init` takes it; a Ray of our own on this machine, reachable from nowhere
        else and gone afterwards, if None. Every node of a cluster needs this version of metarisk.
    """

    workers: int | None = None
    address: str | None = None


@contextmanager
def on_ray(bundle: ModelBundle, plan: RayPlan) -> Iterator[Engine]:
    """Engine of several processes; answers are those of one, to the bit on processors of the same kind.

    A worker that is killed is replaced and scores its portion again.

    Raises
    ------
    ResourceError
        If Ray is not installed or does not start, or if workers die again and again.
    """
    ray = _load_ray(plan)
    with _connected(ray, plan):
        count = plan.workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        actor = ray.remote(num_cpus=1, max_restarts=LIVES, max_task_retries=LIVES)(_Scorer)
        model = [ray.put(bundle)]  # in a list it travels as a reference
        yield partial(_scored, ray, [actor.remote() for _ in range(count)], model)


class _Scorer:
    """An actor: a model in memory, and the engine of one thread over it."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    def score(self, model: list[Any], cohort: Cohort) -> pd.DataFrame:
        if self._engine is None:
            import ray

            self._engine = in_this_process(ray.get(model[0]))
        return next(self._engine([cohort]))


def _scored(
    ray: Any, actors: list[Any], model: list[Any], cohorts: Iterable[Cohort]
) -> Iterator[pd.DataFrame]:
    waiting: deque[Any] = deque()
    turns = cycle(actors)
    for cohort in cohorts:
        waiting.append(next(turns).score.remote(model, cohort))
        if len(waiting) >= AHEAD * len(actors):
            yield _answer(ray, waiting.popleft())
    while waiting:
        yield _answer(ray, waiting.popleft())


def _answer(ray: Any, reference: Any) -> pd.DataFrame:
    try:
        scores: pd.DataFrame = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, MetariskError):
            raise error.cause from None
        raise
    except ray.exceptions.RayActorError as error:
        raise ResourceError(
            f"a worker of Ray died {LIVES + 1} times over the same samples",
            do="Look for want of memory; what is scored is kept, and the same command goes on.",
        ) from error
    return scores


@contextmanager
def _connected(ray: Any, plan: RayPlan) -> Iterator[None]:
    """A connection to Ray that ends with the block, or the one that the caller has already."""
    if ray.is_initialized():
        yield
        return
    with ExitStack() as ending:
        options: dict[str, Any] = {"address": plan.address}
        if plan.address is None:
            # Sockets lie in this folder, and their paths may have 107 letters.
            folder = ending.enter_context(tempfile.TemporaryDirectory(prefix="metarisk-", dir="/tmp"))
            options = {
                "address": "local",
                "num_cpus": plan.workers or os.cpu_count(),
                "object_store_memory": STORE_BYTES,
                "include_dashboard": False,
                "_node_ip_address": LOOPBACK,
                "_temp_dir": folder,
            }
        try:
            ray.init(log_to_driver=False, logging_level="error", configure_logging=False, **options)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise ResourceError(
                f"Ray cannot be reached at {plan.address or 'this machine'} ({str(error).splitlines()[0]})",
                do="Check the address, or leave it out to use this machine.",
            ) from error
        ending.callback(ray.shutdown)
        yield


def _load_ray(plan: RayPlan) -> Any:
    """Ray, which takes seconds to import, told to report to nobody.

    It reads how to authenticate when it is imported. A Ray of our own can be reached by whoever has a token
    that is made here and kept in memory; left to itself Ray would keep one in the home folder.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if plan.address is None and "ray" not in sys.modules and "RAY_AUTH_MODE" not in os.environ:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    try:
        import ray
    except ImportError as error:
        raise ResourceError(
            "ray is not installed",
            do="Install it with `pip install 'metarisk[ray]'`, or use `--engine process`.",
        ) from error
    return ray
