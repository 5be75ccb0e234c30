"""Scoring on Ray, on one machine or a cluster: the same answers, in the same order, as in this process.

Ray moves samples and scores between its processes and does nothing else: reading, the ledger, the order and
the files stay with the process that was asked. Its actors take portions of the stream as that reads them
(`ray.data` would read the input with readers of its own, past our checks, quarantine and ledger).
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from metarisk import __version__
from metarisk.data.cohort import Cohort
from metarisk.errors import MetariskError, ResourceError
from metarisk.score.engine import Engine, in_this_process
from metarisk.score.ray_connection import RayPlan, connected

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

__all__ = ["RayPlan", "on_ray"]

LIVES = 3  # a portion whose worker died is scored again so often; workers are replaced without end
AHEAD = 2  # portions in flight for each worker: one that it scores, one that waits
COMPUTES = ("torch", "numpy", "numba")  # their versions may change the last bit of a number


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
        model = [ray.put(_Model.of(bundle))]  # in a list it travels as a reference
        actors = [actor.remote() for _ in range(count)]
        yield lambda cohorts: _Pool(ray, actors, model).scored(cohorts)


class _Model(NamedTuple):
    """A bundle as it travels: its files, which whoever loads them checks against the hashes of its manifest.

    Attributes
    ----------
    files
        Path within the bundle -> content.
    sha256, version
        What the bundle calls itself.
    versions
        Of what it must be scored with.
    """

    files: dict[str, bytes]
    sha256: str
    version: str
    versions: dict[str, str]

    @classmethod
    def of(cls, bundle: ModelBundle) -> _Model:
        from metarisk.models.bundle import save_bundle

        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "bundle"
            save_bundle(bundle, folder)
            paths = [path for path in folder.rglob("*") if path.is_file()]
            files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return cls(files, bundle.sha256, bundle.version, _versions())

    def load(self) -> ModelBundle:
        from metarisk.models.bundle import load_bundle

        if _versions() != self.versions:
            raise ResourceError(
                f"a worker of Ray has {_told(_versions())}",
                expected=_told(self.versions),
                do="Install the same versions on every node: others may give other numbers.",
            )
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "bundle"
            for name, content in self.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            return replace(load_bundle(folder), sha256=self.sha256, version=self.version)


def _versions() -> dict[str, str]:
    return {"metarisk": __version__} | {name: version(name) for name in COMPUTES}


def _told(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


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
