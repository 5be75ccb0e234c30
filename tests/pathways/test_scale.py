"""Large topologies build, save and load in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np
from metarisk.pathways import EdgeColumns, topology_from_columns
from metarisk.pathways.artefact import load_topology, save_topology

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

E, G, rng = int(sys.argv[2]), 20_000, np.random.default_rng(0)
ends = [rng.integers(0, G, E, dtype=np.int32) for _ in range(2)]
kinds = [rng.integers(0, 7, E, dtype=np.int8), rng.integers(-1, 2, E, dtype=np.int8)]
edges = EdgeColumns(tuple(f"G{i:05d}" for i in range(G)), *ends, *kinds)
import pyarrow.parquet
before = peak()
topology, _ = topology_from_columns("large", edges)
save_topology(topology, Path(sys.argv[1]))
built, expected = peak() - before, topology.sha256
del edges, ends, kinds, topology
assert load_topology(Path(sys.argv[1])).sha256 == expected
print(built / E)
"""


@pytest.mark.slow
def test_twenty_thousand_genes_and_five_million_edges_need_under_80_bytes_an_edge(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "large"), "5000000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 80
