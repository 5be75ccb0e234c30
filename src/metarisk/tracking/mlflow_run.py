"""A run in MLflow that outlives its store: what was said is kept, and told again to the next store."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metarisk import __version__
from metarisk.tracking.store import connect, experiment_id, failures, load_mlflow, reason, shown

if TYPE_CHECKING:
    import pandas as pd

MOST_WAITING = 500
LONGEST_WAIT_S = 5.0
LONGEST_VALUE = 5000
PARENT_TAG = "mlflow.parentRunId"  # by which MLflow's own pages nest runs

Deed = Callable[[Any, str], None]

_log = logging.getLogger(__name__)


class MlflowRun:
    """A run in the first of several stores that takes it.

    Parameters
    ----------
    experiment, name
        MLflow experiment, and name of the run in it.
    places
        Tracking URIs, best first. Each is tried once; after the last the run is not tracked.
    """

    def __init__(self, experiment: str, name: str, places: Sequence[str]) -> None:
        load_mlflow()
        self.run_id = ""
        self.uri = ""
        self.spooled = False
        self._experiment = experiment
        self._name = name
        self._client: Any = None
        self._deeds: list[Deed] = []
        self._waiting: list[Any] = []
        self._children: list[MlflowChild] = []
        self._flushed_s = time.monotonic()
        self._first = places[0]
        self._places: Iterator[str] = iter(places)
        self._move()

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Numbers of one step; they are written when many wait, or when a few seconds have passed."""
        from mlflow.entities import Metric

        now_ms = time.time_ns() // 1_000_000
        self._waiting += [
            Metric(_allowed(name), float(value), now_ms, step) for name, value in values.items()
        ]
        if len(self._waiting) >= MOST_WAITING or time.monotonic() - self._flushed_s > LONGEST_WAIT_S:
            self._flush()

    def tags(self, values: Mapping[str, str]) -> None:
        """Facts about the run."""
        from mlflow.entities import RunTag

        tags = [RunTag(_allowed(name), str(value)[:LONGEST_VALUE]) for name, value in values.items()]
        self._do(lambda client, run_id: client.log_batch(run_id, tags=tags, synchronous=True))

    def params(self, values: Mapping[str, str]) -> None:
        """Settings that the run started from."""
        from mlflow.entities import Param

        params = [Param(_allowed(name), str(value)[:LONGEST_VALUE]) for name, value in values.items()]
        self._do(lambda client, run_id: client.log_batch(run_id, params=params, synchronous=True))

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """A table as an artifact."""
        copy = frame.copy()
        self._do(lambda client, run_id: client.log_table(run_id, copy, name))

    def folder(self, path: Path, name: str) -> None:
        """Every file of a folder as artifacts."""
        self._do(lambda client, run_id: client.log_artifacts(run_id, str(path), name))

    def text(self, name: str, content: str) -> None:
        """A text as an artifact."""
        self._do(lambda client, run_id: client.log_text(run_id, content, name))

    def child(self, name: str) -> MlflowChild:
        """A run below this one."""
        return MlflowChild(self, name)

    def close(self, status: str) -> None:
        """Write what still waits, and how the run ended."""
        self._flush()
        self._do(lambda client, run_id: client.set_terminated(run_id, status))

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        self._flushed_s = time.monotonic()
        if batch:
            self._do(lambda client, run_id: client.log_batch(run_id, metrics=batch, synchronous=True))

    def _do(self, deed: Deed) -> None:
        """Do it in the present store; where that fails, do all deeds so far in the next one."""
        self._deeds.append(deed)
        if self._client is None:
            return
        try:
            deed(self._client, self.run_id)
        except failures() as error:
            self._move(error)

    def _move(self, error: Exception | None = None) -> None:
        """Open the run in the next store that takes it, and repeat there what was said before."""
        for place in self._places:
            if error is not None:
                _log.warning("tracking: %s; the run goes to %s", reason(error, self._first), shown(place))
            try:
                return self._open(place)
            except failures() as caught:
                error = caught
        for run in (self, *self._children):
            run._client, run.run_id, run.uri = None, "", ""
        _log.warning("tracking: %s; the run is not tracked", reason(error or OSError(), self._first))
        return None

    def _open(self, uri: str) -> None:
        self._enter(connect(uri, write=True), uri, {})
        for child in self._children:
            child.join()

    def _enter(self, client: Any, uri: str, tags: Mapping[str, str]) -> None:
        """Make the run in a store and repeat there what was said before."""
        experiment = experiment_id(client, uri, self._experiment)
        known = {"metarisk.version": __version__, **tags}
        run = client.create_run(experiment, run_name=self._name, tags=known)
        for deed in self._deeds:
            deed(client, run.info.run_id)
        self._client, self.run_id, self.uri = client, run.info.run_id, uri
        self.spooled = uri != self._first


class MlflowChild(MlflowRun):
    """A run below another: it stands in its parent's store, and a store that fails it fails both.

    Parameters
    ----------
    parent
        Tells it where to go.
    name
        Name of the run.
    """

    def __init__(self, parent: MlflowRun, name: str) -> None:
        self._parent = parent
        parent._children.append(self)
        super().__init__(parent._experiment, name, [parent._first])

    def join(self) -> None:
        """Enter the store that the parent is in."""
        if self._parent._client is not None:
            self._enter(self._parent._client, self._parent.uri, {PARENT_TAG: self._parent.run_id})

    def _move(self, error: Exception | None = None) -> None:
        """Join the parent; where its store fails, the parent moves and takes its children along."""
        if error is None:
            try:
                return self.join()
            except failures() as caught:
                error = caught
        return self._parent._move(error)


def _allowed(name: str) -> str:
    """The name with what MLflow does not take in a key replaced."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]
