"""Files that the HDF5 library does not survive are refused, and this process lives on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from metarisk.data.annotated import probe, read_matrix, read_obs


@pytest.fixture
def path(tmp_path) -> Path:
    import anndata

    obs = pd.DataFrame({"stage": pd.Categorical(["x", None, "y"])}, index=["S1", "S2", "S3"])
    matrix = sparse.csr_matrix(np.arange(60.0).reshape(3, 20))
    anndata.AnnData(matrix, obs, pd.DataFrame(index=[f"G{n}" for n in range(20)])).write_h5ad(
        tmp_path / "x.h5ad"
    )
    return tmp_path / "x.h5ad"


def told(path: Path) -> list[str]:
    found = []
    read_obs(path, None, found)
    read_matrix(path, None, "obs_names", found)
    return [str(finding) for finding in found]


def test_a_sound_file_passes_and_is_looked_at_once(path, monkeypatch):
    assert told(path) == []
    monkeypatch.setattr(probe, "_LOOK", "raise SystemExit('looked again')")
    assert told(path) == []


@pytest.mark.parametrize(
    "end", ["import os; os.kill(os.getpid(), 11)", "import time; time.sleep(60)"], ids=["dies", "never ends"]
)
def test_a_file_that_ends_the_library_is_refused(path, end, monkeypatch):
    monkeypatch.setattr(probe, "_LOOK", end)
    monkeypatch.setattr(probe, "LONGEST_SECONDS", 1.0)
    size = path.stat().st_size
    for sentence in told(path):
        assert f"x.h5ad: is damaged ({size} bytes): the HDF5 library does not survive reading it" in sentence
    assert len(told(path)) == 2


@pytest.mark.slow
def test_no_flipped_byte_ends_this_process(path):
    whole = path.read_bytes()
    meaningful = [place for place, byte in enumerate(whole) if byte]
    random = np.random.default_rng(0)
    outcomes = []
    for place in random.choice(meaningful, 100):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        outcomes.append(bool(told(path)))
    assert any(outcomes)
