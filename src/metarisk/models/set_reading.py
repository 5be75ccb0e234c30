"""Conformal limits met with the risks of new samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metarisk.models.conformal import Asked, ConformalSets, DoubleArray
from metarisk.models.risk import Risks, interval_of, output_of
from metarisk.models.time_bound import free_until
from metarisk.nn.heads import TaskLayout


@dataclass(frozen=True)
class SetReader:
    """Limits, and what they need to know of N samples.

    Attributes
    ----------
    sets, layout
        Of the model.
    group
        Number of each sample's group, shape (N,).
    missing
        Standard deviation of what missing assays would have changed in each output, shape (N, O).
    """

    sets: ConformalSets
    layout: TaskLayout
    group: NDArray[np.intp]
    missing: DoubleArray

    def kept(self, asked: Asked, risk: Risks) -> NDArray[np.bool_] | None:
        """Whether "no" and "yes" are in each set, shape (N, 2); None for a question without limits."""
        missing = self.missing[:, output_of(self.layout, asked)]
        return self.sets.kept(asked, risk.asked[asked], self.group, missing)

    def free_until(self, asked: Asked, risk: Risks) -> DoubleArray | None:
        """Days that each sample is told free of a cause, shape (N,); None for a question without limits.

        What is missing lowers the limit as it widens a set.
        """
        by_cause = {(limited.endpoint, limited.cause): limited for limited in self.sets.free}
        limited = by_cause.get((asked.endpoint, asked.cause))
        if limited is None:
            return None
        last = 1 + interval_of(self.layout, limited.endpoint, limited.horizon_days)
        cause = self.layout.timed[limited.endpoint].index(limited.cause)
        by_group = self.sets.free[limited]
        limit = np.array([by_group[name].value for name in self.sets.groups])[self.group]
        limit = limit - self.sets.slack(self.missing[:, output_of(self.layout, asked)])
        ends = np.array(self.layout.bin_edges_days[limited.endpoint][:last])
        return free_until(risk.over_time[limited.endpoint][:, :, :last, cause], limit, ends)
