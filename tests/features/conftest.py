"""Small cohorts written out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.schema.assays import ASSAYS, Assay

N_SAMPLES = 40
GENES = tuple(f"G{number:02d}" for number in range(12))

MakeTable = Callable[..., AssayTable]


@pytest.fixture
def make_table() -> MakeTable:
    """Random values of an assay in one unit, a fifth of the cells unmeasured."""

    def make(assay: Assay, unit: str, *, seed: int = 0, genes: tuple[str, ...] = GENES) -> AssayTable:
        rng = np.random.default_rng(seed)
        shape = (N_SAMPLES, len(genes), len(ASSAYS[assay].channels))
        if unit in {"calls", "discrete"}:
            values = rng.integers(0, 2, shape).astype(np.float32)
        elif unit in {"beta", "fraction"}:
            values = rng.random(shape).astype(np.float32)
        elif unit == "log2_ratio":
            values = rng.normal(0, 0.5, shape).astype(np.float32)
        else:
            values = rng.normal(5, 2, shape).astype(np.float32)
        values[rng.random(shape[:2]) < 0.2] = np.nan
        return AssayTable(assay, sample_ids(), genes, values, np.full(N_SAMPLES, unit))

    return make


@pytest.fixture
def make_cohort(make_table: MakeTable) -> Callable[..., Cohort]:
    """Cohort of the tables given, with ages, sexes and a rare cancer type."""

    def make(*tables: AssayTable, **clinical: Any) -> Cohort:
        rng = np.random.default_rng(7)
        table = pd.DataFrame(
            {
                "patient_id": [f"P{number}" for number in range(N_SAMPLES)],
                "age_years": np.where(rng.random(N_SAMPLES) < 0.2, np.nan, rng.normal(60, 9, N_SAMPLES)),
                "sex": rng.choice(np.array(["female", "male", None], dtype=object), N_SAMPLES),
                "cancer_type": ["LUAD"] * 20 + ["BRCA"] * 18 + ["UVM"] * 2,
                **clinical,
            },
            index=pd.Index(sample_ids(), name="sample_id"),
        )
        tables = tables or (
            make_table(Assay.MUTATION, "calls"),
            make_table(Assay.COPY_NUMBER, "discrete", seed=1),
            make_table(Assay.EXPRESSION, "log2_tpm", seed=2),
        )
        return Cohort.join(table, tables, pd.DataFrame(index=table.index), Provenance("hand", "", ""))

    return make


def sample_ids() -> np.ndarray:
    return np.array([f"S{number}" for number in range(N_SAMPLES)])
