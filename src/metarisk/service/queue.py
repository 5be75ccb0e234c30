"""The queue: jobs that wait, are worked on under a lease, and end once.

Why a table of our own: huey (which MLflow brings) takes a task out of its table when a worker fetches it, so
a killed worker's task is gone, and it stores arguments as pickles; procrastinate runs on PostgreSQL alone.
Both lack what a job here must tell: its progress, its pinned model, who may see it. Every change below is
one UPDATE whose WHERE says what the row must still be: a compare-and-swap on SQLite and on PostgreSQL.

::

    queued --claim--> running --finish--> done
      ^                 |  |---fail-----> failed
      |--- give_back ---|  |---stopped--> cancelled

A worker holds a job until ``lease_until_s`` and renews that while it lives; past it, anyone may claim it.
``attempt`` counts claims and fences: who lost the lease has an old number, and its updates change no row.
``deaths`` counts leases that ran out and tries that the machine spoilt; at `FATAL` the job has failed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, and_, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from metarisk.errors import InputError, MetariskError
from metarisk.service.database import jobs, now_s, told

QUEUED, RUNNING, DONE, FAILED, CANCELLED = STATES = ("queued", "running", "done", "failed", "cancelled")
ENDED = (DONE, FAILED, CANCELLED)
FATAL = 3


@dataclass(frozen=True)
class Order:
    """What somebody asks for.

    Attributes
    ----------
    id
        A UUID that we made.
    owner
        Name of the token it came with; empty without one.
    kind
        ``upload``, ``path`` or ``dataset``.
    input_name
        What to call the input to whoever asked.
    input_path, input_root
        The samples, and the folder that they may not lead out of.
    model, model_location
        The model's name here, and the bundle folder or registered name that it stands for.
    request_sha256
        Hash over what was asked, to tell a repeated request from another one.
    key
        The asker's own name for the request; a second order with it is the first job.
    """

    id: str
    owner: str
    kind: str
    input_name: str
    input_path: str
    input_root: str
    model: str
    model_location: str
    request_sha256: str
    key: str | None = None


@dataclass(frozen=True)
class Job:
    """A job as its row stands; the columns of `metarisk.service.database.jobs`."""

    id: str
    owner: str
    key: str | None
    request_sha256: str
    state: str
    created_s: float
    started_s: float | None
    ended_s: float | None
    kind: str
    input_name: str
    input_path: str
    input_root: str
    model: str
    model_location: str
    pinned: str | None
    model_version: str | None
    model_sha256: str | None
    worker: str | None
    lease_until_s: float | None
    not_before_s: float
    attempt: int
    deaths: int
    cancel_asked: bool
    stage: str
    done: int
    of: int
    samples: int | None
    rows: int | None
    abstained: int | None
    quarantined: int | None
    fault: str | None
    swept: bool

    @property
    def told_fault(self) -> Mapping[str, str] | None:
        """Why it failed: found, expected, do."""
        return None if self.fault is None else dict(json.loads(self.fault))


class Pulse(NamedTuple):
    """What a worker learns when it renews its lease.

    Attributes
    ----------
    held
        False where the lease was lost: another may work on the job.
    cancel
        True where somebody asked for the job to be cancelled.
    """

    held: bool
    cancel: bool


class Submitted(NamedTuple):
    """A job, and whether this order made it."""

    job: Job
    new: bool


class Queue:
    """Jobs in a database.

    Parameters
    ----------
    engine
        From `metarisk.service.database.open_database`.
    lease_s
        Seconds that a worker may be silent.
    """

    def __init__(self, engine: Engine, *, lease_s: float = 60.0) -> None:
        self.engine = engine
        self.lease_s = lease_s

    def submit(self, order: Order) -> Submitted:
        """Put a job at the end; with a key that its owner used before, find the job of that time.

        Raises
        ------
        InputError
            If the key was used for another request.
        """
        values = {**order.__dict__, "state": QUEUED, "created_s": now_s()}
        with told():
            try:
                self._run(insert(jobs).values(values))
            except IntegrityError:
                known = None if order.key is None else self.find_key(order.owner, order.key)
                if known is None:
                    raise
                if known.request_sha256 == order.request_sha256:
                    return Submitted(known, new=False)
                raise InputError(
                    "the idempotency key was used for another request",
                    do="Use a new key for a new request.",
                ) from None
        job = self.find(order.id)
        assert job is not None
        return Submitted(job, new=True)

    def find(self, job_id: str, *, owner: str | None = None) -> Job | None:
        """A job, if it exists and is its owner's; anybody's where ``owner`` is None."""
        asked = [jobs.c.id == job_id] + ([] if owner is None else [jobs.c.owner == owner])
        found = self._select(select(jobs).where(*asked))
        return found[0] if found else None

    def find_key(self, owner: str, key: str) -> Job | None:
        """The job that an owner submitted with a key."""
        found = self._select(select(jobs).where(jobs.c.owner == owner, jobs.c.key == key))
        return found[0] if found else None

    def listed(self, *, owner: str, state: str | None = None, limit: int = 100, offset: int = 0) -> list[Job]:
        """An owner's jobs, the newest first."""
        asked = [jobs.c.owner == owner] + ([] if state is None else [jobs.c.state == state])
        newest = select(jobs).where(*asked).order_by(jobs.c.created_s.desc(), jobs.c.id)
        return self._select(newest.limit(limit).offset(offset))

    def claim(self, worker: str) -> Job | None:
        """The oldest job that waits, or whose worker fell silent; None where there is none."""
        self._bury()
        oldest = select(jobs.c.id).where(_claimable()).order_by(jobs.c.created_s, jobs.c.id).limit(1)
        died = case((jobs.c.state == RUNNING, 1), else_=0)
        taken = {
            "state": RUNNING,
            "worker": worker,
            "attempt": jobs.c.attempt + 1,
            "deaths": jobs.c.deaths + died,
            "started_s": func.coalesce(jobs.c.started_s, now_s()),
            "lease_until_s": now_s() + self.lease_s,
        }
        # The condition stands twice: PostgreSQL looks at the outer one again after waiting for the row.
        claim = update(jobs).where(jobs.c.id == oldest.scalar_subquery(), _claimable()).values(taken)
        with told(), self.engine.connect() as connection:
            row = connection.execute(claim.returning(jobs)).mappings().first()
        return None if row is None else Job(**row)

    def renew(self, job: Job, *, stage: str = "", done: int = 0, of: int = 0) -> Pulse:
        """Hold a job for another lease, and say how far it is (``of`` 0: not known)."""
        values = {"lease_until_s": now_s() + self.lease_s, "stage": stage[:40], "done": done, "of": of}
        renewal = update(jobs).where(_held(job)).values(values).returning(jobs.c.cancel_asked)
        with told(), self.engine.connect() as connection:
            asked = connection.execute(renewal).scalar()
        return Pulse(held=asked is not None, cancel=bool(asked))

    def pin(self, job: Job, *, pinned: str, version: str, sha256: str) -> Job | None:
        """Fix the model for as long as the job lives; what an earlier worker fixed stays.

        Returns
        -------
        Job
            With the model that holds, or None where the lease was lost.
        """
        values = {"pinned": pinned, "model_version": version, "model_sha256": sha256}
        self._swap(update(jobs).where(_held(job), jobs.c.pinned.is_(None)).values(values))
        now = self.find(job.id)
        return now if now is not None and now.attempt == job.attempt and now.pinned is not None else None

    def finish(self, job: Job, counts: Mapping[str, int | None]) -> bool:
        """End a job well, with its counts; False where the lease was lost."""
        return self._end(job, DONE, {**counts, "fault": None})

    def fail(self, job: Job, error: MetariskError) -> bool:
        """End a job with the sentence of an error; False where the lease was lost."""
        return self._end(job, FAILED, {"fault": _fault(error.found, error.expected, error.do)})

    def stopped(self, job: Job) -> bool:
        """End a job whose owner cancelled it; False where the lease was lost."""
        return self._end(job, CANCELLED, {})

    def give_back(self, job: Job, *, wait_s: float = 0.0) -> bool:
        """Let another worker go on with a job, not before a while; this one is not counted as dead."""
        values = {
            "state": case((jobs.c.cancel_asked, CANCELLED), else_=QUEUED),
            "ended_s": case((jobs.c.cancel_asked, now_s()), else_=None),
            "worker": None,
            "lease_until_s": None,
            "not_before_s": now_s() + wait_s,
        }
        return self._swap(update(jobs).where(_held(job)).values(values))

    def retry(self, job: Job, error: MetariskError, *, wait_s: float) -> bool:
        """Try again later what the machine refused; at the last try the job has failed with that sentence."""
        last = jobs.c.deaths >= FATAL - 1
        values = {
            "state": case((last, FAILED), else_=QUEUED),
            "ended_s": case((last, now_s()), else_=None),
            "deaths": jobs.c.deaths + 1,
            "worker": None,
            "lease_until_s": None,
            "not_before_s": now_s() + wait_s,
            "fault": _fault(error.found, error.expected, error.do),
        }
        return self._swap(update(jobs).where(_held(job)).values(values))

    def cancel(self, job_id: str) -> Job | None:
        """Cancel a job that waits; ask a worker to stop one that runs. The job as it then stands."""
        waits = and_(jobs.c.id == job_id, jobs.c.state == QUEUED)
        ended = {"state": CANCELLED, "ended_s": now_s(), "cancel_asked": True}
        if not self._swap(update(jobs).where(waits).values(ended)):
            runs = and_(jobs.c.id == job_id, jobs.c.state == RUNNING)
            self._swap(update(jobs).where(runs).values(cancel_asked=True))
        return self.find(job_id)

    def expired(self, kept_s: float) -> list[Job]:
        """Ended jobs whose results have been kept long enough."""
        old = and_(jobs.c.state.in_(ENDED), ~jobs.c.swept, jobs.c.ended_s < now_s() - kept_s)
        return self._select(select(jobs).where(old).order_by(jobs.c.ended_s).limit(100))

    def pinned(self, states: Sequence[str]) -> list[str]:
        """Models that jobs in these states hold on to."""
        held = select(jobs.c.pinned).distinct().where(jobs.c.state.in_(states), jobs.c.pinned.is_not(None))
        with told(), self.engine.connect() as connection:
            return [str(pinned) for pinned in connection.execute(held).scalars()]

    def mark_swept(self, job: Job) -> None:
        """Note that a job's files are gone; its row stays, for the counts and for its key."""
        self._swap(update(jobs).where(jobs.c.id == job.id).values(swept=True))

    def check(self) -> None:
        """Raise `ResourceError` where the database does not answer."""
        with told():
            self._run(select(jobs.c.id).limit(1))

    def _bury(self) -> None:
        """End what nobody works on: a cancelled job, and one that outlived too many workers."""
        silent = and_(jobs.c.state == RUNNING, jobs.c.lease_until_s < now_s())
        self._swap(update(jobs).where(silent, jobs.c.cancel_asked).values(state=CANCELLED, ended_s=now_s()))
        fault = _fault(
            f"{FATAL} workers died while they worked on this job",
            "",
            "Check the input's size against the workers' memory, and the workers' logs.",
        )
        values = {"state": FAILED, "ended_s": now_s(), "deaths": jobs.c.deaths + 1, "fault": fault}
        self._swap(update(jobs).where(silent, jobs.c.deaths >= FATAL - 1).values(values))

    def _end(self, job: Job, state: str, values: Mapping[str, Any]) -> bool:
        ended = {"state": state, "ended_s": now_s(), "lease_until_s": None, **values}
        return self._swap(update(jobs).where(_held(job)).values(ended))

    def _select(self, query: Any) -> list[Job]:
        with told(), self.engine.connect() as connection:
            rows: Sequence[Mapping[str, Any]] = connection.execute(query).mappings().all()  # type: ignore[assignment]
        return [Job(**row) for row in rows]

    def _swap(self, change: Any) -> bool:
        with told():
            return self._run(change) > 0

    def _run(self, statement: Any) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(statement).rowcount)


def _claimable() -> ColumnElement[bool]:
    waits = and_(jobs.c.state == QUEUED, jobs.c.not_before_s <= now_s())
    silent = and_(jobs.c.state == RUNNING, jobs.c.lease_until_s < now_s())
    return or_(waits, silent)


def _held(job: Job) -> ColumnElement[bool]:
    """True for a worker's own job: nobody claimed it since."""
    return and_(jobs.c.id == job.id, jobs.c.state == RUNNING, jobs.c.attempt == job.attempt)


def _fault(found: str, expected: str, do: str) -> str:
    return json.dumps({"found": found, "expected": expected, "do": do}, ensure_ascii=False)
