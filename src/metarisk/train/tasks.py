"""Which of the asked questions the training patients can answer, and the layout that follows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metarisk.config.experiment import TaskSection
from metarisk.errors import ConfigError
from metarisk.features.targets import bin_edges_days
from metarisk.nn.heads import TaskLayout
from metarisk.schema.endpoints import event_column, time_column


def learnable_layout(endpoints: pd.DataFrame, tasks: TaskSection) -> tuple[TaskLayout, tuple[str, ...]]:
    """Layout of the questions with enough training events, and a sentence on each one dropped.

    Parameters
    ----------
    endpoints
        Training patients only.
    tasks
        What was asked for.

    Raises
    ------
    ConfigError
        If no question is left.
    """
    notes: list[str] = []
    binary = tuple(
        name for name in tasks.binary_endpoints if _enough_labels(endpoints, name, tasks.min_events, notes)
    )
    timed = {
        name: causes
        for name, causes in tasks.timed_causes.items()
        if _enough_events(endpoints, name, tasks.min_events, notes)
    }
    if not binary and not timed:
        raise ConfigError(
            f"no question has {tasks.min_events} training patients with and without the event",
            expected="at least one of tasks.sites, tasks.binary, tasks.timed with enough",
            do="Lower tasks.min_events, or ask what the cohort knows.",
        )
    edges = {name: _edges(endpoints, name, tasks) for name in timed}
    return TaskLayout(binary, timed, edges), tuple(notes)


def _enough_labels(endpoints: pd.DataFrame, name: str, least: int, notes: list[str]) -> bool:
    labels = endpoints[name] if name in endpoints else pd.Series(dtype=float)
    yes, no = int((labels == 1).sum()), int((labels == 0).sum())
    if min(yes, no) < least:
        notes.append(f"{name} is not answered: {yes} training patients with it, {no} without")
    return min(yes, no) >= least


def _enough_events(endpoints: pd.DataFrame, name: str, least: int, notes: list[str]) -> bool:
    codes = endpoints[event_column(name)] if event_column(name) in endpoints else pd.Series(dtype=float)
    events = int((codes == 1).sum())
    if events < least:
        asked = f"{name} by time" if name in endpoints else name  # an organ is also asked as yes or no
        notes.append(f"{asked} is not answered: {events} training patients with the event")
    return events >= least


def _edges(endpoints: pd.DataFrame, name: str, tasks: TaskSection) -> tuple[float, ...]:
    time = endpoints[time_column(name)].to_numpy(np.float64)
    return bin_edges_days(
        time, endpoints[event_column(name)].to_numpy(np.float64), tasks.bins, tasks.horizons_days
    )
