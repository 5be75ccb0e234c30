from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metarisk.config.experiment import TaskSection
from metarisk.errors import ConfigError
from metarisk.train.tasks import learnable_layout

TASKS = TaskSection(sites=("bone", "liver", "brain"), min_events=20, bins=4, horizons_days=(365.0, 730.0))


def endpoints(*, bone: int = 50, liver: int = 50, metastases: int = 50) -> pd.DataFrame:
    """A hundred patients with so many events of each kind, at 20, 40, ... days."""
    number = np.arange(100)
    return pd.DataFrame(
        {
            "site.bone": (number < bone).astype(float),
            "site.liver": np.where(number < 90, number < liver, np.nan),
            "response": np.nan,
            "metastasis.time_days": 20.0 * (number + 1),
            "metastasis.event": (number < metastases).astype(float),
        }
    )


def test_questions_with_enough_events_and_non_events_are_answered_and_the_others_told() -> None:
    layout, notes = learnable_layout(endpoints(liver=85), TASKS)
    assert layout.binary == ("site.bone",)
    assert list(layout.timed) == ["metastasis"]
    assert notes == (
        "site.liver is not answered: 85 training patients with it, 5 without",
        "site.brain is not answered: 0 training patients with it, 0 without",
        "response is not answered: 0 training patients with it, 0 without",
    )


def test_a_dated_question_with_few_events_is_dropped_and_told() -> None:
    layout, notes = learnable_layout(endpoints(metastases=19), TASKS)
    assert not layout.timed
    assert "metastasis is not answered: 19 training patients with the event" in notes


def test_exactly_enough_is_enough() -> None:
    layout, _ = learnable_layout(endpoints(bone=20, metastases=20), TASKS)
    assert "site.bone" in layout.binary
    assert "metastasis" in layout.timed


def test_intervals_end_at_quantiles_of_events_at_every_horizon_and_at_the_last_contact() -> None:
    layout, _ = learnable_layout(endpoints(metastases=50), TASKS)
    quantiles = np.quantile(20.0 * np.arange(1, 51), [0.25, 0.5, 0.75, 1.0])
    assert list(layout.bin_edges_days["metastasis"]) == pytest.approx(sorted([*quantiles, 365, 730, 2000]))


def test_a_cohort_that_answers_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="no question has 20 training patients with and without the event"):
        learnable_layout(endpoints(bone=0, liver=0, metastases=0), TASKS)
