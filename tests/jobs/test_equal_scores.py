"""One model and one cohort in this process; `tests/consumers` asks a registered one in every other way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.models.bundle import load_bundle
from metarisk.models.scoring import score_cohort

NUMBERS = ["probability", "lower", "upper", "graph_share"]
FACTS = [
    *("sample_id", "task", "target", "horizon_days", "conformal_set"),
    *("flags", "topology_sha256", "input_sha256"),
]


@pytest.fixture(scope="module")
def in_memory(tiny_model: Any) -> pd.DataFrame:
    return score_cohort(tiny_model.bundle, tiny_model.new_samples)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame, *, apart: float = 1e-6) -> None:
    np.testing.assert_allclose(found[NUMBERS], expected[NUMBERS], rtol=0, atol=apart)
    pd.testing.assert_frame_equal(
        found[FACTS].reset_index(drop=True), expected[FACTS], check_dtype=False, check_exact=True
    )


def test_the_reloaded_bundle_answers_as_the_one_in_memory(tiny_model: Any, in_memory: pd.DataFrame) -> None:
    assert_same(score_cohort(load_bundle(tiny_model.folder), tiny_model.new_samples), in_memory)


def test_the_order_of_the_samples_does_not_change_their_answers(
    tiny_model: Any, in_memory: pd.DataFrame
) -> None:
    order = np.random.default_rng(0).permutation(len(tiny_model.new_samples))
    shuffled = score_cohort(tiny_model.bundle, tiny_model.new_samples.take(order))
    keys = ["sample_id", "task", "target", "horizon_days"]
    back = shuffled.sort_values(keys, ignore_index=True)
    assert_same(back, in_memory.sort_values(keys, ignore_index=True), apart=0.0)
