"""Endpoints as the losses want them: yes / no / unknown, and intervals of dated events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.features.batch import Targets
from metarisk.schema.endpoints import event_column, time_column


def bin_edges_days(
    time_days: NDArray[np.float64], event: NDArray[np.float64], bins: int, horizons_days: Sequence[float]
) -> tuple[float, ...]:
    """Ends of the intervals: quantiles of the event times, the horizons, and the last time seen, ascending.

    Parameters
    ----------
    time_days, event
        Training times and event codes, NaN where unknown, shape (N,).
    bins
        Quantiles to cut at.
    horizons_days
        Times that must be ends, since probabilities are read there.
    """
    seen = time_days[event > 0]
    quantiles = np.quantile(seen, np.linspace(0, 1, bins + 1)[1:]) if len(seen) else np.empty(0)
    last = max(float(np.nanmax(time_days)), float(horizons_days[-1]))
    apart = [edge for edge in quantiles if min(abs(edge - horizon) for horizon in horizons_days) > 1.0]
    edges = np.unique(np.round([*apart, *horizons_days, last], 3))
    return tuple(float(edge) for edge in edges[edges > 0])


def targets_of(
    endpoints: pd.DataFrame, binary: Sequence[str], edges_days: Mapping[str, Sequence[float]]
) -> Targets:
    """What is known of each sample, in the order of the layout.

    Parameters
    ----------
    endpoints
        Table of endpoints, one row a sample.
    binary
        Yes / no endpoints; one that the table lacks is unknown for all.
    edges_days
        Dated endpoint -> ends of its intervals. Contact beyond the last end counts as censored there.
    """
    labels = endpoints.reindex(columns=list(binary)).to_numpy(np.float32, copy=True)
    time_bin: dict[str, NDArray[np.int64]] = {}
    events: dict[str, NDArray[np.int64]] = {}
    for name, edges in edges_days.items():
        time = endpoints.reindex(columns=[time_column(name)]).to_numpy(np.float64)[:, 0]
        code = endpoints.reindex(columns=[event_column(name)]).to_numpy(np.float64)[:, 0]
        known = ~np.isnan(time) & ~np.isnan(code)
        index = np.searchsorted(np.asarray(edges), np.where(known, time, 0.0), side="left")
        beyond = index >= len(edges)
        events[name] = np.where(known & ~beyond, np.nan_to_num(code), 0).astype(np.int64)
        time_bin[name] = np.where(known, np.minimum(index, len(edges) - 1), -1).astype(np.int64)
    return Targets(labels, time_bin, events)
