"""Memory does not grow with the input, and the benchmark that says so measures what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metarisk.cli import run

pytestmark = pytest.mark.slow


def test_four_times_the_samples_take_no_more_memory(tiny_model: Any, tmp_path: Path) -> None:
    out = tmp_path / "bench"
    options = ["--samples", "1000", "--samples", "4000", "--genes", "50", "--out", str(out)]
    assert run(["benchmark", "score", str(tiny_model.folder), *options]) == 0
    assert [path.name for path in out.iterdir()] == ["score.tsv"]
    assert [path.name for path in tmp_path.iterdir()] == ["bench"]
    table = pd.read_csv(out / "score.tsv", sep="\t", comment="#")
    assert table["samples"].tolist() == [1000, 4000]
    small, large = table["peak_mib"]
    assert large < small + 30  # 3,000 rows more of three maps would be 50 MiB as objects
    assert (table["first_s"] < table["seconds"]).all()
