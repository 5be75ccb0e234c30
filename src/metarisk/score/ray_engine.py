"""Scoring on Ray, on one machine or a cluster: the same answers, in the same order, as in this process.

Ray moves samples and scores between its processes and does nothing else: reading, the ledger, the order and
the files stay with the process that was asked. Its actors take portions of the stream as that reads them
(`ray.data` would read the input with readers of its own, past our checks, quarantine and ledger).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from metarisk.data.cohort import Cohort
from metarisk.errors import MetariskError, ResourceError
from metarisk.score.engine import Engine, in_this_process
from metarisk.score.ray_connection import RayPlan, connected
from metarisk.score.sent_bundle import SentBundle

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

LIVES = 3  # a portion whose worker died is scored again so often; workers are replaced without end
AHEAD = 2  # portions in flight for each worker: one that it scores, one that waits


@contextmanager
def on_ray(bundle: ModelBundle, plan: RayPlan) -> Iterator[Engine]:
    """Engine of several processes; answers are those of one, to the bit on processors of the same kind.

    A worker that is killed is replaced, and its portions are scored again.

    Raises
    ------
    ResourceError
        If Ray is not installed or does not start, a worker is of another version, or workers die again and
        again over the same samples.
    """
    with connected(plan) as ray:
        count = plan.workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=LIVES)(_Scorer)
        model = [ray.put(SentBundle.of(bundle))]  # in a list it travels as a reference
        actors = [actor.remote() for _ in range(count)]
        yield lambda cohorts: _Pool(ray, actors, model).scored(cohorts)


class _Scorer:
    """An actor: a model in memory, loaded once in its life, and the engine of one thread over it."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    def load(self, model: list[Any]) -> Engine:
        if self._engine is None:
            import ray

            self._engine = in_this_process(ray.get(model[0]).load())
        return self._engine

    def ready(self, model: list[Any]) -> None:
        self.load(model)

    def score(self, model: list[Any], cohort: Cohort) -> pd.DataFrame:
        return next(self.load(model)([cohort]))


@dataclass
class _Pool:
    """Actors that take a portion each as they have room, so nobody waits for a slow one or one that dies."""

    ray: Any
    actors: list[Any]
    model: list[Any]
    starting: dict[Any, Any] = field(default_factory=dict)  # that it is ready -> actor
    scoring: dict[Any, Any] = field(default_factory=dict)  # scores -> actor
    free: deque[Any] = field(default_factory=deque)  # an actor as often as it has room

    def scored(self, cohorts: Iterable[Cohort]) -> Iterator[pd.DataFrame]:
        """Scores of each cohort, in order; AHEAD of them are in flight for each actor."""
        self.starting = {actor.ready.remote(self.model): actor for actor in self.actors}
        waiting: deque[Any] = deque()
        for cohort in cohorts:
            actor = self._next_free()
            waiting.append(actor.score.remote(self.model, cohort))
            self.scoring[waiting[-1]] = actor
            if len(waiting) >= AHEAD * len(self.actors):
                yield _answer(self.ray, waiting.popleft())
        while waiting:
            yield _answer(self.ray, waiting.popleft())

    def _next_free(self) -> Any:
        """An actor with room; one that has not started yet, for want of a CPU, is not waited for."""
        while not self.free:
            awaited = [*self.starting, *self.scoring]
            (done,) = self.ray.wait(awaited, num_returns=1, fetch_local=False)[0]
            if done in self.scoring:
                self.free.append(self.scoring.pop(done))
            else:
                _answer(self.ray, done)  # or why it is not ready
                self.free.extend([self.starting.pop(done)] * AHEAD)
        return self.free.popleft()


def _answer(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, MetariskError):
            raise error.cause from None
        raise
    except ray.exceptions.RayActorError as error:
        raise ResourceError(
            f"a worker of Ray died {LIVES + 1} times over the same samples, or cannot start",
            expected="enough memory, and this version of metarisk[ray] on every node",
            do="Look into Ray's logs of that node; what is scored is kept, and the same command goes on.",
        ) from error
