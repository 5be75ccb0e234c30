"""Fixtures that every storey's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real cohorts and topologies; tests that need them are skipped where they are absent."""
    folder = Path(os.environ.get("METARISK_SHARED", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder.name}: set METARISK_SHARED to the folder of cohorts")
    return folder.resolve()
