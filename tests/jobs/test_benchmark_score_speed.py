from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from metarisk.jobs.benchmark_formulations import DENSE_EDGE, OURS
from metarisk.jobs.benchmark_made_model import made_model, with_dense_edges
from metarisk.jobs.benchmark_score_speed import (
    FIRST,
    LAYER,
    NETWORKS,
    TABLE,
    WHOLE,
    ScoreSpeedPlan,
    benchmark_score_speed,
)
from metarisk.models.scoring import score_cohort

PLAN = ScoreSpeedPlan(genes=60, edges=300, samples=5, width=8, runs=1)


def test_the_same_model_with_dense_edges_answers_the_same_questions() -> None:
    torch.manual_seed(0)
    ours, cohort = made_model(60, 300, 8, 5, 0)
    theirs = with_dense_edges(ours)
    found, expected = score_cohort(theirs, cohort), score_cohort(ours, cohort)
    asked = ["sample_id", "task", "target", "horizon_days", "input_sha256"]
    assert found[asked].equals(expected[asked])
    assert np.isfinite(found["probability"].dropna()).all()
    assert "EdgeMessages" in str(theirs.ensemble)
    assert "EdgeMessages" not in str(ours.ensemble)


def test_equal_seeds_make_equal_models() -> None:
    torch.manual_seed(0)
    first, cohort = made_model(60, 300, 8, 5, 1)
    torch.manual_seed(0)
    second, _ = made_model(60, 300, 8, 5, 1)
    assert score_cohort(first, cohort).equals(score_cohort(second, cohort))


@pytest.mark.slow
def test_the_table_has_both_formulations_and_the_first_score(tmp_path: Path) -> None:
    rows = benchmark_score_speed(tmp_path / "out", PLAN)
    assert [(row.what, row.formulation) for row in rows] == [
        *((what, name) for what in (LAYER, NETWORKS, WHOLE) for name in (OURS, DENSE_EDGE)),
        (FIRST, OURS),
    ]
    assert all(row.cpu_s > 0 and row.samples_per_cpu_s > 0 for row in rows)
    assert [row.ratio for row in rows if row.formulation == DENSE_EDGE] == [1.0, 1.0, 1.0]
    lines = (tmp_path / "out" / TABLE).read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# command: {PLAN.command}"
    assert len(lines) == 3 + len(rows)
