"""A sample's answer is its own, to the last bit: neither neighbours, order nor number play a part."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.data import write_cohort
from metarisk.models.ensemble import ROWS_AT_A_TIME, in_blocks
from metarisk.models.scoring import score_cohort


@pytest.fixture(scope="module")
def together(tiny_model: Any) -> pd.DataFrame:
    return score_cohort(tiny_model.bundle, tiny_model.new_samples)


def rows_of_samples(scores: pd.DataFrame, rows: np.ndarray[Any, Any], n: int) -> pd.DataFrame:
    """Score rows of some samples, in their order."""
    questions = len(scores) // n
    return scores.iloc[(rows[:, None] * questions + np.arange(questions)).ravel()].reset_index(drop=True)


@pytest.mark.parametrize("seed", range(12))
def test_any_samples_in_any_order_and_number_have_the_same_bits(
    tiny_model: Any, together: pd.DataFrame, seed: int
) -> None:
    n = len(tiny_model.new_samples)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(n)[: rng.integers(1, n + 1)]
    found = score_cohort(tiny_model.bundle, tiny_model.new_samples.take(rows))
    pd.testing.assert_frame_equal(found, rows_of_samples(together, rows, n), check_exact=True)


@pytest.mark.parametrize("times", [1, 2, 3, 5, 9])
def test_neither_does_the_number_of_blocks_matter(
    tiny_model: Any, together: pd.DataFrame, times: int
) -> None:
    n = len(tiny_model.new_samples)
    rows = np.random.default_rng(times).integers(0, n, times * ROWS_AT_A_TIME - 7)
    found = score_cohort(tiny_model.bundle, tiny_model.new_samples.take(rows))
    pd.testing.assert_frame_equal(found, rows_of_samples(together, rows, n), check_exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_it_holds_in_a_process_of_one_thread_or_two(tiny_model: Any, tmp_path: Any, threads: int) -> None:
    write_cohort(tiny_model.new_samples, tmp_path / "cohort")
    words = [sys.executable, "-c", ONE_BY_ONE, str(tiny_model.folder), str(tmp_path / "cohort"), str(threads)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


ONE_BY_ONE = """
import sys
from pathlib import Path
import numpy as np, pandas as pd, torch
from metarisk.data import read_cohort
from metarisk.models.bundle import load_bundle
from metarisk.models.scoring import score_cohort
torch.set_num_threads(int(sys.argv[3]))
bundle, cohort = load_bundle(Path(sys.argv[1])), read_cohort(Path(sys.argv[2]))
alone = [score_cohort(bundle, cohort.take(np.array([row]))) for row in range(len(cohort))]
together = score_cohort(bundle, cohort)
pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), together, check_exact=True)
"""


@pytest.mark.parametrize(("n", "expected"), [(0, 4), (1, 4), (3, 4), (4, 4), (5, 8)])
def test_rows_fill_whole_blocks_with_the_last_one(n: int, expected: int) -> None:
    rows = in_blocks(n, 4)
    assert len(rows) == expected
    assert rows.tolist() == [*range(n), *[max(n - 1, 0)] * (expected - n)]
