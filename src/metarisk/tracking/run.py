"""A run: where a training job writes what it did, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from metarisk.config.experiment import TrackingSection
from metarisk.tracking.store import default_uri

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ChildRun", "NoRun", "Run", "default_uri", "open_run"]

Ending = Literal["FINISHED", "KILLED", "FAILED"]


class Run(Protocol):
    """What training may say while it runs.

    Attributes
    ----------
    run_id
        Id in the store; empty where nothing is tracked.
    uri
        Tracking URI of the store that has the run; empty where nothing is tracked.
    spooled
        True where that is a local store because the configured one could not be written.
    """

    run_id: str
    uri: str
    spooled: bool

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Numbers of one step; written in batches."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Facts about the run, such as hashes."""

    def params(self, values: Mapping[str, str]) -> None:
        """Settings that the run started from."""

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """A table as an artifact; the name ends in ``.json`` or ``.parquet``."""

    def folder(self, path: Path, name: str) -> None:
        """Every file of a folder as artifacts under ``name``."""

    def text(self, name: str, content: str) -> None:
        """A text as an artifact; the name says its format, such as ``card.md``."""

    def child(self, name: str) -> ChildRun:
        """A run below this one, in the same store; it goes where this one goes."""


class ChildRun(Run, Protocol):
    """A run below another, which whoever opened it ends."""

    def close(self, status: Ending) -> None:
        """Say how it ended: KILLED is one that was stopped on purpose."""


class NoRun:
    """Tracking switched off: says nothing to nobody."""

    run_id = ""
    uri = ""
    spooled = False

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Nothing."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Nothing."""

    def params(self, values: Mapping[str, str]) -> None:
        """Nothing."""

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """Nothing."""

    def folder(self, path: Path, name: str) -> None:
        """Nothing."""

    def text(self, name: str, content: str) -> None:
        """Nothing."""

    def child(self, name: str) -> NoRun:
        """Another that says nothing."""
        return self

    def close(self, status: Ending) -> None:
        """Nothing."""


@contextmanager
def open_run(section: TrackingSection, *, uri: str, name: str, spool: Path | None = None) -> Iterator[Run]:
    """A run that ends with the block: FINISHED, or FAILED where the block raises.

    Training never dies of tracking: where the store is down or locked, at the start or later, everything said
    so far and from then on goes to a sqlite store in ``spool``, and the log says so.

    Parameters
    ----------
    section
        Names the experiment.
    uri
        MLflow tracking URI; see `default_uri`.
    name
        Name of the run.
    spool
        Folder for the run where ``uri`` cannot be written, such as the job's output folder. Without one such
        a run is not tracked, and the log says so.

    Raises
    ------
    RegistryError
        If MLflow is not installed.
    """
    from metarisk.tracking.mlflow_run import MlflowRun

    places = [uri] if spool is None else [uri, spool_uri(spool)]
    run = MlflowRun(section.experiment, name, places)
    try:
        yield run
    except BaseException:
        run.close("FAILED")
        raise
    run.close("FINISHED")


def spool_uri(folder: Path) -> str:
    """Tracking URI of the store in a folder that takes runs which their own store could not."""
    return default_uri(folder / "spool")
