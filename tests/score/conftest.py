"""A bundle and new samples in memory, as a table, and one folder of scores that many tests read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metarisk.data.cohort import Cohort
from metarisk.models.bundle import ModelBundle, load_bundle
from metarisk.schema.assays import ASSAYS
from metarisk.score import ScoreReport, score_to

MAPS = {str(assay) for assay in ASSAYS}


def write_parquet(rows: pd.DataFrame, path: Path, rows_a_group: int) -> None:
    """Rows as a table whose assays are maps; pandas makes a struct of them, with a column for each gene."""
    kinds = {name: pa.map_(pa.string(), pa.float64()) for name in MAPS}
    columns = {
        name: pa.array(rows[name], from_pandas=True, type=kinds.get(str(name))) for name in rows.columns
    }
    pq.write_table(pa.table(columns), path, row_group_size=rows_a_group)


@pytest.fixture(scope="session")
def bundle(tiny_model: Any) -> ModelBundle:
    return load_bundle(tiny_model.folder)


@pytest.fixture(scope="session")
def samples(tiny_model: Any) -> Cohort:
    cohort: Cohort = tiny_model.new_samples
    return cohort


@pytest.fixture(scope="session")
def scored(bundle: ModelBundle, samples: Cohort, tmp_path_factory: pytest.TempPathFactory) -> ScoreReport:
    return score_to(bundle, samples, tmp_path_factory.mktemp("scored") / "scores")
