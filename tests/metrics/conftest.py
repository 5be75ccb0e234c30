"""Random cohorts with ties and censoring, shared by the tests of the figures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray


class FollowedUp(NamedTuple):
    """A cohort with a risk; times of events are even, times of censoring odd unless ties are asked for."""

    risk: NDArray[np.float64]
    time: NDArray[np.float64]
    code: NDArray[np.int64]


class Draw:
    """Draws cohorts of a seed."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def binary(self, n: int = 200, levels: int = 20) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        label = self.generator.integers(0, 2, n)
        score = np.round((self.generator.normal(size=n) + label) * levels / 4) / levels
        return score, label

    def followed_up(self, n: int = 150, causes: int = 1, *, ties: bool = False) -> FollowedUp:
        risk = np.round(self.generator.normal(size=n), 1)
        event_time = np.ceil(self.generator.exponential(30.0 * np.exp(-risk / 2))) * 2
        censoring_time = np.ceil(self.generator.exponential(40.0, n)) * 2 - (0 if ties else 1)
        time = np.minimum(event_time, censoring_time)
        code = np.where(event_time <= censoring_time, self.generator.integers(1, causes + 1, n), 0)
        return FollowedUp(risk, time, code)


@pytest.fixture(params=range(4))
def draw(request: pytest.FixtureRequest) -> Draw:
    return Draw(request.param)
