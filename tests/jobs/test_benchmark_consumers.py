"""The cost of MLflow's ways to a model, measured on a small one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from metarisk.data.rows import cohort_of
from metarisk.errors import OutputError
from metarisk.jobs.benchmark_consumers import (
    PANEL,
    TABLE,
    TRANSCRIPTOME,
    benchmark_consumers,
    made_rows,
)
from metarisk.schema.assays import Assay


@pytest.mark.parametrize(
    ("kind", "assay", "genes"), [(PANEL, Assay.MUTATION, 300), (TRANSCRIPTOME, Assay.EXPRESSION, 20_000)]
)
def test_made_rows_are_rows_of_the_size_they_say(kind: str, assay: Assay, genes: int) -> None:
    cohort = cohort_of(made_rows(("TP53", "KRAS"), kind, 3), "made")
    assert len(cohort) == 3
    assert len(cohort.assays[assay].genes) == genes
    assert cohort.assays[assay].measured.all()


@pytest.mark.slow
def test_each_way_is_measured_and_stands_beside_the_model_itself(tiny_model: Any, tmp_path: Path) -> None:
    rows = benchmark_consumers(tiny_model.folder, tmp_path / "out", samples=(2,), runs=1)
    ways = {(row.kind, row.consumer) for row in rows}
    asked = ("score_cohort", "cohort_of", "pyfunc", "http")
    assert ways == {
        *(("load", way) for way in ("bundle", "pyfunc", "serve")),
        *((kind, way) for kind in (PANEL, TRANSCRIPTOME) for way in asked),
    }
    assert all(row.ms > 0 for row in rows)
    assert all(row.over_score_cohort == 1 for row in rows if row.consumer == "score_cohort")
    assert all(math.isnan(row.cpu_ms) for row in rows if row.consumer == "http")
    assert (tmp_path / "out" / TABLE).read_text().startswith("# command: metarisk benchmark consumers BUNDLE")
    with pytest.raises(OutputError, match="exists"):
        benchmark_consumers(tiny_model.folder, tmp_path / "out", samples=(2,))
