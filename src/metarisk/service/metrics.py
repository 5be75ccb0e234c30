"""What Prometheus reads: jobs, samples, durations and waits from the database, latency from this process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, Select, case, func, select

from metarisk.service.database import jobs, now_s, told
from metarisk.service.queue import DONE, QUEUED, STATES

SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 28800.0)
METHODS = frozenset({"GET", "POST", "DELETE"})


class JobCollector(Collector):
    """Figures of all workers together; the jobs' rows stay when results are swept, so nothing falls.

    Parameters
    ----------
    engine
        The service's database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: the database is asked only when Prometheus asks."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The figures now; raises `ResourceError` where the database does not answer."""
        with told(), self._engine.connect() as connection:
            states = dict.fromkeys(STATES, 0)
            states.update(dict(connection.execute(_by_state()).tuples().all()))
            scored, samples, seconds, *buckets = tuple(connection.execute(_done()).one())
            wait_s = connection.execute(_longest_wait()).scalar() or 0.0
        counted = GaugeMetricFamily("metarisk_jobs", "Jobs by state.", labels=["state"])
        for state, count in states.items():
            counted.add_metric([state], count)
        yield counted
        yield GaugeMetricFamily("metarisk_queue_depth", "Jobs that wait.", value=states[QUEUED])
        yield GaugeMetricFamily("metarisk_queue_wait_seconds", "Wait of the oldest.", value=wait_s)
        yield CounterMetricFamily("metarisk_samples_scored", "Samples of done jobs.", value=samples or 0)
        bounds = [*map(str, SECONDS), "+Inf"]
        yield HistogramMetricFamily(
            "metarisk_job_seconds",
            "Seconds from a done job's start to its end.",
            buckets=[(bound, count or 0) for bound, count in zip(bounds, [*buckets, scored], strict=True)],
            sum_value=seconds or 0.0,
        )


def latency_in(registry: CollectorRegistry) -> Histogram:
    """Seconds a request, by method, route (never a path with an id) and status."""
    return Histogram(
        "metarisk_request_seconds",
        "Seconds from a request's first line to the end of its answer.",
        ["method", "route", "status"],
        registry=registry,
    )


def _by_state() -> Select[Any]:
    return select(jobs.c.state, func.count()).group_by(jobs.c.state)


def _done() -> Select[Any]:
    seconds = jobs.c.ended_s - jobs.c.started_s
    within = [func.sum(case((seconds <= bound, 1), else_=0)) for bound in SECONDS]
    columns = (func.count(), func.sum(jobs.c.samples), func.sum(seconds), *within)
    return select(*columns).where(jobs.c.state == DONE)


def _longest_wait() -> Select[Any]:
    return select(now_s() - func.min(jobs.c.created_s)).where(jobs.c.state == QUEUED)
