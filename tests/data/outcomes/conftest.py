"""A clinical table of a few patients, read for its endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config.study import EndpointColumns
from metarisk.data.endpoints import read_endpoints
from metarisk.data.found import Found
from metarisk.data.source import ClinicalSource

Read = Callable[..., tuple[pd.DataFrame, Found]]


@pytest.fixture
def read() -> Read:
    """Reads columns of cells by a section of endpoints: the table and what was told."""

    def reads(
        endpoints: dict[str, Any], ids: list[str] | None = None, **cells: list[str]
    ) -> tuple[pd.DataFrame, Found]:
        n = len(next(iter(cells.values())))
        names = ids or [f"S{i}" for i in range(n)]
        frame = pd.DataFrame(cells, index=pd.Index(names, name="sample_id", dtype=object))
        source = ClinicalSource(frame, np.array(names), dict.fromkeys(cells, "clinic.txt"))
        found: Found = []
        return read_endpoints(source, EndpointColumns.model_validate(endpoints), found), found

    return reads
