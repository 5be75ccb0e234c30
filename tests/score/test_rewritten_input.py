"""A killed job goes on over an input that was written anew meanwhile, in another layout."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.data.cohort import Cohort
from metarisk.data.rows import rows_of
from tests.nursery import Forked, start
from tests.score.conftest import write_parquet

SAMPLES = 900


def long_cohort(samples: Cohort) -> pd.DataFrame:
    """Rows of a table: the same tumours again and again under new names, so that a job lasts seconds."""
    rows = rows_of(samples.take(np.arange(SAMPLES) % len(samples)))
    return rows.assign(sample_id=[f"S{number:05d}" for number in range(SAMPLES)])


@pytest.mark.slow
def test_a_table_written_anew_with_other_row_groups_and_another_order_is_gone_on_with(
    tiny_model: Any, tmp_path: Path
) -> None:
    table, rows = tmp_path / "table.parquet", long_cohort(tiny_model.new_samples)
    write_parquet(rows, table, 150)
    kill_in_the_middle(tiny_model.folder, table, tmp_path / "out")
    turned = rows.iloc[::-1]
    write_parquet(turned, table, 77)
    before = set((tmp_path / "out.unfinished" / "parts").glob("[0-9]*.parquet"))
    assert before
    for out in ("out", "whole"):
        assert scoring(tiny_model.folder, table, tmp_path / out).wait() == 0
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")
    scored = pd.read_parquet(tmp_path / "out" / "scores.parquet")["sample_id"].drop_duplicates()
    assert scored.tolist() == turned["sample_id"].tolist()


def kill_in_the_middle(model: Path, samples: Path, out: Path) -> None:
    job = scoring(model, samples, out)
    until = time.monotonic() + 60
    while not any((out.with_name(f"{out.name}.unfinished") / "parts").glob("[0-9]*.parquet")):
        assert job.poll() is None, "the job ended before it was killed"
        assert time.monotonic() < until, "the job did not begin to write"
        time.sleep(0.01)
    job.kill()
    assert job.wait() == -signal.SIGKILL
    assert not out.exists()


def scoring(model: Path, samples: Path, out: Path) -> Forked:
    return start("-m", "metarisk", "score", str(model), str(samples), "--out", str(out))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
